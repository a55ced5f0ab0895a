"""Runs `docs/deployment.md` from its first command to its last against ministack with IAM enforced, with the real
`aws` command and the real packages; then tests the guarantees of the guide.

The functions `after_…` run between its commands. They only set the functions' endpoint, and measure the differences
between ministack and AWS, so that nothing else is dropped.
"""

from __future__ import annotations

import fnmatch
import json
import re
import uuid
from pathlib import Path
from typing import Any, Iterator

import pytest
from botocore.exceptions import ClientError

import differences
from conftest import DROPPED, ROOT, TOOLS
from deployment import (
    AUTHORIZER,
    AUTHORIZER_ROLE,
    EXECUTION_ROLE,
    PROFILE,
    PROTECTED_ROLE,
    TVM,
    Deployment,
    Key,
    as_list,
    statement,
    with_statement,
    without_action,
    without_condition,
    without_statement,
)
from emulator import ACCOUNT, REGION, Ministack, Page, Proxy
from notifications import Notifications
from pipes import stream
from versions import Version, previous

GUIDE = ROOT / "docs" / "deployment.md"
RUNBOOK = ROOT / "docs" / "runbook.md"
SOURCE_IDENTITY = "sts:SourceIdentity"
# The guide's name of the policy that prevents a protected role from assuming another.
GUARD = "SentinelNoOnwardRoles"


# --- between the commands


def after_the_function(deployed: Deployment) -> None:
    deployed.configure(TVM, AWS_ENDPOINT_URL=deployed.proxies[TVM].url)


