"""The `aws` command, which gets its credentials from `sentinel credentials` through `credential_process`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dev import Dev, clean_environment

AWS = Path(sys.executable).parent / "aws"


class Aws:
    """The aws command with a profile for each identity, named as the identity."""

    def __init__(self, dev: Dev, binary: Path, home: Path) -> None:
        self.dev = dev
        self.home = home
        self.config = home / "config"
        sections = []
        for caller, key in dev.keys.items():
            # `env` sets a separate long-lived key for each, as a person's shell would.
            ambient = f"env AWS_ACCESS_KEY_ID={key.id} AWS_SECRET_ACCESS_KEY={key.secret}"
            for profile in ("production", "staging"):
                sections.append(
                    f"[profile {caller}@{profile}]\n"
                    f"credential_process = {ambient} {binary} credentials --profile {profile} "
                    f"--tvm {dev.url}\n"
                    "region = us-east-1\n"
                )
        self.config.write_text("\n".join(sections))

    def who_am_i(self, profile: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [
                sys.executable, str(AWS), "sts", "get-caller-identity", "--profile", profile,
                "--endpoint-url", f"{self.dev.url}/sts", "--output", "json",
            ],
            env=clean_environment(self.home, AWS_CONFIG_FILE=str(self.config)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def aws(dev: Dev, binary: Path, tmp_path: Path) -> Aws:
    return Aws(dev, binary, tmp_path)


def test_an_allowed_caller_is_the_protected_role(aws: Aws) -> None:
    done = aws.who_am_i("alice@production")
    assert done.returncode == 0, done.stderr
    identity = json.loads(done.stdout)
    assert identity["Account"] == "111122223333"
    front = "arn:aws:sts::111122223333:assumed-role/SentinelProtected-production/sentinel-alice-"
    assert identity["Arn"].startswith(front)


def test_a_role_session_is_the_protected_role_too(aws: Aws) -> None:
    done = aws.who_am_i("ci/build-7@staging")
    assert done.returncode == 0, done.stderr
    assert "assumed-role/SentinelProtected-staging/sentinel-" in json.loads(done.stdout)["Arn"]


def test_a_refused_caller_reads_the_code(aws: Aws, dev: Dev) -> None:
    already = len(dev.vended())
    done = aws.who_am_i("mallory@production")
    assert done.returncode != 0
    assert "POLICY_DENY" in done.stderr
    assert "arn:" not in done.stdout
    assert len(dev.vended()) == already


def test_commands_one_after_the_other_share_one_vend(aws: Aws, dev: Dev) -> None:
    already = len(dev.vended())
    first, second = aws.who_am_i("bob@staging"), aws.who_am_i("bob@staging")
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert len(dev.vended()) == already + 1


def test_a_revoked_caller_reads_the_code(aws: Aws, dev: Dev) -> None:
    assert dev.revoke("carol", user="111122223333/ci", profile="staging").status == 200
    done = aws.who_am_i("ci/build-7@staging")
    assert done.returncode != 0
    assert "SESSION_REVOKED" in done.stderr
    assert dev.reinstate("carol", user="111122223333/ci", profile="staging").status == 200
