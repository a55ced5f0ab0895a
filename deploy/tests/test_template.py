"""Tests of the resources that the SAM template deploys, for various parameters."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

import cloudformation
from cloudformation import ACCOUNT, Stack

TEMPLATE = cloudformation.read("template.yaml")


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    """SAM's transform takes the partition from it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")


def rest_policy(stack: Stack) -> dict[str, Any]:
    """The statements of the REST API's resource policy, by Sid."""
    policy = stack.properties("RestApi")["Body"]["x-amazon-apigateway-policy"]
    return {statement["Sid"]: statement for statement in policy["Statement"]}


# --- The REST API


def deployment(monkeypatch: pytest.MonkeyPatch, at: float, template: Any = TEMPLATE, **parameters: str) -> str:
    """The logical id of the deployment of the stage, for a stack that is deployed at the given time."""
    monkeypatch.setattr(time, "time", lambda: at)
    stack = Stack(template, ApiType="regional", **parameters)
    [name] = stack.of_type("AWS::ApiGateway::Deployment")
    [stage] = stack.of_type("AWS::ApiGateway::Stage").values()
    assert (stage["StageName"], stage["DeploymentId"]) == ("v1", f"<{name}>")
    assert stack.of_type("AWS::ApiGateway::Deployment")[name]["RestApiId"] == "<RestApi>"
    return name


def test_a_narrowed_address_list_is_deployed_with_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """API Gateway uses a changed resource policy only after a new deployment, and CloudFormation creates one only under a new
    logical id."""
    wide = deployment(monkeypatch, 1_800_000_000, AllowedCidrs="198.51.100.0/24,192.0.2.0/24")
    narrow = deployment(monkeypatch, 1_800_000_060, AllowedCidrs="192.0.2.0/24")
    assert wide != narrow


def test_without_always_deploy_a_narrowed_address_list_would_not_be_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transform hashes the definition before parameters are filled in, so the test above can fail."""
    template = cloudformation.read("template.yaml")
    del template["Resources"]["RestApi"]["Properties"]["AlwaysDeploy"]
    wide = deployment(monkeypatch, 1_800_000_000, template, AllowedCidrs="198.51.100.0/24,192.0.2.0/24")
    narrow = deployment(monkeypatch, 1_800_000_060, template, AllowedCidrs="192.0.2.0/24")
    assert wide == narrow


@pytest.mark.parametrize("kind", ["regional", "private"])
def test_every_method_of_the_rest_api_requires_iam(kind: str) -> None:
    stack = Stack(TEMPLATE, ApiType=kind, VpcEndpointIds="vpce-1")
    body = stack.properties("RestApi")["Body"]
    assert set(body["paths"]) == {"/", "/{proxy+}"}
    for methods in body["paths"].values():
        [(method, operation)] = [each for each in methods.items() if each[0] != "parameters"]
        assert method == "x-amazon-apigateway-any-method"
        assert operation["security"] == [{"sigv4": []}]
        assert operation["x-amazon-apigateway-integration"]["type"] == "aws_proxy"
    assert body["components"]["securitySchemes"] == {
        "sigv4": {
            "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4",
        }
    }


def test_a_rest_api_replaces_the_http_api_and_only_when_requested() -> None:
    rest = Stack(TEMPLATE, ApiType="regional")
    assert not rest.of_type("AWS::ApiGatewayV2::Api") and rest.of_type("AWS::ApiGateway::RestApi")
    http = Stack(TEMPLATE)
    assert http.of_type("AWS::ApiGatewayV2::Api")
    assert not [name for name, each in http.resources.items() if each["Type"].startswith("AWS::ApiGateway::")]


def test_a_private_api_denies_all_but_its_endpoints_and_a_regional_one_all_but_its_addresses() -> None:
    private = Stack(TEMPLATE, ApiType="private", VpcEndpointIds="vpce-1,vpce-2")
    assert private.properties("RestApi")["EndpointConfiguration"] == {
        "Types": ["PRIVATE"], "VpcEndpointIds": ["vpce-1", "vpce-2"],
    }
    assert rest_policy(private)["OnlyThroughTheseEndpoints"]["Condition"] == {
        "StringNotEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}
    }
    regional = Stack(TEMPLATE, ApiType="regional", AllowedCidrs="192.0.2.0/24")
    assert regional.properties("RestApi")["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert rest_policy(regional)["OnlyFromHere"]["Condition"] == {
        "NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}
    }
    for stack in (private, regional):
        assert rest_policy(stack)["VendedCredentialsDoNotVend"]["Effect"] == "Deny"


def test_the_stage_carries_the_origin_secret_of_the_function() -> None:
    for parameters in ({}, {"OriginSecret": "0123456789abcdef0123456789abcdef"}):
        stack = Stack(TEMPLATE, ApiType="regional", **parameters)
        [stage] = stack.of_type("AWS::ApiGateway::Stage").values()
        assert stage["Variables"]["sentinelOrigin"] == stack.variables("Tvm")["SENTINEL_ORIGIN_SECRET"]
        [settings] = stage["MethodSettings"]
        assert (settings["DataTraceEnabled"], settings["CachingEnabled"]) == (False, False)


# --- Accepted callers


OTHER = "222222222222"


def allowed_accounts(stack: Stack) -> list[str]:
    """The accounts that the resource policy admits without a permission in IAM."""
    allows = [each for each in rest_policy(stack).values() if each["Effect"] == "Allow"]
    principals = [each["Principal"]["AWS"] for each in allows]
    return sorted({account for each in principals for account in ([each] if isinstance(each, str) else each)})


def test_callers_of_the_own_account_need_iam_even_when_other_accounts_are_served() -> None:
    """In the API's own account an allow by the resource policy is sufficient, so the policy must not name that account."""
    stack = Stack(TEMPLATE, ApiType="regional", TrustedAccountIds=OTHER)
    assert allowed_accounts(stack) == [OTHER]
    assert stack.variables("Tvm")["SENTINEL_TRUSTED_ACCOUNTS"] == f"{ACCOUNT},{OTHER}"
    [allow] = [each for each in rest_policy(stack).values() if each["Effect"] == "Allow"]
    # Also for a list that contains the own account.
    assert allow["Condition"] == {"StringNotEquals": {"aws:PrincipalAccount": ACCOUNT}}


