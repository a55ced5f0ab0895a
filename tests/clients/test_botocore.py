"""Tests of the routes, with botocore's signer."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path

import pytest

import signing
from dev import Dev
from signing import send


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_an_allowed_caller_gets_short_lived_credentials_and_a_session(dev: Dev) -> None:
    before = datetime.datetime.now(datetime.timezone.utc)
    answer = dev.vend("alice", "production")
    assert answer.status == 200, answer
    credentials = answer.json()
    assert set(credentials) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    assert credentials["AccessKeyId"].startswith("ASIA")
    life = moment(credentials["Expiration"]) - before
    assert datetime.timedelta(minutes=29) < life < datetime.timedelta(minutes=31), "the rule's cap"
    assert re.fullmatch(r"session-[a-z2-7]{40,}", answer.session)
    assert answer.headers["cache-control"] == "no-store"


def test_a_vend_is_recorded_once_with_who_what_and_why(dev: Dev) -> None:
    already = len(dev.records())
    answer = dev.vend("alice", "production")
    (record,) = dev.records()[already:]
    assert (record["user"], record["profile"], record["effect"]) == ("alice", "production", "allow")
    assert record["rule"] == "production-for-people"
    assert record["account"] == "111122223333"
    assert record["principal"] == dev.identities["alice"]
    assert re.fullmatch(r"sentinel-alice-[a-z2-7]{8}", record["source_identity"])
    assert record["access_key_id"] == answer.json()["AccessKeyId"]
    assert answer.session.startswith(f"session-{record['session']}")


def test_a_refusal_is_recorded_once_and_makes_no_session(dev: Dev) -> None:
    already = len(dev.records())
    answer = dev.vend("mallory", "production")
    assert (answer.status, answer.code) == (403, "POLICY_DENY")
    assert set(answer.json()) == {"Code", "Message", "RequestId"}
    (record,) = dev.records()[already:]
    assert (record["user"], record["effect"], record["code"]) == ("mallory", "deny", "POLICY_DENY")
    assert dev.sessions("carol", user="mallory") == []


def test_a_role_session_is_its_role_and_its_session_name(dev: Dev) -> None:
    assert dev.vend("ci/build-7", "staging").status == 200
    assert dev.vended()[-1]["user"] == "ci/build-7"
    assert dev.vended()[-1]["caller"] == "111122223333/ci"
    refused = dev.vend("ci/build-7", "production")
    assert (refused.status, refused.code) == (403, "POLICY_DENY")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "MISSING_PROFILE"),
        ("?profile=", 400, "MISSING_PROFILE"),
        ("?profile=..%2Fproduction", 400, "INVALID_PROFILE"),
        ("?duration=899&profile=production", 400, "INVALID_DURATION"),
        ("?duration=43201&profile=production", 400, "INVALID_DURATION"),
        ("?duration=soon&profile=production", 400, "INVALID_DURATION"),
        ("?profile=production&profile=staging", 400, None),
        ("?profile=no-such-profile", 403, "POLICY_DENY"),
        ("?profile=payroll", 403, "APPROVAL_REQUIRED"),
    ],
)
def test_a_refusal_contains_its_reason(dev: Dev, query: str, status: int, code: "str | None") -> None:
    already = len(dev.vended())
    answer = dev.ask("alice", "GET", "/" + query)
    assert answer.status == status, answer
    if code is not None:
        assert answer.code == code
    assert len(dev.vended()) == already


def test_wrong_paths_and_methods_are_distinguished(dev: Dev) -> None:
    assert (dev.ask("alice", "GET", "/nowhere").code) == "NOT_FOUND"
    answer = dev.ask("alice", "DELETE", "/")
    assert (answer.status, answer.code) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["allow"]


def test_a_profile_may_be_requested_in_a_json_or_a_form_body(dev: Dev) -> None:
    as_json = json.dumps({"profile": "production", "duration": 900}).encode()
    for body, kind in (
        (as_json, "application/json"),
        (b"duration=900&profile=production", "application/x-www-form-urlencoded"),
    ):
        answer = send(dev.sign("bob", "POST", "/", body, headers={"Content-Type": kind}))
        assert answer.status == 200, answer
        assert dev.vended()[-1]["duration_s"] == 900


def test_the_order_of_the_query_does_not_matter_to_the_signature(dev: Dev) -> None:
    signed = dev.sign("alice", "GET", "/?duration=900&profile=production")
    assert send(signed.but(url=f"{dev.url}/?profile=production&duration=900")).status == 200


def test_an_odd_query_is_verified_as_it_was_signed(dev: Dev) -> None:
    answer = dev.ask("alice", "GET", "/?note=a%20b%2Bc%26d%3De%2F%C3%A9&profile=production")
    assert answer.status == 200, answer


def test_profiles_are_those_that_the_caller_can_get(dev: Dev) -> None:
    def names(caller: str) -> list[str]:
        answer = dev.ask(caller, "GET", "/profiles")
        assert answer.status == 200, answer
        return [each["name"] for each in answer.json()["profiles"]]

    assert names("alice") == ["payroll", "production", "staging"]
    assert names("ci/build-7") == ["staging"]
    assert names("mallory") == []


def test_a_session_opens_what_is_behind_the_authorizer_until_it_is_revoked(dev: Dev) -> None:
    session = dev.vend("bob", "staging").session
    assert dev.downstream(session).status == 200
    assert dev.downstream(None, f"/downstream/report?sentinel_session_id={session}").status == 200

    handle = dev.vended()[-1]["session"]
    revoked = dev.revoke("carol", session=handle)
    assert revoked.status == 200, revoked
    assert revoked.json()["user"] == "bob"
    assert dev.downstream(session).status == 403
    refused = dev.vend("bob", "staging")
    assert (refused.status, refused.code) == (403, "SESSION_REVOKED")
    assert dev.vend("bob", "production").status == 200, "another profile of the same caller"

    assert dev.reinstate("carol", user="bob", profile="staging").status == 200
    assert dev.downstream(session).status == 403, "reinstating revives nothing"
    again = dev.vend("bob", "staging")
    assert again.status == 200
    assert dev.downstream(again.session).status == 200


def test_without_a_session_there_is_401_and_with_a_bad_one_403(dev: Dev) -> None:
    good = dev.vend("alice", "production").session
    assert dev.downstream(None).status == 401
    flipped = good[:-1] + ("a" if good[-1] != "a" else "b")
    refused = {
        (answer.status, answer.body)
        for answer in (dev.downstream(flipped), dev.downstream("session-x"), dev.downstream(good + "a"))
    }
    assert [status for status, _ in refused] == [403], "and the client cannot tell which"


def test_only_operators_revoke_and_callers_do_not_list_sessions_of_others(dev: Dev) -> None:
    session = dev.vend("alice", "production").session
    answer = dev.revoke("bob", user="alice", profile="production")
    assert (answer.status, answer.code) == (403, "FORBIDDEN")
    assert dev.downstream(session).status == 200
    assert {each["user"] for each in dev.sessions("bob")} <= {"bob"}
    assert {each["user"] for each in dev.sessions("alice")} == {"alice"}


def test_vended_credentials_cannot_request_more(dev: Dev) -> None:
    vended = dev.vend("alice", "production").json()
    key = signing.Key(vended["AccessKeyId"], vended["SecretAccessKey"], vended["Token"])
    already = len(dev.vended())
    answer = send(signing.sign(key, "GET", f"{dev.url}/?profile=production"))
    assert answer.status == 403, answer
    assert len(dev.vended()) == already


def test_it_stops_cleanly_on_sigterm(binary: Path, tmp_path: Path) -> None:
    running = Dev(binary, tmp_path, {}).start()
    assert running.stop() == 0
