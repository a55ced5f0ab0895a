"""The SAM template as CloudFormation receives it: after the SAM transform, with parameters filled in.

Not an emulator: nothing is created. It evaluates the functions that the template uses and fails on any other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping

import yaml
from samtranslator.translator.transform import transform

SAM = Path(__file__).resolve().parent.parent / "sam"

ACCOUNT = "111122223333"
_ABSENT = object()
_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": _ABSENT,
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::StackId": f"arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/sentinel/51af3dc0-da77-11e4-872e-1234567db123",
    "AWS::StackName": "sentinel",
    "AWS::URLSuffix": "amazonaws.com",
}


def read(name: str) -> dict[str, Any]:
    """A template, with short forms such as `!Ref` written out."""

    class Loader(yaml.SafeLoader):
        pass

    def long_form(loader: Any, tag: str, node: Any) -> Any:
        if isinstance(node, yaml.ScalarNode):
            value: Any = loader.construct_scalar(node)
            if tag == "GetAtt":
                value = value.split(".", 1)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)
        return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}

    Loader.add_multi_constructor("!", long_form)
    return yaml.load((SAM / name).read_text(encoding="utf-8"), Loader)


class _NoManagedPolicies:
    """The template names no managed policies, so IAM is not read."""

    def load(self) -> dict[str, str]:
        return {}


def translated(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """The template that CloudFormation deploys: after the SAM transform, with the parameters of this deployment."""
    template = yaml.safe_load(yaml.safe_dump(dict(template)))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # `sam deploy` uploads the package and writes its address here.
            resource["Properties"]["CodeUri"] = "s3://bucket/package.zip"
    return transform(template, dict(parameters), _NoManagedPolicies())


class Stack:
    """The resources of a deployment, with every function evaluated and absent values omitted."""

    def __init__(self, template: Mapping[str, Any], **parameters: str) -> None:
        self._declared = template["Parameters"]
        unknown = parameters.keys() - self._declared.keys()
        if unknown:
            raise KeyError(f"no such parameters: {sorted(unknown)}")
        self._given = parameters
        self._template = translated(template, parameters)
        self.resources: dict[str, Any] = {
            name: self._value(resource)
            for name, resource in self._template["Resources"].items()
            if self._holds(resource.get("Condition"))
        }

    def of_type(self, kind: str) -> dict[str, Any]:
        """The properties of each resource of a type, by logical id."""
        return {
            name: resource["Properties"] for name, resource in self.resources.items() if resource["Type"] == kind
        }

    def properties(self, name: str) -> Any:
        return self.resources[name]["Properties"]

    def variables(self, function: str) -> dict[str, str]:
        """The environment variables of a function."""
        return self.properties(function)["Environment"]["Variables"]

    def rejections(self) -> list[str]:
        """Descriptions of the rules that the parameters violate. If there are any, CloudFormation deploys nothing."""
        broken: list[str] = []
        for rule in self._template.get("Rules", {}).values():
            if self._value(rule.get("RuleCondition", True)):
                broken += [
                    each["AssertDescription"] for each in rule["Assertions"] if not self._value(each["Assert"])
                ]
        return broken

    def _parameter(self, name: str) -> Any:
        declared = self._declared[name]
        value = str(self._given.get(name, declared.get("Default")))
        return value.split(",") if declared["Type"] == "CommaDelimitedList" else value

    def _holds(self, condition: Any) -> bool:
        return condition is None or bool(self._value(self._template["Conditions"][condition]))

    def _value(self, value: Any) -> Any:
        if isinstance(value, list):
            items = [self._value(item) for item in value]
            return [item for item in items if item is not _ABSENT]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function == "Ref":
                return self._ref(argument)
            if function == "Condition" and isinstance(argument, str):
                return self._holds(argument)
            if function.startswith("Fn::"):
                return self._call(function.removeprefix("Fn::"), argument)
        found = {key: self._value(item) for key, item in value.items()}
        return {key: item for key, item in found.items() if item is not _ABSENT}

    def _ref(self, name: str) -> Any:
        if name in _PSEUDO:
            return _PSEUDO[name]
        return self._parameter(name) if name in self._declared else f"<{name}>"

    def _call(self, function: str, argument: Any) -> Any:
        if function == "If":
            condition, then, otherwise = argument
            return self._value(then if self._holds(condition) else otherwise)
        if function == "Sub":
            text, names = (argument, {}) if isinstance(argument, str) else argument
            return self._substituted(text, names)
        if function == "GetAtt":
            return f"<{'.'.join(argument)}>"
        arguments = self._value(argument)
        match function:
            case "Join":
                separator, items = arguments
                return separator.join(str(item) for item in items)
            case "Split":
                separator, text = arguments
                return text.split(separator)
            case "Select":
                index, items = arguments
                return items[int(index)]
            case "Equals":
                return arguments[0] == arguments[1]
            case "Not":
                return not arguments[0]
            case "And":
                return all(arguments)
            case "Or":
                return any(arguments)
            case "EachMemberEquals":
                return all(item == arguments[1] for item in arguments[0])
        raise NotImplementedError(f"Fn::{function}")

    def _substituted(self, text: str, names: Mapping[str, Any]) -> str:
        parts = text.split("${")
        said = parts[0]
        for part in parts[1:]:
            name, _, rest = part.partition("}")
            value = self._value(names[name]) if name in names else f"<{name}>" if "." in name else self._ref(name)
            said += f"{value}{rest}"
        return said