def test_the_own_account_is_accepted_by_default_and_can_be_excluded() -> None:
    assert "SENTINEL_TRUSTED_ACCOUNTS" not in Stack(TEMPLATE).variables("Tvm")
    others = Stack(TEMPLATE, ApiType="private", VpcEndpointIds="vpce-1", TrustedAccountIds=OTHER, TrustOwnAccount="no")
    assert others.variables("Tvm")["SENTINEL_TRUSTED_ACCOUNTS"] == OTHER
    assert allowed_accounts(others) == [OTHER]


def test_a_private_api_admits_the_own_account_only_while_it_is_accepted() -> None:
    own = Stack(TEMPLATE, ApiType="private", VpcEndpointIds="vpce-1")
    assert allowed_accounts(own) == [ACCOUNT]


def test_a_deployment_that_accepts_no_account_is_rejected() -> None:
    assert Stack(TEMPLATE, TrustOwnAccount="no").rejections() == [
        "TrustOwnAccount=no accepts no callers without TrustedAccountIds"
    ]
    assert Stack(TEMPLATE, TrustOwnAccount="no", TrustedAccountIds=OTHER).rejections() == []
    assert Stack(TEMPLATE).rejections() == []


def test_exact_roles_whose_session_name_is_the_user_reach_the_function() -> None:
    exact = f"{ACCOUNT}:AWSReservedSSO_Developers_0123456789abcdef,{OTHER}:AWSReservedSSO_Developers_fedcba9876543210"
    assert Stack(TEMPLATE, SessionNameRoles=exact).variables("Tvm")["SENTINEL_SESSION_NAME_ROLES"] == exact
    assert "SENTINEL_SESSION_NAME_ROLES" not in Stack(TEMPLATE).variables("Tvm")


def test_protected_roles_of_other_accounts_are_added_to_those_of_this_one() -> None:
    elsewhere = f"arn:aws:iam::{OTHER}:role/SentinelProtected-*"
    own = f"arn:aws:iam::{ACCOUNT}:role/SentinelProtected-*"
    for parameters, expected in (({}, own), ({"ProtectedRoleArns": elsewhere}, [own, elsewhere])):
        role = Stack(TEMPLATE, **parameters).properties("TvmRole")
        statements = {each["Sid"]: each for each in role["Policies"][0]["PolicyDocument"]["Statement"]}
        for sid in ("AssumeProtectedRoles", "TagSessions"):
            assert statements[sid]["Resource"] == expected