def after_the_api(deployed: Deployment) -> None:
    """Only curl resolves names under `localhost`, so the command uses the same API by its path."""
    api = deployed.shell.value("API_ID")
    path = f"{deployed.ministack.url}/_aws/execute-api/{api}"
    deployed.shell.run(f"export SENTINEL_TVM_URL={path}")
    deployed.tvm_url = deployed.shell.value("TVM_URL")
    everything = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/*"
    deployed.prober = deployed.new_user("prober", statement("Allow", "execute-api:Invoke", everything))
    # If AWS is not allowed to invoke the function, it responds itself. Sentinel's errors have a code.
    answer = deployed.curl(f"{deployed.tvm_url}/whoami", key=deployed.prober)
    deployed.drop(differences.INVOKE_PERMISSION, answer.code is not None)


def after_the_permission(deployed: Deployment) -> None:
    answer = deployed.curl(f"{deployed.tvm_url}/whoami", key=deployed.prober)
    deployed.drop(differences.STAGE_VARIABLES, answer.code == "IAM_AUTH_REQUIRED")


def after_the_roles(deployed: Deployment) -> None:
    """Vends by events with the origin secret, which nothing else can create here yet."""
    origin = (deployed.folder / "try" / "origin-secret").read_text().strip()

    def vend() -> str:
        answer = deployed.invoke(TVM, deployed.event("alice", origin))
        return "vended" if answer.status == 200 else str(answer.code)

    role, trust = deployed.document("tvm-role.json"), deployed.document("protected-trust.json")

    if deployed.drop(differences.ROLE_CONDITION, vend() == "CREDENTIAL_ERROR"):
        role = without_condition(role, SOURCE_IDENTITY)
        deployed.put_role_policy(EXECUTION_ROLE, role)
    if deployed.drop(differences.TRUST_CONDITION, vend() == "CREDENTIAL_ERROR"):
        trust = without_condition(trust, SOURCE_IDENTITY)
        deployed.put_trust(PROTECTED_ROLE, trust)
    listing = deployed.event("alice", origin, "/profiles")
    if deployed.drop(differences.LISTED_PATH, deployed.invoke(TVM, listing).code == "POLICY_ERROR"):
        everywhere = {**statement("Allow", "ssm:GetParametersByPath", "*")["Statement"][0], "Sid": "Everywhere"}
        role = with_statement(role, everywhere)
        deployed.put_role_policy(EXECUTION_ROLE, role)
    deployed.outcomes["as documented"] = vend()

    deployed.outcomes["no secret"] = deployed.invoke(TVM, deployed.event("alice", None)).code
    wrong = "x" * len(origin)
    deployed.outcomes["a wrong secret"] = deployed.invoke(TVM, deployed.event("alice", wrong)).code
    deployed.outcomes["mallory with the secret"] = deployed.invoke(TVM, deployed.event("mallory", origin)).code

    for sid in [each["Sid"] for each in deployed.document("tvm-role.json")["Statement"]]:
        deployed.put_role_policy(EXECUTION_ROLE, without_statement(role, sid))
        deployed.restart(TVM)
        deployed.outcomes[f"role without {sid}"] = vend()
    deployed.put_role_policy(EXECUTION_ROLE, without_action(role, "sts:SetSourceIdentity"))
    deployed.put_trust(PROTECTED_ROLE, without_action(trust, "sts:SetSourceIdentity"))
    deployed.drop(differences.SET_SOURCE_IDENTITY, vend() == "vended")
    deployed.drop(differences.TAG_SESSION, deployed.outcomes["role without TagSessions"] == "vended")
    deployed.put_role_policy(EXECUTION_ROLE, role)
    for sid in [each["Sid"] for each in trust["Statement"]]:
        deployed.put_trust(PROTECTED_ROLE, without_statement(trust, sid))
        deployed.outcomes[f"trust without {sid}"] = vend()
    deployed.put_trust(PROTECTED_ROLE, trust)
    # The guide's document in its form for ministack, for the tests after the guide.
    deployed.role = role

    if differences.STAGE_VARIABLES in deployed.dropped:
        deployed.configure(TVM, SENTINEL_ORIGIN_SECRET=None)
    else:
        deployed.restart(TVM)


def after_the_authorizer(deployed: Deployment) -> None:
    deployed.configure(AUTHORIZER, AWS_ENDPOINT_URL=deployed.proxies[AUTHORIZER].url)
    deployed.downstream = deployed.shell.value("DOWNSTREAM")
    answer = deployed.curl(f"{deployed.downstream}/sensitive")
    if deployed.drop(differences.UNAUTHORIZED, answer.status == 500):
        deployed.instead["Client usage", "401"] = "500"


BETWEEN = {
    "Create Lambda function": after_the_function,
    "Create HTTP API with IAM authorization": after_the_api,
    "Grant API Gateway permission to invoke Lambda": after_the_permission,
    "Protected Role Trust Policy": after_the_roles,
    "Attach authorizer to downstream API": after_the_authorizer,
}


@pytest.fixture(scope="module")
def deployed(
    sentinel: Path,
    proxy: Path,
    packages: Path,
    recordings: Path,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Iterator[Deployment]:
    """An account in which all commands of the guide were run."""
    folder = tmp_path_factory.mktemp("guide")
    (folder / "bin").symlink_to(packages)
    tools = {"sentinel": sentinel, "aws": TOOLS / "venv" / "bin" / "aws"}

    def recorded(function: str) -> Proxy:
        record = recordings / f"{function}.jsonl"
        record.unlink(missing_ok=True)
        return Proxy(proxy, ministack.url, record, folder)

    with Ministack(TOOLS / "venv" / "bin" / "ministack", folder) as ministack, Page() as page:
        with recorded(TVM) as tvm, recorded(AUTHORIZER) as authorizer:
            account = Deployment(folder, ministack, {TVM: tvm, AUTHORIZER: authorizer}, page, tools)
            pytestconfig.stash[DROPPED] = account.dropped
            try:
                account.follow(GUIDE, BETWEEN)
                yield account
            finally:
                account.close()


@pytest.fixture(scope="module")
def alice(deployed: Deployment) -> Key:
    return deployed.key_of("alice")


def vended(deployed: Deployment, key: Key) -> "tuple[Key, str]":
    """Credentials and the id of their session."""
    headers = deployed.folder / "headers"
    answer = deployed.curl(
        f"{deployed.tvm_url}/?profile={PROFILE}", "--dump-header", str(headers), key=key
    )
    assert answer.status == 200, answer
    session = re.search(r"(?im)^x-sentinel-session-id: *(\S+)", headers.read_text())
    assert session, headers.read_text()
    return Key.of_vend(answer.json()), session[1]


def sensitive(deployed: Deployment, session: str) -> "tuple[int, int]":
    """The status of the downstream API for a session, sent in the header and in the query."""
    url = f"{deployed.downstream}/sensitive"
    by_header = deployed.curl(url, "--header", f"X-Sentinel-Session-ID: {session}")
    by_query = deployed.curl(f"{url}?sentinel_session_id={session}")
    return by_header.status, by_query.status


# --- guarantees


def test_every_command_of_the_guide_has_the_documented_result_and_output(deployed: Deployment) -> None:
    assert len(deployed.ran) > 25, "the guide has too few commands"
    if deployed.unlike:
        pytest.fail("\n\n".join(deployed.unlike), pytrace=False)


def test_with_the_documented_rights_the_function_vends_and_without_any_of_them_it_does_not(
    deployed: Deployment,
) -> None:
    outcomes = {what: outcome for what, outcome in deployed.outcomes.items() if " without " in what}
    assert deployed.outcomes["as documented"] == "vended"
    assert outcomes == {
        "role without AssumeProtectedRoles": "CREDENTIAL_ERROR",
        # AWS requires it: see the differences.
        "role without TagSessions": "vended",
        "role without ReadPolicies": "POLICY_ERROR",
        "role without SessionTracking": "STORE_UNAVAILABLE",
        # Only lists of all sessions need it: see below.
        "role without SessionLists": "vended",
        # Only approvals and grants need them, and this vend has neither.
        "role without RequestsAndGrants": "vended",
        "role without RequestAndGrantLists": "vended",
        # Log lines are lost, and the function does not notice.
        "role without Logs": "vended",
        "trust without TokenVendingMachine": "CREDENTIAL_ERROR",
        "trust without TagSessions": "CREDENTIAL_ERROR",
    }


def test_an_operator_lists_all_sessions_and_that_needs_the_right_to_their_index(
    deployed: Deployment, alice: Key
) -> None:
    key, _ = vended(deployed, alice)
    [record] = [each for each in records(deployed) if each.get("access_key_id") == key.id]
    carol = deployed.key_of("carol")
    answer = deployed.curl(f"{deployed.tvm_url}/sessions", key=carol)
    assert answer.status == 200, answer
    assert record["session"] in {each["session"] for each in answer.json()["sessions"]}
    lesser = without_statement(deployed.role, "SessionLists")
    with deployed.role_policy(EXECUTION_ROLE, lesser, deployed.role):
        answer = deployed.curl(f"{deployed.tvm_url}/sessions", key=carol)
    assert (answer.status, answer.code) == (503, "STORE_UNAVAILABLE")


def test_an_event_without_the_origin_secret_is_not_believed(deployed: Deployment) -> None:
    assert deployed.outcomes["no secret"] == "IAM_AUTH_REQUIRED"
    assert deployed.outcomes["a wrong secret"] == "IAM_AUTH_REQUIRED"
    # The secret authenticates an event, but does not authorize its caller.
    assert deployed.outcomes["mallory with the secret"] == "POLICY_DENY"


def test_a_bare_payload_has_no_caller(deployed: Deployment) -> None:
    for payload in ({"profile": PROFILE}, {}, [], "production", {"queryStringParameters": {"profile": PROFILE}}):
        answer = deployed.invoke(TVM, payload)
        assert (answer.error, answer.status, answer.code) == (None, 403, "IAM_AUTH_REQUIRED"), payload


def test_the_rest_api_vends_and_only_from_the_addresses_of_its_policy(deployed: Deployment, alice: Key) -> None:
    url, api = deployed.shell.value("REST_URL"), deployed.shell.value("REST_API_ID")
    answer = deployed.curl(f"{url}/?profile={PROFILE}", key=alice)
    assert (answer.status, answer.json()["AccessKeyId"][:4]) == (200, "ASIA"), answer
    # Carol may only invoke the other API, and the second request is unsigned.
    for key in (deployed.key_of("carol"), None):
        answer = deployed.curl(f"{url}/whoami", key=key)
        assert (answer.status, answer.code) == (403, None), answer
    stage = deployed.ask("apigateway", "get_stage", restApiId=api, stageName="v1")
    origin = (deployed.folder / "try" / "origin-secret").read_text().strip()
    assert stage["variables"] == {"sentinelOrigin": origin}

    policy = json.loads((deployed.folder / "try" / "resource-policy.json").read_text())
    narrowed = json.dumps(policy).replace("127.0.0.1/32", "198.51.100.0/24")

    def put_policy(text: str) -> None:
        change = {"op": "replace", "path": "/policy", "value": text}
        deployed.ask("apigateway", "update_rest_api", restApiId=api, patchOperations=[change])
        deployed.ask("apigateway", "create_deployment", restApiId=api, stageName="v1")

    put_policy(narrowed)
    try:
        answer = deployed.curl(f"{url}/whoami", key=alice)
        assert (answer.status, answer.code) == (403, None), answer
    finally:
        put_policy(json.dumps(policy))
    answer = deployed.curl(f"{url}/whoami", key=alice)
    assert answer.status == 200, answer


def test_an_api_of_the_original_guide_vends_and_lacks_the_documented_routes(deployed: Deployment, alice: Key) -> None:
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{TVM}"
    api = deployed.ask("apigatewayv2", "create_api", Name="original", ProtocolType="HTTP")
    integration = deployed.ask(
        "apigatewayv2", "create_integration", ApiId=api["ApiId"], IntegrationType="AWS_PROXY",
        IntegrationUri=function, PayloadFormatVersion="2.0",
    )
    for route in ("GET /", "POST /", "GET /profiles"):
        deployed.ask(
            "apigatewayv2", "create_route", ApiId=api["ApiId"], RouteKey=route, AuthorizationType="AWS_IAM",
            Target=f"integrations/{integration['IntegrationId']}",
        )
    deployed.ask("apigatewayv2", "create_stage", ApiId=api["ApiId"], StageName="$default", AutoDeploy=True)
    everything = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api['ApiId']}/*"
    with_original = statement("Allow", "execute-api:Invoke", everything)
    deployed.ask(
        "iam", "put_user_policy", UserName="alice", PolicyName="Original", PolicyDocument=json.dumps(with_original)
    )
    url = api["ApiEndpoint"]
    assert deployed.curl(f"{url}/?profile={PROFILE}", key=alice).status == 200
    assert deployed.curl(f"{url}/profiles", key=alice).status == 200
    lacking = ("GET /whoami", "GET /sessions", "POST /sessions/revoke", "POST /sessions/reinstate")
    text = GUIDE.read_text(encoding="utf-8")
    for route in lacking:
        method, path = route.split()
        assert f"`{path}`" in text
        answer = deployed.curl(f"{url}{path}", "--request", method, key=alice)
        assert (answer.status, answer.code) == (404, None), (route, answer)


def test_a_caller_without_rights_on_the_api_does_not_reach_the_function(deployed: Deployment) -> None:
    stranger = deployed.new_user("stranger", statement("Allow", "s3:ListAllMyBuckets", "*"))
    asked = len(deployed.proxies[TVM].calls())
    answer = deployed.curl(f"{deployed.tvm_url}/?profile={PROFILE}", key=stranger)
    assert (answer.status, answer.code) == (403, None)
    alice = deployed.key_of("alice")
    forged = Key(alice.id, "x" * len(alice.secret))
    answer = deployed.curl(f"{deployed.tvm_url}/?profile={PROFILE}", key=forged)
    assert (answer.status, answer.code) == (403, None)
    assert len(deployed.proxies[TVM].calls()) == asked


def test_an_approver_invokes_the_routes_of_its_document_and_no_others(deployed: Deployment) -> None:
    """With the printed document, on the routes of the guide. The function answers with a code, and API Gateway without."""
    api = deployed.shell.value("API_ID")
    printed = deployed.run(
        "sentinel", "iam", "approver", "--account", ACCOUNT, "--region", REGION, "--api-id", api
    )
    assert printed.returncode == 0, printed.stderr
    document = json.loads(printed.stdout)
    user = deployed.new_user("approver", document)
    account = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    trust = {"Effect": "Allow", "Principal": account, "Action": "sts:AssumeRole"}
    trust_document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    deployed.ask("iam", "create_role", RoleName="Approver", AssumeRolePolicyDocument=trust_document)
    deployed.put_role_policy("Approver", document)
    session = deployed.ask(
        "sts", "assume_role", RoleArn=f"arn:aws:iam::{ACCOUNT}:role/Approver", RoleSessionName="bob"
    )["Credentials"]
    role = Key(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])

    def reaches(route: str, key: Key) -> bool:
        method, path = route.split()
        answer = deployed.curl(f"{deployed.tvm_url}{path}", "--request", method, key=key)
        assert answer.code is not None or answer.status in (200, 403), (route, answer)
        return answer.code is not None or answer.status == 200

    own = {
        "GET /requests", "GET /requests/abc", "POST /requests/abc/approve", "POST /requests/abc/deny",
        "POST /requests/abc/revoke",
    }
    others = {
        "GET /", "GET /profiles", "GET /whoami", "POST /requests", "POST /requests/abc/cancel", "POST /break-glass",
        "GET /sessions", "POST /sessions/revoke", "POST /requests/abc/approve%3F/approve",
    }
    assert {route for route in own | others if reaches(route, role)} == own
    # The keys of the user were not created with MFA.
    assert not any(reaches(route, user) for route in own | others)


NOTICES = """
version: "1"
rules:
  - { name: ask, effect: require_approval, conditions: { profiles: [notices] } }
approvals:
  - { name: leads, profiles: [notices], approvers: [bob-notices] }
break_glass:
  - { name: incident, profiles: [notices], users: [alice-notices], reason_codes: [incident], review_within: 72h }
"""

HOSTILE = """*ok* <!channel> @here [x](https://evil.com) \u202e", "title": "forged\\"\napproved <title>"""


def test_every_request_and_grant_is_reported_and_no_text_of_a_caller_acts(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The TVM writes to the tables; the streams, the event bus, SNS and SQS are the emulator's, and the pipes, the rule
    and the templates are those of the SAM template."""
    # SAM's transform takes the partition from it.
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    notices = Notifications(deployed)
    notices.deliver()
    for target in ("text", "chat", "event"):
        notices.received(target)
    api = deployed.shell.value("API_ID")
    client = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/*"},
    ]}
    keys = {name: deployed.new_user(name, client) for name in ("alice-notices", "bob-notices")}
    deployed.ask("ssm", "put_parameter", Name="/sentinel/policies/notices", Value=NOTICES, Type="String")
    deployed.restart(TVM)

    def post(name: str, path: str, **body: str) -> dict:
        answer = deployed.curl(
            f"{deployed.tvm_url}{path}", "--request", "POST", "--data", json.dumps(body),
            "--header", "content-type: application/json", key=keys[name],
        )
        assert answer.status in (200, 201), answer
        return answer.json()

    request = post("alice-notices", "/requests", profile="notices", reason=HOSTILE)["id"]
    post("bob-notices", f"/requests/{request}/approve", comment="looks <b>good</b>")
    pending = post("alice-notices", "/requests", profile="notices", reason="again")["id"]
    grant = post(
        "alice-notices", "/break-glass", profile="notices", reason_code="incident",
        justification="database is down, ticket 42",
    )["id"]
    notices.deliver()
    events = notices.received("event")
    expected = [
        ("Break-Glass Opened", f"{grant}:opened"),
        ("Request Approved", f"{request}:approved"),
        ("Request Created", f"{request}:created"),
        ("Request Created", f"{pending}:created"),
    ]
    assert sorted((each["detail-type"], each["detail"]["key"]) for each in events) == sorted(expected)
    assert {each["source"] for each in events} == {"sentinel"}
    [created] = [each["detail"] for each in events if each["detail"]["key"] == f"{request}:created"]
    inert = "＊ok＊ ＜!channel＞ ＠here ［x］(https：//evil[.]com) [U+202E]＂, ＂title＂: ＂forged＼＂[U+000A]approved ＜title＞"
    assert created["reason"] == inert
    assert created["title"] == "alice-notices requests notices for 1h"
    assert created["next"].endswith(f": sentinel approve {request}, or sentinel deny {request}")
    # What every secret of a vend begins with is in none of them.
    assert "session-" not in json.dumps(events)

    texts = notices.received("text")
    [text] = [each for each in texts if f"{request}:created" in each]
    assert "alice-notices requests notices for 1h." in text and f"Reason, as entered: {inert}" in text, text
    chats = [json.loads(each) for each in notices.received("chat")]
    [chat] = [each for each in chats if each["id"] == f"{request}:created"]
    assert chat["content"]["title"] == created["title"] and inert in chat["content"]["description"]
    # A separate field: the ticket cannot pose as the reason.
    assert chat["content"]["keywords"] == ["Ticket, as entered: "]
    assert len(texts) == len(chats) == len(events)

    # DynamoDB's time to live marks what it removes. ministack's does not, so the removal is one of this test.
    items = deployed.ask("dynamodb", "scan", TableName="sentinel-approvals")["Items"]
    [marker] = [item for item in items if "on_removal" in item]
    deployed.ask("dynamodb", "delete_item", TableName="sentinel-approvals",
                 Key={name: marker[name] for name in ("pk", "sk")})
    notices.deliver()
    assert notices.received("event") == [], "a removal by a person is not an expiry"
    removed = [each for each in stream(deployed.ask, "sentinel-approvals") if each["eventName"] == "REMOVE"][-1]
    by_dynamodb = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    removed = {**removed, "eventID": "by-time-to-live", "userIdentity": by_dynamodb}
    notices.deliver({"sentinel-approvals": [removed]})
    [expired] = notices.received("event")
    assert (expired["detail-type"], expired["detail"]["key"]) == ("Request Expired", f"{pending}:expired")


def test_vended_credentials_are_the_protected_roles_and_do_what_it_may_and_no_more(
    deployed: Deployment, alice: Key
) -> None:
    key, _ = vended(deployed, alice)
    done = deployed.run("aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text", key=key)
    session = rf"arn:aws:sts::{ACCOUNT}:assumed-role/{PROTECTED_ROLE}/sentinel-alice-[a-z2-7]{{8}}"
    assert re.fullmatch(session, done.stdout.strip()), done
    done = deployed.run("aws", "s3api", "list-buckets", key=key)
    assert done.returncode == 0, done
    done = deployed.run("aws", "iam", "create-user", "--user-name", "eve", key=key)
    assert done.returncode != 0 and "iam:CreateUser" in done.stderr, done
    with pytest.raises(ClientError):
        deployed.ask("s3", "list_buckets", key=Key(key.id, key.secret, f"x{key.token}"))


def test_vended_credentials_cannot_go_on_to_another_role(deployed: Deployment, alice: Key) -> None:
    protected = f"arn:aws:iam::{ACCOUNT}:role/{PROTECTED_ROLE}"
    trust = statement("Allow", "sts:AssumeRole", "*")
    trust["Statement"][0] = {
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": protected},
    }
    deployed.ask("iam", "create_role", RoleName="Onward", AssumeRolePolicyDocument=json.dumps(trust))
    key, _ = vended(deployed, alice)

    def go_on() -> dict:
        onward = f"arn:aws:iam::{ACCOUNT}:role/Onward"
        return deployed.ask("sts", "assume_role", key=key, RoleArn=onward, RoleSessionName="onward")

    guard = deployed.document("protected-guard.json")
    # Even if the permission is added to the role.
    with deployed.role_policy(PROTECTED_ROLE, statement("Allow", "sts:AssumeRole", "*"), None, "Onward"):
        with pytest.raises(ClientError, match="AccessDenied"):
            go_on()
        with deployed.role_policy(PROTECTED_ROLE, None, guard, GUARD):
            assert go_on()["Credentials"], "the guard must be the reason"


def test_a_revoked_session_is_refused_downstream_and_reinstating_does_not_revive_it(
    deployed: Deployment, alice: Key
) -> None:
    carol = deployed.key_of("carol")
    tvm = deployed.shell.value("SENTINEL_TVM_URL")

    def sessions(*words: str) -> None:
        done = deployed.run("sentinel", "sessions", *words, "--reason", "a test", key=carol, SENTINEL_TVM_URL=tvm)
        assert done.returncode == 0, done.stderr

    _, session = vended(deployed, alice)
    assert sensitive(deployed, session) == (200, 200)
    visits = deployed.page.visits

    sessions("revoke", "--user", "alice", "--profile", PROFILE)
    try:
        assert sensitive(deployed, session) == (403, 403)
        answer = deployed.curl(f"{deployed.tvm_url}/?profile={PROFILE}", key=alice)
        assert (answer.status, answer.code) == (403, "SESSION_REVOKED")
    finally:
        sessions("reinstate", "--user", "alice", "--profile", PROFILE)
    assert sensitive(deployed, session) == (403, 403)
    assert deployed.page.visits == visits, "a refused request must not reach the page"
    _, another = vended(deployed, alice)
    assert sensitive(deployed, another) == (200, 200)


def test_only_an_operator_revokes(deployed: Deployment, alice: Key) -> None:
    done = deployed.run(
        "sentinel", "sessions", "revoke", "--user", "carol", "--reason", "a test",
        key=alice, SENTINEL_TVM_URL=deployed.shell.value("SENTINEL_TVM_URL"),
    )
    assert done.returncode == 1 and "FORBIDDEN" in done.stderr, done


def request(headers: "dict[str, str]") -> dict:
    """A REQUEST event of an HTTP API."""
    return {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:api/$default/GET/sensitive",
        "identitySource": [],
        "routeKey": "GET /sensitive",
        "rawPath": "/sensitive",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "api",
            "http": {"method": "GET", "path": "/sensitive", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": str(uuid.uuid4()),
            "routeKey": "GET /sensitive",
            "stage": "$default",
        },
    }


def test_the_authorizer_returns_unauthorized_without_an_id(deployed: Deployment, alice: Key) -> None:
    answer = deployed.invoke(AUTHORIZER, request({}))
    # API Gateway turns exactly this message into a 401.
    assert (answer.error, answer.payload["errorMessage"]) == ("Unhandled", "Unauthorized")
    answer = deployed.invoke(AUTHORIZER, request({"x-sentinel-session-id": "session-xxx"}))
    assert (answer.error, answer.payload["isAuthorized"]) == (None, False)
    _, session = vended(deployed, alice)
    answer = deployed.invoke(AUTHORIZER, request({"x-sentinel-session-id": session}))
    assert (answer.error, answer.payload["isAuthorized"]) == (None, True)


def test_an_authorizer_that_may_not_read_sessions_refuses_every_session(deployed: Deployment, alice: Key) -> None:
    _, session = vended(deployed, alice)
    document = deployed.document("authorizer-role.json")
    visits = deployed.page.visits
    with deployed.role_policy(AUTHORIZER_ROLE, without_statement(document, "ReadSessions"), document):
        assert sensitive(deployed, session) == (403, 403)
    assert deployed.page.visits == visits
    assert sensitive(deployed, session) == (200, 200)


def records(deployed: Deployment, function: str = TVM) -> "list[dict]":
    """The decision records in a function's log."""
    rows = [json.loads(row) for row in deployed.log(function) if row.startswith("{")]
    return [row for row in rows if "effect" in row]


def deny_policy(deployed: Deployment) -> dict:
    done = deployed.run("sentinel", "sessions", "deny-policy", "--user", "alice")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_deny_policy_stops_credentials_that_are_alive(deployed: Deployment, alice: Key) -> None:
    key, _ = vended(deployed, alice)
    with deployed.role_policy(PROTECTED_ROLE, deny_policy(deployed), None, "Stop"):
        try:
            deployed.ask("s3", "list_buckets", key=key)
            stopped = False
        except ClientError:
            stopped = True
    deployed.drop(differences.DENY_POLICY, not stopped)


def test_the_deny_policy_names_the_source_identities_of_its_caller(deployed: Deployment, alice: Key) -> None:
    key, _ = vended(deployed, alice)
    [record] = [each for each in records(deployed) if each.get("access_key_id") == key.id]
    [statement] = deny_policy(deployed)["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Deny", "*", "*")
    [pattern] = as_list(statement["Condition"]["StringLike"]["aws:SourceIdentity"])
    assert fnmatch.fnmatchcase(record["source_identity"], pattern)
    assert not fnmatch.fnmatchcase(record["source_identity"].replace("alice", "alicia"), pattern)


def test_invariant_2_a_revocation_holds_between_two_versions_on_the_same_tables(
    deployed: Deployment, previous_tvm: Path
) -> None:
    """An upgrade, or a rollback, runs both versions for some time. Without SENTINEL_PREVIOUS_TVM, both are this
    version: two functions that share nothing but the tables.
    """
    with previous(deployed, previous_tvm) as function:
        this, other = Version(deployed, TVM), Version(deployed, function)
        for vending, revoking in ((this, other), (other, this)):
            result, session = vending.vend()
            assert (result, bool(session)) == ("vended", True)
            by_authorizer = request({"x-sentinel-session-id": session})
            assert deployed.invoke(AUTHORIZER, by_authorizer).payload["isAuthorized"]
            # The handle is the first 42 characters after the prefix.
            handle = session.removeprefix("session-")[:42]
            assert revoking.sessions()[handle] == "active"
            assert revoking.change("revoke") == 200
            try:
                assert vending.sessions()[handle] == "revoked"
                assert [version.vend()[0] for version in (vending, revoking)] == ["SESSION_REVOKED"] * 2
                assert not deployed.invoke(AUTHORIZER, by_authorizer).payload["isAuthorized"]
            finally:
                assert vending.change("reinstate") == 200
            assert [version.vend()[0] for version in (vending, revoking)] == ["vended"] * 2
            assert not deployed.invoke(AUTHORIZER, by_authorizer).payload["isAuthorized"]
            assert revoking.sessions()[handle] == "revoked"


def test_each_function_may_be_invoked_by_the_api_that_needs_it_and_by_no_other(deployed: Deployment) -> None:
    tvm = deployed.shell.value("API_ID")
    downstream, authorizer = deployed.shell.value("DOWNSTREAM_API_ID"), deployed.shell.value("AUTHORIZER_ID")
    rest = deployed.shell.value("REST_API_ID")
    sources = {TVM: [f"{tvm}/*", f"{rest}/*"], AUTHORIZER: [f"{downstream}/authorizers/{authorizer}"]}
    for function, expected in sources.items():
        said = deployed.ask("lambda", "get_policy", FunctionName=function)
        statements = json.loads(said["Policy"])["Statement"]
        for statement in statements:
            assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
            assert statement["Action"] == "lambda:InvokeFunction"
        conditions = [list(statement["Condition"].values()) for statement in statements]
        assert [list(only.values()) for [only] in conditions] == [
            [f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{source}"] for source in expected
        ]


def test_every_decision_is_logged_and_no_secret_is(deployed: Deployment, alice: Key) -> None:
    key, session = vended(deployed, alice)
    sensitive(deployed, session)
    said = records(deployed)
    allowed = [record for record in said if record.get("access_key_id") == key.id]
    assert [record["effect"] for record in allowed] == ["allow"]
    assert allowed[0]["source_identity"].startswith("sentinel-alice-")
    refused = {record.get("code") for record in said}
    assert {"POLICY_DENY", "SESSION_REVOKED", "CREDENTIAL_ERROR"} <= refused

    origin = (deployed.folder / "try" / "origin-secret").read_text().strip()
    session_key = (deployed.folder / "try" / "session-key").read_text().strip()
    # The handle, before the secret half of the id, is not secret.
    secrets = [key.secret, str(key.token), session, origin, session_key]
    everything = "\n".join(row for function in (TVM, AUTHORIZER) for row in deployed.log(function))
    assert not [secret for secret in secrets if secret in everything]


def test_rights_on_a_log_group_are_needed_to_log(deployed: Deployment, alice: Key) -> None:
    with deployed.role_policy(EXECUTION_ROLE, without_statement(deployed.role, "Logs"), deployed.role):
        key, _ = vended(deployed, alice)
        logged = any(key.id in row for row in deployed.log(TVM))
    deployed.drop(differences.LOG_RIGHTS, logged)


def test_the_rights_to_log_are_on_the_log_group_that_the_guide_made(deployed: Deployment) -> None:
    for function, name in ((TVM, "tvm-role.json"), (AUTHORIZER, "authorizer-role.json")):
        group = f"/aws/lambda/{function}"
        groups = deployed.ask("logs", "describe_log_groups", logGroupNamePrefix=group)["logGroups"]
        # The tests create other functions whose names begin with this name.
        [found] = [each for each in groups if each["logGroupName"] == group]
        assert found["retentionInDays"] == 365
        [rights] = [each for each in deployed.document(name)["Statement"] if each["Sid"] == "Logs"]
        assert sorted(rights["Action"]) == ["logs:CreateLogStream", "logs:PutLogEvents"]
        assert as_list(rights["Resource"]) == [found["arn"]]


def test_each_function_asks_for_what_its_role_may_and_for_nothing_else(deployed: Deployment) -> None:
    for function, name in ((TVM, "tvm-role.json"), (AUTHORIZER, "authorizer-role.json")):
        calls = {f"{call['service']}:{call['operation']}" for call in deployed.proxies[function].calls()}
        allowed = {
            action
            for each in deployed.document(name)["Statement"]
            for action in as_list(each["Action"])
            # Lambda writes the logs, and STS evaluates these two with AssumeRole.
            if not action.startswith("logs:") and action not in ("sts:SetSourceIdentity", "sts:TagSession")
        }
        # IAM has no such action. It evaluates each item as `PutItem`, and `permissions` compares the items.
        calls.discard("dynamodb:TransactWriteItems")
        assert calls == allowed, function


def test_the_policies_that_the_function_reads_are_those_that_its_role_may_read(deployed: Deployment) -> None:
    [rights] = [each for each in deployed.document("tvm-role.json")["Statement"] if each["Sid"] == "ReadPolicies"]
    read = {
        (call["operation"], call["parameters"].get("Path") or call["parameters"]["Name"])
        for call in deployed.proxies[TVM].calls()
        if call["service"] == "ssm"
    }
    assert {operation for operation, _ in read} == {"GetParameter", "GetParametersByPath"}
    for _, name in read:
        arn = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{name}"
        assert any(fnmatch.fnmatchcase(arn, pattern) for pattern in as_list(rights["Resource"])), arn


def test_the_emulator_differs_from_aws_where_it_is_known_to_and_another_test_covers_that(
    deployed: Deployment,
) -> None:
    assert deployed.dropped == list(differences.KNOWN)
    for difference in differences.KNOWN:
        text = (ROOT / difference.file).read_text(encoding="utf-8")
        assert re.search(rf"\b(fn|def) {difference.test}\b", text), str(difference)


def test_every_command_of_the_runbook_can_be_typed_as_it_stands(deployed: Deployment) -> None:
    """The last test: it stops vending, raises generations and rewrites trust policies."""
    # `sentinel sessions` runs as the operator, everything else as the deployer.
    deployed.shell.run('sentinel() { case $1 in sessions) as carol command sentinel "$@";; *) command sentinel "$@";; esac; }')
    emergency = deployed.shell.run("sentinel iam emergency-operator").output
    deployed.ask(
        "iam", "put_user_policy", UserName="carol", PolicyName="Emergency", PolicyDocument=emergency
    )
    before = len(deployed.ran)
    deployed.follow(RUNBOOK, {})
    assert len(deployed.ran) - before > 15, "the runbook has too few commands"

    gate = deployed.shell.run("sentinel sessions list --user alice --table sentinel-sessions --format json")
    assert not gate.failed, gate.output
