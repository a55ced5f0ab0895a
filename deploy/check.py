"""Checks of this folder in addition to those of its tools.

    deploy/check.py documents    the template and the guides contain the documents of iam/ (needs PyYAML)
    deploy/check.py guards       the service control policies deny what they must, to the right principals, in every
                                 partition, and docs/threats.md lists it
    deploy/check.py terraform    format, validation and tests of the module and its example, and reading it by tag

Terraform runs in a copy, so that it leaves no files here. Its provider comes from the mirror that
SENTINEL_TERRAFORM_MIRROR names, or from one in a usual location. If terraform or a mirror is missing, the command
prints `skipped: …` and exits with status 0.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterator, Optional

import expectations
import guard

DEPLOY = Path(__file__).resolve().parent
DOCS = DEPLOY.parent / "docs"

# The placeholders of iam/ and their form in the template and in the guides.
PLACEHOLDERS = {
    "partition": ("${AWS::Partition}", "aws"),
    "region": ("${AWS::Region}", "$REGION"),
    "account": ("${AWS::AccountId}", "$ACCOUNT"),
    "policy_root": ("${PolicyRoot}", "/sentinel/policies"),
    "policy_key": ("${PolicyKmsKeyArn}", "KEY_ARN"),
    "table_key": ("${KmsKeyArn}", "KEY_ARN"),
    "api_id": ("${ApiId}", "$API_ID"),
}
TEMPLATE, GUIDE = 0, 1

# Maximum number of problems to print: one missing pattern causes many wrong decisions.
SHOWN = 40


def document(name: str, form: int) -> Any:
    """A document of iam/ in the given form."""
    text = (DEPLOY / "iam" / f"{name}.json").read_text(encoding="utf-8")
    for placeholder, forms in PLACEHOLDERS.items():
        text = text.replace("${%s}" % placeholder, forms[form])
    return json.loads(text)["Statement"]


def statements(name: str, form: int) -> dict[str, Any]:
    return {statement["Sid"]: plain(statement) for statement in document(name, form)}


def plain(value: Any) -> Any:
    """Replaces lists of one item by the item, because IAM accepts both."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return plain(value[0]) if len(value) == 1 else [plain(item) for item in value]
    return value