# --- Variables of the functions


def documented(file: str) -> set[str]:
    """The `SENTINEL_` variables in the first column of a README's tables."""
    rows = (cloudformation.SAM.parents[1] / file).read_text(encoding="utf-8").splitlines()
    return {name for row in rows if row.startswith("| `SENTINEL_") for name in re.findall(r"`(SENTINEL_\w+)`", row.split("|")[1])}


# Not settings of a deployment: the documents in deploy/iam depend on it.
FIXED = {"SENTINEL_SOURCE_IDENTITY_SEPARATOR"}

SETTINGS = {
    "PolicyTable": "yes",
    "TrustedAccountIds": OTHER,
    "OperatorArns": f"arn:aws:iam::{ACCOUNT}:user/carol",
    "SessionNameRoles": f"{ACCOUNT}:AWSReservedSSO_Developers_0123456789abcdef",
    "RoleArnTemplate": "arn:{partition}:iam::{account}:role/Vended-{profile}",
    "MaxDuration": "30m",
    "CallerRate": "100/5m",
    "PolicyCacheTtl": "1m",
    "PolicyMaxAge": "0s",
}


def test_every_variable_of_the_functions_can_be_set() -> None:
    stack = Stack(TEMPLATE, **SETTINGS)
    tvm = stack.variables("Tvm")
    assert documented("sentinel-tvm/README.md") - FIXED <= tvm.keys()
    assert documented("sentinel-authorizer/README.md") <= stack.variables("Authorizer").keys()
    for variable, parameter in {
        "SENTINEL_ROLE_ARN_TEMPLATE": "RoleArnTemplate",
        "SENTINEL_MAX_DURATION": "MaxDuration",
        "SENTINEL_CALLER_RATE": "CallerRate",
        "SENTINEL_POLICY_CACHE_TTL": "PolicyCacheTtl",
        "SENTINEL_POLICY_MAX_AGE": "PolicyMaxAge",
    }.items():
        assert tvm[variable] == SETTINGS[parameter]
        assert variable not in Stack(TEMPLATE).variables("Tvm"), "the function's default holds"


def accepts(parameter: str, value: str) -> bool:
    return re.fullmatch(TEMPLATE["Parameters"][parameter]["AllowedPattern"], value) is not None


def test_malformed_settings_are_rejected_before_anything_is_deployed() -> None:
    key = "0123456789abcdef0123456789abcdef"
    good = {
        "SessionNameRoles": ["", "ci", f"{ACCOUNT}:ci", f"{ACCOUNT}:AWSReservedSSO_*_????????????????,{OTHER}:ci"],
        "RoleArnTemplate": ["", "arn:{partition}:iam::{account}:role/SentinelProtected-{profile}"],
        "MaxDuration": ["", "1h", "1h30m"],
        "CallerRate": ["", "0", "1/1s", "100/5m", "60/1m30s"],
        "PolicyCacheTtl": ["", "0s", "30s"],
        "PolicyMaxAge": ["", "0s", "5m"],
        "SessionKey": ["", key, f"{key},{key[::-1]}"],
    }
    bad = {
        "SessionNameRoles": ["*", "12345:ci", "a b", "ci,", f"{ACCOUNT}:"],
        "RoleArnTemplate": ["arn:aws:iam::111122223333:role/one", "SentinelProtected-{profile}"],
        "MaxDuration": ["3600", "1 h", "0s"],
        "CallerRate": ["60", "0/1m", "60/0s", "60/1", "60 / 1m"],
        "PolicyCacheTtl": ["30"],
        "PolicyMaxAge": ["5 m"],
        "SessionKey": ["short", f"{key},", f"{key},short", f"{key},{key},{key}"],
    }
    for parameter, values in good.items():
        assert [value for value in values if not accepts(parameter, value)] == [], parameter
    for parameter, values in bad.items():
        assert [value for value in values if accepts(parameter, value)] == [], parameter


# --- The session key


