"""Evaluates service control policies that only deny, as AWS does.

A construct that this file does not implement is an error: a policy is never evaluated approximately. Whether a policy
applies to a principal at all (management account, service-linked roles) is not decided here.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Mapping, Union

Policy = Mapping[str, Any]


class Unsupported(Exception):
    """The policy uses a construct that a guard must not use, or that is not implemented here."""


class Colons(enum.Enum):
    """Whether `*` in a segment of a resource ARN matches colons.

    AWS documents that a `*` that ends a segment _can_ match beyond it, so a statement must be correct both ways.
    <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
    """

    NOT_MATCHED = "not matched"
    MATCHED = "matched"


@lru_cache(maxsize=None)
def _expression(pattern: str, ignore_case: bool) -> "re.Pattern[str]":
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


# The same few ARNs and actions are compared repeatedly.
@lru_cache(maxsize=None)
def _matches(pattern: str, text: str, ignore_case: bool = False) -> bool:
    """`*` matches any sequence of characters, including `/`; `?` matches one character."""
    if "${" in pattern:
        raise Unsupported(f"`{pattern}` has a variable, or a placeholder that was not replaced")
    return _expression(pattern, ignore_case).fullmatch(text) is not None


@lru_cache(maxsize=None)
def _arn_matches(pattern: str, arn: str) -> bool:
    """Each of the six components is compared separately, as `ArnLike` does.
    <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
    """
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == len(parts) == 6 and all(map(_matches, patterns, parts))


def _resource_matches(pattern: str, resource: str, colons: Colons) -> bool:
    if pattern == "*" or colons is Colons.MATCHED:
        return _matches(pattern, resource)
    return _arn_matches(pattern, resource)


def _as_list(value: Union[str, "list[str]"]) -> "list[str]":
    return [value] if isinstance(value, str) else list(value)


# The comparison of each operator, and whether it is the negated form.
_OPERATORS = {
    "ArnLike": (_arn_matches, False),
    "ArnNotLike": (_arn_matches, True),
    "StringLike": (_matches, False),
    "StringNotLike": (_matches, True),
}


def _condition_holds(operator: str, key: str, values: "list[str]", context: Mapping[str, str]) -> bool:
    """One value must match; with a negated operator none must match. Without the key, only a negated operator
    holds."""
    name = operator[: -len("IfExists")] if operator.endswith("IfExists") else operator
    if name not in _OPERATORS:
        raise Unsupported(f"condition operator `{operator}`")
    compare, negated = _OPERATORS[name]
    actual = context.get(key.lower())
    if actual is None:
        return negated or name != operator
    return any(compare(value, actual) for value in values) is not negated


@dataclass(frozen=True)
class Statement:
    """A statement that denies."""

    policy: str
    parts: Mapping[str, Any]

    def is_about(self, action: str, resource: str, colons: Colons) -> bool:
        """Whether the statement denies the action on the resource to some principal."""
        return any(_matches(pattern, action, ignore_case=True) for pattern in _as_list(self.parts["Action"])) and any(
            _resource_matches(pattern, resource, colons) for pattern in _as_list(self.parts["Resource"])
        )

    def condition_holds(self, context: Mapping[str, str]) -> bool:
        """Context keys are in lower case."""
        return all(
            _condition_holds(operator, key, _as_list(values), context)
            for operator, keys in self.parts.get("Condition", {}).items()
            for key, values in keys.items()
        )

    def __str__(self) -> str:
        return f"{self.policy}: {self.parts['Sid']}"


def statements(policies: Mapping[str, Policy]) -> "list[Statement]":
    """The statements of policies that only deny. AWS denies a request if one statement is about its action and
    resource and has a condition that holds."""
    found = [Statement(name, parts) for name, policy in policies.items() for parts in policy["Statement"]]
    for statement in found:
        unknown = statement.parts.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}
        if unknown or statement.parts["Effect"] != "Deny":
            raise Unsupported(f"{statement}: {', '.join(sorted(unknown)) or 'it does not deny'}")
    return found