def template(name: str) -> Any:
    """A CloudFormation template: `!Sub text` is its text, `!Ref X` is `${X}`, `!If` the value for true."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    def short_form(loader: Any, tag: str, node: Any) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return "${%s}" % node.value if tag == "Ref" else node.value
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        items = loader.construct_sequence(node, deep=True)
        return items[1] if tag == "If" else items

    Loader.add_multi_constructor("!", short_form)
    return yaml.load((DEPLOY / "sam" / name).read_text(encoding="utf-8"), Loader)["Resources"]


def differences() -> Iterator[str]:
    """Differences between documents that must be equal."""

    def compare(where: str, found: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
        for sid in sorted(found.keys() | wanted.keys()):
            if found.get(sid) != wanted.get(sid):
                yield f"{where}: {sid}: {json.dumps(found.get(sid))} is not {json.dumps(wanted.get(sid))}"

    main = template("template.yaml")
    for resource, name in (("TvmRole", "tvm-function"), ("AuthorizerRole", "authorizer-function")):
        role = main[resource]["Properties"]
        policies = [policy["PolicyDocument"]["Statement"] for policy in role["Policies"]]
        expected = [name, "function-vpc", "function-traces"]
        if len(policies) != len(expected):
            yield f"template.yaml: {resource} has {len(policies)} policies"
        for found, document_name in zip(policies, expected):
            yield from compare(f"template.yaml: {resource}", {s["Sid"]: plain(s) for s in found},
                               statements(document_name, TEMPLATE))
        trust = role["AssumeRolePolicyDocument"]["Statement"]
        yield from compare(f"template.yaml: {resource}", {s["Sid"]: plain(s) for s in trust},
                           statements("function-trust", TEMPLATE))

    protected = template("protected-role.yaml")["Role"]["Properties"]
    trust = json.loads(json.dumps(protected["AssumeRolePolicyDocument"]["Statement"]).replace(
        "${TvmRoleArn}", "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/SentinelTVMExecutionRole"))
    yield from compare("protected-role.yaml", {s["Sid"]: plain(s) for s in trust},
                       statements("protected-role-trust", TEMPLATE))
    guard = protected["Policies"][0]["PolicyDocument"]["Statement"]
    yield from compare("protected-role.yaml", {s["Sid"]: plain(s) for s in guard},
                       statements("protected-role-guard", TEMPLATE))

    guide = (DOCS / "deployment.md").read_text(encoding="utf-8")
    optional = {"DecryptPolicies", "DecryptTables", "PolicyTable"}
    for file, name in (("tvm-role", "tvm-function"), ("authorizer-role", "authorizer-function"),
                       ("lambda-trust", "function-trust"), ("protected-trust", "protected-role-trust"),
                       ("protected-guard", "protected-role-guard"), ("client", "client")):
        block = re.search(rf"cat > try/{file}\.json <<'?END'?\n(.*?)\nEND$", guide, re.S | re.M)
        if not block:
            yield f"deployment.md: try/{file}.json is not written"
            continue
        found = {s["Sid"]: plain(s) for s in json.loads(block[1])["Statement"]}
        wanted = {sid: s for sid, s in statements(name, GUIDE).items() if sid not in optional}
        yield from compare(f"deployment.md: {file}", found, wanted)


def threats() -> str:
    return (DOCS / "threats.md").read_text(encoding="utf-8")


def guard_section() -> str:
    """The part of docs/threats.md that lists what the guards deny."""
    return threats().split("## Who can be any user\n")[1].split("```json")[0]


def guard_problems() -> Iterator[str]:
    yield from expectations.problems()
    yield from expectations.not_in_both(guard_section())
    shown = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", threats(), re.S | re.M)]
    names = guard.Names("111122223333", ("SENTINEL_API_ID",))
    if shown != list(guard.guards(names).values()):
        yield "threats.md: the service control policies are not those of iam/, in the order " + ", ".join(guard.GUARDS)


def mirror() -> Optional[Path]:
    """A folder of provider packages that holds the AWS provider."""
    provider = Path("registry.terraform.io/hashicorp/aws")
    places = [os.environ.get("SENTINEL_TERRAFORM_MIRROR"), os.environ.get("TF_PLUGIN_CACHE_DIR"),
              Path.home() / ".terraform.d/plugins", Path.home() / ".terraform.d/plugin-cache",
              "/usr/share/terraform/plugins", "/usr/local/share/terraform/plugins",
              *sorted(glob.glob("/opt/*"))]
    return next((Path(place) for place in places if place and (Path(place) / provider).is_dir()), None)


def terraform() -> int:
    program, plugins = shutil.which("terraform"), mirror()
    if program is None or plugins is None:
        print(f"skipped: no {'terraform' if program is None else 'mirror with the AWS provider'} on this machine")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "deploy"
        shutil.copytree(DEPLOY, copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        # Without the settings, endpoint and credentials of the current user.
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "TF_"))}
        environment["TF_CLI_CONFIG_FILE"] = os.devnull
        module, example = copy / "terraform", copy / "terraform/examples/complete"
        for where, *arguments in (
            (module, "fmt", "-check", "-diff", "-recursive"),
            (module, "init", "-backend=false", f"-plugin-dir={plugins}"),
            (module, "validate"),
            (module, "test"),
            (example, "init", "-backend=false", f"-plugin-dir={plugins}"),
            (example, "validate"),
        ):
            done = subprocess.run([program, *arguments, *(["-no-color"] if arguments[0] != "fmt" else [])],
                                  cwd=where, env=environment, stdin=subprocess.DEVNULL)
            if done.returncode:
                print(f"terraform {arguments[0]} in {where.relative_to(copy)}: failed")
                return 1
        return by_tag(program, Path(folder), environment)


def by_tag(program: str, folder: Path, environment: dict[str, str]) -> int:
    """Reads the modules as README.md names them, by tag, from a repository that is a copy of this folder."""
    [block] = [block for block in re.findall(r"^```hcl\n(.*?)^```", (DEPLOY / "README.md").read_text(encoding="utf-8"),
                                             re.S | re.M) if "?ref=" in block]
    repository, user = folder / "repository.git", folder / "user"
    shutil.copytree(DEPLOY, repository / "deploy", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    user.mkdir()
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    [tag] = set(re.findall(r"\?ref=([^\"]+)", block))
    for arguments in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message", "x"],
                      [*identity, "tag", tag]):
        subprocess.run(["git", *arguments], cwd=repository, check=True, stdin=subprocess.DEVNULL)
    local, found = re.subn(r"git::https://\S+?\.git//", f"git::file://{repository}//", block)
    (user / "main.tf").write_text(local, encoding="utf-8")
    done = subprocess.run([program, "get", "-no-color"], cwd=user, env=environment, stdin=subprocess.DEVNULL)
    names = re.findall(r'^module "(\w+)"', block, re.M)
    if done.returncode or found != len(names):
        print("terraform get of the modules by tag: failed")
        return 1
    for name, variables in zip(names, re.findall(r"^module .*?^}", block, re.S | re.M)):
        source = re.search(r"\.git//([^?]+)\?", variables)[1]
        declared = "".join(file.read_text(encoding="utf-8") for file in (DEPLOY.parent / source).glob("*.tf"))
        for variable in re.findall(r"^  (\w+) +=", variables, re.M):
            if variable != "source" and f'variable "{variable}"' not in declared:
                print(f"README.md: module `{name}` has no variable `{variable}`")
                return 1
    return 0


def main(arguments: list[str]) -> int:
    if arguments == ["documents"]:
        found = list(differences())
        print("\n".join(found) or "the template and the guides contain the documents of iam/")
        return 1 if found else 0
    if arguments == ["guards"]:
        found = list(dict.fromkeys(guard_problems()))
        print("\n".join(found[:SHOWN]) or "the guards deny what they must, and docs/threats.md lists it")
        if len(found) > SHOWN:
            print(f"… and {len(found) - SHOWN} more")
        return 1 if found else 0
    if arguments == ["terraform"]:
        return terraform()
    print(__doc__.strip())
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