def test_both_functions_have_the_same_session_key_which_is_generated_unless_given() -> None:
    generated = Stack(TEMPLATE)
    key = generated.variables("Tvm")["SENTINEL_SESSION_KEY"]
    assert key == "{{resolve:secretsmanager:<GeneratedSessionKey>}}"
    assert generated.variables("Authorizer")["SENTINEL_SESSION_KEY"] == key
    secret = generated.properties("GeneratedSessionKey")
    assert secret["GenerateSecretString"]["PasswordLength"] >= 32
    # The service control policy protects this name.
    assert re.fullmatch(r"sentinel-session-key-[0-9a-f-]{36}", secret["Name"])
    assert key != generated.variables("Tvm")["SENTINEL_ORIGIN_SECRET"]

    rotating = "new0123456789abcdef0123456789abcdef,old0123456789abcdef0123456789abcdef"
    given = Stack(TEMPLATE, SessionKey=rotating)
    assert "GeneratedSessionKey" not in given.resources
    for function in ("Tvm", "Authorizer"):
        assert given.variables(function)["SENTINEL_SESSION_KEY"] == rotating
    assert TEMPLATE["Parameters"]["SessionKey"]["NoEcho"] is True


def test_the_authorizer_gets_a_new_key_or_generation_before_the_tvm_issues_with_it() -> None:
    """Updates follow the order of dependencies. The other order would refuse new sessions for a while."""
    assert "Authorizer" in TEMPLATE["Resources"]["Tvm"]["DependsOn"]


# --- Notifications


def test_notifications_are_off_unless_requested() -> None:
    kinds = ("AWS::Pipes::Pipe", "AWS::Events::EventBus", "AWS::Events::Rule", "AWS::SNS::Topic", "AWS::SQS::Queue")
    assert not any(Stack(TEMPLATE).of_type(kind) for kind in kinds)
    assert all(Stack(TEMPLATE, Notifications="yes").of_type(kind) for kind in kinds)


def test_each_pipe_reads_the_image_and_the_attribute_of_its_filter_and_each_stream_has_two_readers() -> None:
    stack = Stack(TEMPLATE, Notifications="yes")
    pipes = stack.of_type("AWS::Pipes::Pipe").values()
    sources = sorted(pipe["Source"] for pipe in pipes)
    # DynamoDB throttles more than two readers of a shard.
    assert sources == ["<Approvals.StreamArn>"] * 2 + ["<BreakGlass.StreamArn>"] * 2
    for pipe in pipes:
        [only] = pipe["SourceParameters"]["FilterCriteria"]["Filters"]
        filtered = json.loads(only["Pattern"])
        [image] = filtered["dynamodb"]
        [attribute] = filtered["dynamodb"][image]
        removed = filtered["eventName"] == ["REMOVE"]
        assert (image, attribute) == (("OldImage", "on_removal") if removed else ("NewImage", "notice"))
        # Only a removal by the time to live is an expiry.
        assert removed == (filtered.get("userIdentity") == {"principalId": ["dynamodb.amazonaws.com"]})
        start = f"$.dynamodb.{image}.{attribute}.M"
        target = pipe["TargetParameters"]
        assert target["EventBridgeEventBusParameters"]["DetailType"] == f"{start}.type.S"
        fields = json.loads(target["InputTemplate"])
        assert fields == {name: f"<{start}.{name}.S>" for name in fields}
        assert list(fields) == terraform_fields()


def terraform_fields() -> list[str]:
    """The fields of a notice in the Terraform module."""
    text = (cloudformation.SAM.parent / "terraform" / "notifications.tf").read_text(encoding="utf-8")
    fields = re.search(r"notice_fields = \[(.*?)\]", text, re.DOTALL)
    assert fields
    return re.findall(r'"(\w+)"', fields[1])


def test_the_fields_of_a_notice_are_those_that_the_program_writes() -> None:
    source = cloudformation.SAM.parents[1] / "sentinel-store" / "src" / "notice" / "mod.rs"
    detail = re.search(r"pub struct NoticeDetail \{(.*?)\n\}", source.read_text(encoding="utf-8"), re.DOTALL)
    assert detail
    assert re.findall(r"pub (\w+):", detail[1]) == terraform_fields()


def test_the_document_lists_the_fields_of_a_notice() -> None:
    document = (cloudformation.SAM.parents[1] / "docs" / "notifications.md").read_text(encoding="utf-8")
    table = document.split("| field | meaning |")[1].split("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(cells))) == sorted(terraform_fields())
