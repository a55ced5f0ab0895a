"""Prints the service control policies that protect a deployment, for its names.

    deploy/guard.py administration-guard --account 111122223333 --api-id a1b2c3d4e5
    deploy/guard.py identity-guard --account 111122223333 --role 111122223333:Broker --role 444455556666:Broker

The output `service_control_policies` of the Terraform module contains the same policies. docs/threats.md describes what
they deny, and the accounts to attach them to.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

IAM = Path(__file__).resolve().parent / "iam"

# The guards, each a file in iam/.
GUARDS = ("administration-guard", "identity-guard")

# The statement that protects roles: the roles that a deployment names are added to it.
ROLES = "SentinelRoles"

# Maximum size of a policy in AWS Organizations, and maximum number attached to one root, OU or account.
# <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
MAX_CHARACTERS = 5120
MAX_ATTACHED = 5

_ROLE = re.compile(r"[0-9]{12}:[\w+=,.@-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Names:
    """The names of a deployment, as far as the guards contain them."""

    # The account of the functions.
    account: str
    # The APIs in front of the TVM.
    api_ids: "tuple[str, ...]"
    # With `*`, the documents work in every partition.
    partition: str = "*"
    # SENTINEL_POLICY_ROOT.
    policy_root: str = "/sentinel/policies"
    # The role that deploys Sentinel and writes policies. May have a path.
    deployer: str = "SentinelDeployer"
    # The role with the policy `sentinel iam emergency-operator`. May have a path.
    emergency_operator: str = "SentinelEmergencyOperator"
    # Further roles to protect, as `account:RoleName`: those in SENTINEL_SESSION_NAME_ROLES and SENTINEL_OPERATORS.
    roles: "tuple[str, ...]" = ()


def role_arns(names: Names) -> Iterator[str]:
    """Each further role, without a path and with any: the ARN of a session does not contain the role's path."""
    for entry in names.roles:
        if not _ROLE.fullmatch(entry):
            raise ValueError(f"`{entry}` is not an exact role: write `account:RoleName`, without wildcards or a path")
        account, role = entry.split(":")
        for path in ("", "*/"):
            yield f"arn:{names.partition}:iam::{account}:role/{path}{role}"


def guard(name: str, names: Names) -> "dict[str, Any]":
    """A guard with its placeholders replaced."""
    text = (IAM / f"{name}.json").read_text(encoding="utf-8")
    for placeholder in ("account", "partition", "policy_root", "deployer", "emergency_operator"):
        text = text.replace("${%s}" % placeholder, getattr(names, placeholder))
    document = json.loads(text)
    for statement in document["Statement"]:
        statement["Resource"] = [
            arn.replace("${api_id}", api_id)
            for arn in statement["Resource"]
            for api_id in (names.api_ids if "${api_id}" in arn else ("",))
        ]
        if statement["Sid"] == ROLES:
            statement["Resource"] += role_arns(names)
    return document


def guards(names: Names) -> "dict[str, dict[str, Any]]":
    return {name: guard(name, names) for name in GUARDS}


def minified(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))


def main(arguments: "list[str]") -> int:
    description, _, rest = __doc__.partition("\n")
    parser = argparse.ArgumentParser(prog="deploy/guard.py", description=description, epilog=rest,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("guard", choices=GUARDS)
    parser.add_argument("--account", required=True, help="account of the functions")
    parser.add_argument("--api-id", action="append", default=[], help="id of the API in front of the TVM; may be repeated")
    parser.add_argument("--partition", default=Names.partition, help="aws, aws-us-gov or aws-cn (default: any)")
    parser.add_argument("--policy-root", default=Names.policy_root, help="folder of the policies (default: %(default)s)")
    parser.add_argument("--deployer", default=Names.deployer,
                        help="role that deploys Sentinel, with its path if it has one (default: %(default)s)")
    parser.add_argument("--emergency-operator", default=Names.emergency_operator,
                        help="role that can revoke through the session table (default: %(default)s)")
    parser.add_argument("--role", action="append", default=[], metavar="ACCOUNT:ROLENAME",
                        help="further role to protect; may be repeated")
    given = parser.parse_args(arguments)
    if given.guard == "administration-guard" and not given.api_id:
        parser.error("administration-guard needs --api-id")
    names = Names(given.account, tuple(given.api_id), given.partition, given.policy_root, given.deployer,
                  given.emergency_operator, tuple(given.role))
    try:
        text = minified(guard(given.guard, names))
    except ValueError as error:
        parser.error(str(error))
    if len(text) > MAX_CHARACTERS:
        print(f"the policy has {len(text)} characters, and AWS Organizations accepts {MAX_CHARACTERS}: "
              "print one for some of the roles and another for the rest", file=sys.stderr)
        return 1
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
