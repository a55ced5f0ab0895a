"""A request that differs from the signed one in any byte vends nothing."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Callable

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import signing
from conftest import MAIN
from dev import Dev
from signing import Key, Request, send

JSON = {"Content-Type": "application/json"}
BODY = json.dumps({"profile": "production"}).encode()
OTHER_BODY = json.dumps({"profile": "staging"}).encode()


def get(dev: Dev, **more: object) -> Request:
    return dev.sign("alice", "GET", "/?duration=900&profile=production", **more)


def post(dev: Dev, **more: object) -> Request:
    return dev.sign("alice", "POST", "/", BODY, headers=JSON, **more)


def authorization(request: Request, change: Callable[[str], str]) -> Request:
    return request.with_header("Authorization", change(request.headers["Authorization"]))


def signature(request: Request, change: Callable[[str], str]) -> Request:
    def changed(header: str) -> str:
        front, _, value = header.partition("Signature=")
        return f"{front}Signature={change(value)}"

    return authorization(request, changed)


def with_key(dev: Dev, key: Key) -> Request:
    return signing.sign(key, "GET", f"{dev.url}/?profile=production")


def presigned(dev: Dev) -> Request:
    key = dev.keys["alice"]
    request = AWSRequest(method="GET", url=f"{dev.url}/?profile=production")
    signer = SigV4QueryAuth(Credentials(key.id, key.secret), signing.SERVICE, signing.REGION)
    signer.add_auth(request)
    return Request("GET", request.url, dict(request.headers.items()))


def minutes(number: int) -> datetime.timedelta:
    return datetime.timedelta(minutes=number)


TAMPERED: dict[str, Callable[[Dev], Request]] = {
    # the query
    "a changed value": lambda dev: get(dev).but(url=f"{dev.url}/?duration=900&profile=staging"),
    "an added parameter": lambda dev: get(dev).but(
        url=f"{dev.url}/?duration=900&profile=production&x=1"
    ),
    "a removed parameter": lambda dev: get(dev).but(url=f"{dev.url}/?profile=production"),
    "another case in the query": lambda dev: get(dev).but(
        url=f"{dev.url}/?duration=900&profile=Production"
    ),
    "a query that was not there": lambda dev: post(dev).but(url=f"{dev.url}/?duration=900"),
    # the body
    "a changed body": lambda dev: post(dev).but(body=OTHER_BODY),
    "an added body": lambda dev: get(dev).but(body=BODY),
    "a removed body": lambda dev: post(dev).but(body=b""),
    "a body longer by a space": lambda dev: post(dev).but(body=BODY + b" "),
    "a body that was not signed": lambda dev: dev.sign(
        "alice", "POST", "/", BODY, headers={**JSON, "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    ),
    "a signed hash of another body": lambda dev: dev.sign(
        "alice", "POST", "/", BODY, headers={**JSON, "X-Amz-Content-SHA256": "0" * 64}
    ),
    # method, path, headers
    "another method": lambda dev: get(dev).but(method="POST"),
    "another path": lambda dev: dev.sign("alice", "GET", "/profiles?profile=production").but(
        url=f"{dev.url}/?profile=production"
    ),
    "a changed signed header": lambda dev: get(dev, headers={"X-Note": "a"}).with_header("X-Note", "b"),
    "a removed signed header": lambda dev: get(dev, headers={"X-Note": "a"}).with_header("X-Note", None),
    "another content type": lambda dev: post(dev).with_header("Content-Type", "text/plain"),
    "another host": lambda dev: get(dev).with_header("Host", "sentinel.example"),
    # the date
    "a changed date": lambda dev: get(dev).with_header(
        "X-Amz-Date",
        (datetime.datetime.now(datetime.timezone.utc) - minutes(1)).strftime("%Y%m%dT%H%M%SZ"),
    ),
    "no date": lambda dev: get(dev).with_header("X-Amz-Date", None),
    "a date that is none": lambda dev: get(dev).with_header("X-Amz-Date", "yesterday"),
    "signed six minutes ago": lambda dev: get(dev, offset=-minutes(6)),
    "signed six minutes ahead": lambda dev: get(dev, offset=minutes(6)),
    "signed a day ago": lambda dev: get(dev, offset=-minutes(24 * 60)),
    # the key
    "another's secret": lambda dev: with_key(
        dev, Key(dev.keys["alice"].id, dev.keys["mallory"].secret)
    ),
    "an unknown key": lambda dev: with_key(
        dev, Key("AKIAIOSFODNN7EXAMPLE", dev.keys["alice"].secret)
    ),
    "an empty secret": lambda dev: with_key(dev, Key(dev.keys["alice"].id, "")),
    "another's key id in the header": lambda dev: authorization(
        get(dev), lambda header: header.replace(dev.keys["alice"].id, dev.keys["bob"].id)
    ),
    "a session token that no such key has": lambda dev: with_key(
        dev, Key(dev.keys["alice"].id, dev.keys["alice"].secret, "FwoGZXIvYXdzEXAMPLE")
    ),
    # the signature
    "a changed signature": lambda dev: signature(
        get(dev), lambda value: ("0" if value[0] != "0" else "1") + value[1:]
    ),
    "a short signature": lambda dev: signature(get(dev), lambda value: value[:-1]),
    "an upper-case signature": lambda dev: signature(get(dev), str.upper),
    "no signature": lambda dev: signature(get(dev), lambda _: ""),
    "another region": lambda dev: get(dev, region="eu-central-1"),
    "another service": lambda dev: get(dev, service="sts"),
    "another scope than signed": lambda dev: authorization(
        get(dev), lambda header: header.replace("us-east-1/execute-api", "us-east-2/execute-api")
    ),
    "a header left out of the signed ones": lambda dev: authorization(
        get(dev), lambda header: header.replace("host;", "")
    ),
    "another algorithm": lambda dev: authorization(
        get(dev), lambda header: header.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")
    ),
    "a bearer token": lambda dev: get(dev).with_header("Authorization", "Bearer alice"),
    "an empty header": lambda dev: get(dev).with_header("Authorization", ""),
    "no header": lambda dev: get(dev).with_header("Authorization", None),
    "a presigned link": presigned,
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_request_that_was_not_signed_so_vends_nothing(dev: Dev, name: str) -> None:
    answer = send(TAMPERED[name](dev))
    assert (answer.status, answer.code) == (403, "IAM_AUTH_REQUIRED"), answer
    assert set(answer.json()) == {"Code", "Message", "RequestId"}
    assert dev.vended() == []
    assert dev.sessions("carol") == []


def test_the_same_requests_untouched_vend(binary: Path, tmp_path: Path) -> None:
    """The unchanged requests of the cases above are valid."""
    with Dev(binary, tmp_path, {"main": MAIN}) as dev:
        untouched = [
            get(dev),
            post(dev),
            get(dev, headers={"X-Note": "a"}),
            get(dev, offset=-minutes(4)),
            get(dev, offset=minutes(4)),
            with_key(dev, dev.keys["alice"]),
        ]
        assert [send(request).status for request in untouched] == [200] * len(untouched)
        assert len(dev.vended()) == len(untouched)


def test_a_claimed_identity_in_headers_and_parameters_is_not_believed(dev: Dev) -> None:
    claims = {
        "X-Amzn-Iam-User": "alice",
        "X-Forwarded-User": "alice",
        "X-Sentinel-User": "alice",
        "X-Amz-User-Arn": dev.identities["alice"],
    }
    signed = dev.sign("mallory", "GET", "/?profile=production&user=alice", headers=claims)
    answer = send(signed)
    assert (answer.status, answer.code) == (403, "POLICY_DENY")
    assert dev.vended() == []
