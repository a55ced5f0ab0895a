"""`curl --aws-sigv4`. Before version 8 it signs the query as written, so parameters are sorted."""

from __future__ import annotations

import json
import subprocess
from typing import Optional

import pytest

from conftest import tool
from dev import Dev, clean_environment
from signing import Key


class Curl:
    """Runs curl against one `sentinel dev`."""

    def __init__(self, dev: Dev) -> None:
        self.program = tool("curl")
        self.dev = dev

    def __call__(
        self, key: Key, path: str, *options: str, service: str = "execute-api"
    ) -> tuple[int, bytes]:
        """Status and body."""
        token = ["-H", f"x-amz-security-token: {key.token}"] if key.token else []
        done = subprocess.run(
            [
                self.program, "--silent", "--show-error", "--max-time", "30",
                "--aws-sigv4", f"aws:amz:us-east-1:{service}", "--user", f"{key.id}:{key.secret}",
                *token, "--write-out", "\n%{http_code}", *options, self.dev.url + path,
            ],
            env=clean_environment(self.dev.folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
        )
        body, _, status = done.stdout.rpartition(b"\n")
        return int(status), body

    def vend(self, caller: str, profile: str) -> dict:
        status, body = self(self.dev.keys[caller], f"/?profile={profile}")
        assert status == 200, body
        return json.loads(body)


@pytest.fixture
def curl(dev: Dev) -> Curl:
    return Curl(dev)


def code(body: bytes) -> Optional[str]:
    return json.loads(body).get("Code")


def test_an_allowed_caller_gets_credentials(curl: Curl, dev: Dev) -> None:
    status, body = curl(dev.keys["alice"], "/?duration=900&profile=production")
    assert status == 200, body
    assert json.loads(body)["AccessKeyId"].startswith("ASIA")


def test_a_posted_form_and_posted_json_get_credentials(curl: Curl, dev: Dev) -> None:
    status, body = curl(dev.keys["bob"], "/", "--data", "profile=production")
    assert status == 200, body
    as_json = ["--header", "content-type: application/json", "--data", '{"profile":"staging"}']
    status, body = curl(dev.keys["bob"], "/", *as_json)
    assert status == 200, body


def test_a_refused_caller_receives_the_code(curl: Curl, dev: Dev) -> None:
    already = len(dev.vended())
    status, body = curl(dev.keys["mallory"], "/?profile=production")
    assert (status, code(body)) == (403, "POLICY_DENY")
    assert len(dev.vended()) == already


def test_a_wrong_key_vends_nothing(curl: Curl, dev: Dev) -> None:
    already = len(dev.vended())
    status, body = curl(Key(dev.keys["alice"].id, "wrong"), "/?profile=production")
    assert (status, code(body)) == (403, "IAM_AUTH_REQUIRED")
    assert len(dev.vended()) == already


def test_vended_credentials_are_known_to_sts(curl: Curl, dev: Dev) -> None:
    vended = curl.vend("alice", "production")
    key = Key(vended["AccessKeyId"], vended["SecretAccessKey"], vended["Token"])
    form = ["--data", "Action=GetCallerIdentity&Version=2011-06-15"]
    status, body = curl(key, "/sts", *form, service="sts")
    assert status == 200, body
    assert b"assumed-role/SentinelProtected-production/sentinel-alice-" in body

    status, body = curl(Key(key.id, "wrong", key.token), "/sts", *form, service="sts")
    assert status == 403
    assert b"assumed-role" not in body


def test_a_session_id_opens_a_downstream_api(curl: Curl, dev: Dev) -> None:
    session = dev.vend("alice", "production").session
    done = subprocess.run(
        [curl.program, "--silent", "--max-time", "30", "--output", "/dev/null", "--write-out",
         "%{http_code}", "--header", f"X-Sentinel-Session-ID: {session}", f"{dev.url}/downstream/"],
        env=clean_environment(dev.folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    assert done.stdout == b"200"
