"""`sentinel configure`: the profiles that it writes work in the aws command and in boto3, without any variable, and
botocore reads the rest of the file as before."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Optional

import botocore.session
import pytest
from botocore.configloader import load_config
from botocore.exceptions import ConfigParseError

from dev import Dev, clean_environment

AWS = Path(sys.executable).parent / "aws"


class Home:
    """A home folder, in which alice has her own key in the profile `me`."""

    def __init__(self, dev: Dev, binary: Path, folder: Path) -> None:
        self.dev = dev
        self.binary = binary
        self.config = folder / ".aws" / "config"
        self.config.parent.mkdir()
        key = dev.keys["alice"]
        (folder / ".aws" / "credentials").write_text(
            f"[me]\naws_access_key_id = {key.id}\naws_secret_access_key = {key.secret}\n"
        )
        self.environment = clean_environment(folder)
        for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_DEFAULT_REGION"):
            del self.environment[variable]

    def run(self, *words: object, environment: Optional[dict] = None) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(word) for word in words],
            env=environment or self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def configure(self, *words: object) -> subprocess.CompletedProcess:
        return self.run(self.binary, "configure", *words)

    def who_am_i(self, *words: str, **variables: str) -> str:
        done = self.run(
            sys.executable, AWS, "sts", "get-caller-identity", "--output", "json",
            "--endpoint-url", f"{self.dev.url}/sts", *words,
            environment={**self.environment, **variables},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["Arn"]


@pytest.fixture
def home(dev: Dev, binary: Path, tmp_path: Path) -> Home:
    return Home(dev, binary, tmp_path)


def test_after_one_command_the_aws_command_and_boto3_need_nothing_else(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = home.configure(
        "--tvm", home.dev.url, "--aws-profile", "me", "--region", "us-east-1"
    )
    assert done.returncode == 0, done.stderr
    for profile in ("production", "staging"):
        front = f"arn:aws:sts::111122223333:assumed-role/SentinelProtected-{profile}/sentinel-alice-"
        assert home.who_am_i("--profile", profile).startswith(front)
        # The process inherits the variable, and does not run itself.
        assert home.who_am_i(AWS_PROFILE=profile).startswith(front)

    for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", home.environment["HOME"])
    session = botocore.session.Session(profile="staging")
    assert session.get_config_variable("region") == "us-east-1"
    client = session.create_client("sts", endpoint_url=f"{home.dev.url}/sts")
    assert "SentinelProtected-staging/sentinel-alice-" in client.get_caller_identity()["Arn"]


def test_the_default_profile_needs_no_option(home: Home) -> None:
    done = home.configure(
        "--profile", "production", "--name", "default", "--tvm", home.dev.url, "--aws-profile", "me"
    )
    assert done.returncode == 0, done.stderr
    assert "SentinelProtected-production/" in home.who_am_i(AWS_DEFAULT_REGION="us-east-1")


def test_a_value_that_aws_configure_sets_is_kept_and_undone(home: Home) -> None:
    home.config.write_text("[default]\noutput = json\n")
    words = ("--profile", "production", "--tvm", home.dev.url, "--aws-profile", "me")
    assert home.configure(*words).returncode == 0
    done = home.run(sys.executable, AWS, "configure", "set", "region", "us-west-2", "--profile", "production")
    assert done.returncode == 0, done.stderr
    again = home.configure(*words)
    assert (again.returncode, again.stdout) == (0, "unchanged  production\n"), again.stderr
    assert load_config(str(home.config))["profiles"]["production"]["region"] == "us-west-2"
    assert home.configure("--undo").returncode == 0
    assert home.config.read_text() == "[default]\noutput = json\n"


LINES = [
    "", "  ", "[default]", "[profile a]", '[profile "b c"]', "[profile d] # x", "[sso-session s]", "[services v]",
    "[profile", "[preview]", "region = us-east-1", "output=json ; x", "s3 =", "  addressing_style = path", "  no equals",
    "# comment", "; comment", "no equals", "= no key", "sso_start_url = https://x/#/", "ключ = значение",
]


def read(file: Path) -> Optional[dict]:
    """The file as botocore reads it, without what Sentinel wrote. None if botocore refuses the file."""
    try:
        found = load_config(str(file))
    except ConfigParseError:
        return None
    found["profiles"].pop("production", None)
    return found


@pytest.mark.parametrize("seed", range(24))
def test_botocore_reads_everything_else_as_before(home: Home, seed: int) -> None:
    chance = random.Random(seed)
    text = ""
    for _ in range(chance.randrange(12)):
        text += chance.choice(LINES) + chance.choice(["\n", "\n", "\n", "\r\n", "\r", ""])
    if seed % 3 == 0:
        # One of these begins with a section, so that botocore accepts more of them.
        text = f"[profile z]\nregion = x\n{text}"
    original = text.encode()
    home.config.write_bytes(original)
    before = read(home.config)
    done = home.configure("--profile", "production", "--tvm", home.dev.url, "--aws-profile", "me")
    assert home.config.read_bytes().startswith(original)
    if done.returncode == 0:
        assert read(home.config) == before
        if before is not None:
            process = load_config(str(home.config))["profiles"]["production"]["credential_process"]
            assert process.endswith(f"--tvm {home.dev.url} --aws-profile me")
    else:
        # The AWS SDK for Rust, which finds the profile `me`, refuses the file.
        assert "cannot read the AWS profiles" in done.stderr
    assert home.configure("--undo").returncode == 0
    assert home.config.read_bytes() == original
