"""A table of the requests that the guards must deny or not deny, by principal, and the check of the guards against it.

The table lists the actions that docs/threats.md warns of. Action names are those of the service authorization
reference, <https://docs.aws.amazon.com/service-authorization/latest/reference/>.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Iterable, Iterator, Mapping

from evaluation import Colons, Policy, Unsupported, statements
from guard import MAX_ATTACHED, MAX_CHARACTERS, Names, guards, minified

IAM = Path(__file__).resolve().parent / "iam"

# Sentinel's account, and another account with accepted callers and protected roles.
ACCOUNT, MEMBER = "111122223333", "444455556666"
REGIONS = {"aws": "eu-central-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"}
# Paths under which a role can be created.
PATHS = ("", "dev/", "a/b/c/")
# A role listed in SENTINEL_SESSION_NAME_ROLES, in each account.
LISTED = "CorporateLogin"
NAMES = Names(ACCOUNT, ("a1b2c3d4e5", "f6g7h8i9j0"), roles=(f"{ACCOUNT}:{LISTED}", f"{MEMBER}:{LISTED}"))

# The roles that the guards exempt from something, by ARN.
HOLDERS = {
    "deployer": f"arn:{{partition}}:iam::{ACCOUNT}:role/{NAMES.deployer}",
    "deployer of another account": f"arn:{{partition}}:iam::{MEMBER}:role/{NAMES.deployer}",
    "TVM": f"arn:{{partition}}:iam::{ACCOUNT}:role/SentinelTVMExecutionRole",
    "authorizer": f"arn:{{partition}}:iam::{ACCOUNT}:role/SentinelAuthorizerRole",
    "emergency operator": f"arn:{{partition}}:iam::{ACCOUNT}:role/{NAMES.emergency_operator}",
}

# Developers, in every form that a principal has, and roles that resemble one that is exempt.
DEVELOPERS = tuple(
    f"arn:{{partition}}:iam::{account}:{principal}"
    for account in (ACCOUNT, MEMBER)
    for principal in (
        "role/Developer",
        "role/dev/Developer",
        "user/dev",
        "user/dev/dev",
        "root",
        "role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Developer_0123456789abcdef",
        f"role/dev/{NAMES.deployer}",
        f"role/{NAMES.deployer}2",
        f"role/{NAMES.deployer}/dev",
        "role/SentinelTVM",
        "role/SentinelTVMExecutionRole2",
        "role/dev/SentinelTVMExecutionRole",
        "role/SentinelAuthorizerRole2",
        f"role/dev/{NAMES.emergency_operator}",
        f"role/{NAMES.emergency_operator}2",
    )
)


@dataclass(frozen=True)
class Watched:
    """Actions whose holder is, or can become, any user; their resources; and the only roles that may use them."""

    subject: str
    actions: "tuple[str, ...]"
    resources: "tuple[str, ...]"
    holders: "tuple[str, ...]" = ("deployer",)


def _of(service: str, actions: str) -> "tuple[str, ...]":
    return tuple(f"{service}:{action}" for action in actions.split())


def _roles(*names: str, accounts: "tuple[str, ...]" = (ACCOUNT, MEMBER)) -> "tuple[str, ...]":
    return tuple(
        f"arn:{{partition}}:iam::{account}:role/{path}{name}"
        for account in accounts
        for path in PATHS
        for name in names
    )


def _in_account(service: str, *resources: str) -> "tuple[str, ...]":
    return tuple(f"arn:{{partition}}:{service}:{{region}}:{ACCOUNT}:{resource}" for resource in resources)


_TABLES = _in_account("dynamodb", *(f"table/sentinel-{name}" for name in ("sessions", "approvals", "breakglass", "policies")))
_SESSIONS, _REQUESTS, _POLICIES = _TABLES[:1], _TABLES[1:3], _TABLES[3:]
_LOGS = _in_account(
    "logs",
    *(f"log-group:/aws/lambda/sentinel-{name}{rest}" for name in ("tvm", "authorizer") for rest in ("", ":log-stream:2026/a")),
)
_RESERVED = "AWSReservedSSO_Admin_0000000000000000"
_FUNCTION_ROLES = ("SentinelTVMExecutionRole", "SentinelAuthorizerRole")
_ANY_DEPLOYER = ("deployer", "deployer of another account")

WATCHED = (
    Watched(
        "functions",
        _of("lambda", "AddPermission CreateAlias CreateFunction CreateFunctionUrlConfig DeleteFunction GetFunction "
                      "GetFunctionConfiguration InvokeAsync InvokeFunction InvokeFunctionUrl ListVersionsByFunction "
                      "PublishVersion PutFunctionEventInvokeConfig PutRuntimeManagementConfig RemovePermission UpdateAlias "
                      "UpdateFunctionCode UpdateFunctionCodeSigningConfig UpdateFunctionConfiguration "
                      "UpdateFunctionEventInvokeConfig UpdateFunctionUrlConfig"),
        _in_account("lambda", "function:sentinel-tvm", "function:sentinel-tvm:live", "function:sentinel-authorizer"),
    ),
    Watched(
        "API",
        _of("apigateway", "DELETE GET PATCH POST PUT UpdateRestApiPolicy"),
        tuple(
            f"arn:{{partition}}:apigateway:{{region}}::/{kind}/{api}{rest}"
            for kind in ("apis", "restapis")
            for api in NAMES.api_ids
            for rest in ("", "/stages/v1")
        ),
    ),
    Watched(
        "stacks",
        _of("cloudformation", "ContinueUpdateRollback CreateChangeSet CreateStackRefactor DeleteStack ExecuteChangeSet "
                              "ExecuteStackRefactor RollbackStack SetStackPolicy UpdateStack"),
        _in_account("cloudformation", "stack/sentinel/0a1b", "stack/sentinel-production/0a1b"),
    ),
    Watched(
        "origin secret",
        _of("secretsmanager", "GetSecretValue PutResourcePolicy PutSecretValue ReplicateSecretToRegions RotateSecret "
                              "UpdateSecret UpdateSecretVersionStage"),
        _in_account("secretsmanager", "secret:sentinel-origin-AbCdEf"),
    ),
    Watched(
        "policies",
        _of("ssm", "DeleteParameter DeleteParameters LabelParameterVersion PutParameter UnlabelParameterVersion"),
        _in_account("ssm", "parameter/sentinel/policies/production", "parameter/sentinel/policies/a/b"),
    ),
    Watched(
        "tables",
        _of("dynamodb", "AssociateTableReplica BatchWriteItem CreateGlobalTable CreateGlobalTableWitness CreateTableReplica "
                        "DeleteItem DeleteResourcePolicy DeleteTable DeleteTableReplica ImportTable PartiQLDelete "
                        "PartiQLInsert PartiQLUpdate PutResourcePolicy ReplicateSettings RestoreTableFromAwsBackup "
                        "RestoreTableFromBackup RestoreTableToPointInTime UpdateContinuousBackups UpdateGlobalTable "
                        "UpdateGlobalTableSettings UpdateTable UpdateTimeToLive WriteDataForReplication"),
        _TABLES,
    ),
    Watched("policy table", _of("dynamodb", "PutItem UpdateItem"), _POLICIES),
    Watched("requests and grants", _of("dynamodb", "PutItem UpdateItem"), _REQUESTS, ("deployer", "TVM")),
    Watched("updates of sessions", _of("dynamodb", "UpdateItem"), _SESSIONS, ("deployer", "TVM")),
    Watched("writes of sessions", _of("dynamodb", "PutItem"), _SESSIONS, ("deployer", "TVM", "emergency operator")),
    Watched("decision records", _of("logs", "CreateLogStream PutLogEvents"), _LOGS, ("deployer", "TVM", "authorizer")),
    Watched(
        "logs",
        _of("logs", "AssociateKmsKey DeleteLogGroup DeleteLogStream DeleteMetricFilter PutBearerTokenAuthentication "
                    "PutDataProtectionPolicy PutMetricFilter PutRetentionPolicy PutTransformer"),
        _LOGS,
    ),
    Watched(
        "alarms",
        _of("cloudwatch", "DeleteAlarms DisableAlarmActions PutMetricAlarm SetAlarmState"),
        _in_account("cloudwatch", "alarm:sentinel-error-rate"),
    ),
    Watched(
        "roles",
        _of("iam", "AttachRolePolicy CreateRole DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy DetachRolePolicy "
                   "PassRole PutRolePermissionsBoundary PutRolePolicy UpdateAssumeRolePolicy UpdateRole"),
        _roles(*_FUNCTION_ROLES, NAMES.deployer, NAMES.emergency_operator, LISTED, _RESERVED, "AWSReservedSSO_x_0000000000000000",
               "SentinelProtected-production"),
        _ANY_DEPLOYER,
    ),
    Watched(
        "sessions of roles",
        _of("sts", "AssumeRole"),
        _roles(*_FUNCTION_ROLES, _RESERVED, "SentinelProtected-production"),
        ("TVM",),
    ),
    Watched(
        "IAM users",
        _of("iam", "CreateAccessKey CreateLoginProfile CreateUser UpdateAccessKey UpdateLoginProfile UpdateUser"),
        tuple(f"arn:{{partition}}:iam::{account}:user/{name}" for account in (ACCOUNT, MEMBER) for name in ("alice", "dev/alice")),
        _ANY_DEPLOYER,
    ),
    Watched(
        "identity providers",
        _of("iam", "AddClientIDToOpenIDConnectProvider CreateOpenIDConnectProvider CreateSAMLProvider "
                   "UpdateOpenIDConnectProviderThumbprint UpdateSAMLProvider"),
        tuple(f"arn:{{partition}}:iam::{MEMBER}:{provider}" for provider in ("saml-provider/Corp", "oidc-provider/example.com")),
        _ANY_DEPLOYER,
    ),
    Watched(
        "IAM Identity Center",
        (
            *_of("identitystore", "CreateGroupMembership CreateUser UpdateUser"),
            *_of("sso", "AssociateDirectory AssociateProfile CreateAccountAssignment CreateInstance CreatePermissionSet "
                        "CreateTrustedTokenIssuer ProvisionPermissionSet StartSSO UpdateSSOConfiguration "
                        "UpdateTrustedTokenIssuer"),
            *_of("sso-directory", "AddMemberToGroup CompleteVirtualMfaDeviceRegistration CompleteWebAuthnDeviceRegistration "
                                  "CreateAlias CreateBearerToken CreateExternalIdPConfigurationForDirectory CreateGroup "
                                  "CreateProvisioningTenant CreateUser EnableExternalIdPConfigurationForDirectory EnableUser "
                                  "ImportExternalIdPCertificate UpdateExternalIdPConfigurationForDirectory "
                                  "UpdateMfaDeviceForUser UpdatePassword UpdateUser UpdateUserName VerifyEmail"),
            *_of("identity-sync", "CreateSyncFilter CreateSyncProfile CreateSyncTarget StartSync UpdateSyncTarget"),
        ),
        ("arn:{partition}:sso:::instance/ssoins-0123456789abcdef", f"arn:{{partition}}:identitystore::{MEMBER}:identitystore/d-0123"),
        _ANY_DEPLOYER,
    ),
    Watched("the organization", _of("organizations", "LeaveOrganization"), ("*",), _ANY_DEPLOYER),
)

# Requests that developers may make although they resemble denied ones, and requests that the operator's document allows.
LEFT_ALONE = (
    ("lambda:UpdateFunctionCode", f"arn:{{partition}}:lambda:{{region}}:{ACCOUNT}:function:orders"),
    ("lambda:PutFunctionConcurrency", f"arn:{{partition}}:lambda:{{region}}:{ACCOUNT}:function:sentinel-tvm"),
    ("apigateway:PATCH", "arn:{partition}:apigateway:{region}::/apis/zzzzzzzzzz"),
    ("execute-api:Invoke", f"arn:{{partition}}:execute-api:{{region}}:{ACCOUNT}:{NAMES.api_ids[0]}/$default/GET/"),
    ("cloudformation:UpdateStack", f"arn:{{partition}}:cloudformation:{{region}}:{ACCOUNT}:stack/orders/0a1b"),
    ("secretsmanager:GetSecretValue", f"arn:{{partition}}:secretsmanager:{{region}}:{ACCOUNT}:secret:orders-AbCdEf"),
    ("ssm:PutParameter", f"arn:{{partition}}:ssm:{{region}}:{ACCOUNT}:parameter/orders/url"),
    ("dynamodb:PutItem", f"arn:{{partition}}:dynamodb:{{region}}:{ACCOUNT}:table/orders"),
    ("logs:PutLogEvents", f"arn:{{partition}}:logs:{{region}}:{ACCOUNT}:log-group:/aws/lambda/orders:log-stream:a"),
    ("iam:CreateRole", f"arn:{{partition}}:iam::{ACCOUNT}:role/dev/Orders"),
    ("iam:PassRole", f"arn:{{partition}}:iam::{ACCOUNT}:role/SentinelTVM"),
    ("sts:AssumeRole", f"arn:{{partition}}:iam::{ACCOUNT}:role/Orders"),
    ("sts:AssumeRole", f"arn:{{partition}}:iam::{ACCOUNT}:role/{LISTED}"),
    ("iam:ListUsers", f"arn:{{partition}}:iam::{ACCOUNT}:user/"),
    ("iam:CreatePolicy", f"arn:{{partition}}:iam::{ACCOUNT}:policy/Orders"),
    ("sso:ListInstances", "*"),
)

# Holders whose own policy the guards must not deny.
OWN_POLICIES = {"TVM": "tvm-function", "authorizer": "authorizer-function", "emergency operator": "emergency-operator"}


def _granted(document: str, values: Mapping[str, str]) -> "Iterator[tuple[str, str]]":
    """Each action and an example of each resource that a document of iam/ allows."""
    text = (IAM / f"{document}.json").read_text(encoding="utf-8")
    keys = {key: f"arn:{values['partition']}:kms:{values['region']}:{ACCOUNT}:key/k" for key in ("policy_key", "table_key")}
    for placeholder, value in {**values, **keys, "policy_root": NAMES.policy_root}.items():
        text = text.replace("${%s}" % placeholder, value)
    for statement in json.loads(text)["Statement"]:
        actions, resources = (
            [value] if isinstance(value, str) else value for value in (statement["Action"], statement["Resource"])
        )
        yield from ((action, resource.replace("*", "x")) for action in actions for resource in resources)


@dataclass(frozen=True)
class Case:
    """An action on a resource, and the principals to which it is and is not denied, each with a description and its ARN."""

    action: str
    resource: str
    denied_to: "tuple[tuple[str, str], ...]" = ()
    left_to: "tuple[tuple[str, str], ...]" = ()


def _values(partition: str) -> "dict[str, str]":
    return {"partition": partition, "region": REGIONS[partition], "account": ACCOUNT}


def cases(partition: str) -> "Iterator[Case]":
    """The table, as cases of a partition."""
    values = _values(partition)
    holders = {name: (f"the {name}", arn.format(**values)) for name, arn in HOLDERS.items()}
    developers = tuple(("a developer", arn.format(**values)) for arn in DEVELOPERS)
    for watched in WATCHED:
        left_to = tuple(holders[name] for name in watched.holders)
        denied_to = developers + tuple(holder for name, holder in holders.items() if name not in watched.holders)
        for action in watched.actions:
            for resource in watched.resources:
                yield Case(action, resource.format(**values), denied_to, left_to)
    for action, resource in LEFT_ALONE:
        yield Case(action, resource.format(**values), left_to=developers)
    for name, document in OWN_POLICIES.items():
        for action, resource in _granted(document, values):
            yield Case(action, resource, left_to=(holders[name],))


def wrong_decisions(policies: Mapping[str, Policy], wanted: "Iterable[Case]") -> Iterator[str]:
    """Wrong decisions of the policies together: for each case one principal of a kind."""
    every = statements(policies)
    for case in wanted:
        reported = set()
        for colons in Colons:
            about = [statement for statement in every if statement.is_about(case.action, case.resource, colons)]
            for must_deny, principals in ((True, case.denied_to), (False, case.left_to)):
                for name, arn in principals:
                    denying = [str(one) for one in about if one.condition_holds({"aws:principalarn": arn})]
                    if bool(denying) is must_deny or name in reported:
                        continue
                    reported.add(name)
                    verb, cause = ("can", "") if must_deny else ("cannot", f": {', '.join(denying)}")
                    yield f"{name}, {arn}, {verb} {case.action} on {case.resource}{cause}"


def _too_large(policies: Mapping[str, Policy]) -> Iterator[str]:
    for name, policy in policies.items():
        characters = len(minified(policy))
        if characters > MAX_CHARACTERS:
            yield f"{name}: {characters} characters, and AWS Organizations accepts {MAX_CHARACTERS}"
    # Plus the policy for vended credentials, and FullAWSAccess, which AWS attaches.
    if len(policies) + 2 > MAX_ATTACHED:
        yield f"{len(policies)} guards are more than can be attached to one account"


def problems(policies_for: "Callable[[Names], Mapping[str, Policy]]" = guards) -> Iterator[str]:
    """Problems of the guards, when printed for any partition and for each partition."""
    for printed_for in ("*", *REGIONS):
        policies = policies_for(replace(NAMES, partition=printed_for))
        yield from _too_large(policies)
        for partition in REGIONS if printed_for == "*" else (printed_for,):
            try:
                yield from wrong_decisions(policies, cases(partition))
            except Unsupported as error:
                yield f"the guards cannot be evaluated: {error}"


def warned_of(section: str) -> "set[str]":
    """The actions that a text names in backticks."""
    return set(re.findall(r"`([a-z0-9-]+:[A-Z]\w*)`", section))


def not_in_both(section: str) -> Iterator[str]:
    """Actions that are denied and not listed in docs/threats.md, and the reverse."""
    watched = {action for group in WATCHED for action in group.actions}
    yield from (f"threats.md: `{action}` is denied and not listed" for action in sorted(watched - warned_of(section)))
    yield from (f"threats.md: `{action}` is listed and not watched" for action in sorted(warned_of(section) - watched))
