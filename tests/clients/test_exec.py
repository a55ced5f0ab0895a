"""`sentinel exec` and `sentinel serve` with real AWS SDKs, in real programs."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest

from conftest import ROOT, forbidden_to_skip, tool
from dev import Dev, clean_environment

AWS = Path(sys.executable).parent / "aws"
TOOLS = Path(os.environ.get("SENTINEL_TOOLS", ROOT / ".tools"))

# Timeout of a test in seconds.
TIMEOUT = 120.0
# Lifetime of `short` in seconds.
SHORT = 6

POLICY = f"""\
version: "1"
rules:
  - {{ name: everyone, effect: allow, conditions: {{ profiles: [production] }}, max_duration: 1h }}
  - {{ name: short, effect: allow, conditions: {{ profiles: [short] }}, max_duration: {SHORT}s }}
operators:
  - {{ name: security, users: [carol], may: [list_sessions, revoke, reinstate] }}
"""

# Prints the ARN of the credentials of the default chain, and their access key id.
BOTO3 = """\
import boto3, json, os
session = boto3.Session()
arn = session.client("sts", endpoint_url=os.environ["STS"]).get_caller_identity()["Arn"]
print(json.dumps([arn, session.get_credentials().access_key]), flush=True)
"""

# Calls until it has used that many access keys.
BOTO3_LONG = """\
import boto3, os, sys, time
session = boto3.Session()
sts = session.client("sts", endpoint_url=os.environ["STS"])
keys = set()
while len(keys) < int(sys.argv[1]):
    sts.get_caller_identity()
    keys.add(session.get_credentials().get_frozen_credentials().access_key)
    time.sleep(0.1)
print(len(keys), flush=True)
"""

JAVASCRIPT = """\
const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");
const sts = new STSClient({ endpoint: process.env.STS });
(async () => {
  const keys = new Set();
  let arn;
  while (keys.size < Number(process.argv[2])) {
    arn = (await sts.send(new GetCallerIdentityCommand({}))).Arn;
    keys.add((await sts.config.credentials()).accessKeyId);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  console.log(JSON.stringify([arn, [...keys].pop()]));
})().catch((error) => { console.error(error); process.exit(1); });
"""


@pytest.fixture(scope="module")
def dev(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    with Dev(
        binary, tmp_path_factory.mktemp("exec"), {"main": POLICY}, {"SENTINEL_CALLER_RATE": "0"}
    ) as running:
        yield running


class Exec:
    """Starts `sentinel exec` for alice, whose own files have a default profile with another key."""

    def __init__(self, dev: Dev, binary: Path, home: Path) -> None:
        self.dev = dev
        self.binary = binary
        self.home = home
        key, other = dev.keys["alice"], dev.keys["mallory"]
        folder = home / ".aws"
        folder.mkdir()
        # A key that `/sts` does not accept: a program that used it would fail.
        (folder / "credentials").write_text(
            f"[default]\naws_access_key_id = {other.id}\naws_secret_access_key = {other.secret}\n"
            f"[alice]\naws_access_key_id = {key.id}\naws_secret_access_key = {key.secret}\n"
        )
        (folder / "config").write_text(
            "[default]\nregion = eu-west-1\n[profile alice]\nregion = us-east-1\noutput = json\n"
            f"[profile other]\ncredential_process = echo\n"
        )
        self.environment = clean_environment(
            home,
            SENTINEL_TVM_URL=dev.url,
            STS=f"{dev.url}/sts",
            AWS_PROFILE="alice",
            NODE_PATH=str(TOOLS / "node" / "node_modules"),
        )
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_DEFAULT_REGION"):
            del self.environment[name]

    def arguments(self, *command: object, profile: str = "production") -> list[str]:
        return [str(self.binary), "exec", "--profile", profile, "--", *map(str, command)]

    def run(self, *command: object, profile: str = "production", **more: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.arguments(*command, profile=profile),
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def python(self, text: str, *arguments: object, **more: str) -> subprocess.CompletedProcess:
        return self.run(sys.executable, "-c", text, *arguments, **more)


@pytest.fixture
def sentinel_exec(dev: Dev, binary: Path, tmp_path: Path) -> Exec:
    return Exec(dev, binary, tmp_path)


def vended_keys(dev: Dev) -> "list[str]":
    return [record["access_key_id"] for record in dev.vended()]


def is_vended(dev: Dev, done: subprocess.CompletedProcess, profile: str = "production") -> None:
    """The program used the vended credentials, and not those of its user's files."""
    assert done.returncode == 0, done.stderr
    arn, key = json.loads(done.stdout)
    assert f"assumed-role/SentinelProtected-{profile}/sentinel-alice-" in arn
    assert key in vended_keys(dev)


def node() -> str:
    """Node with the AWS SDK for JavaScript. If it is missing, the test is skipped (if that is allowed)."""
    found = tool("node")
    if not (TOOLS / "node" / "node_modules" / "@aws-sdk" / "client-sts").is_dir():
        (pytest.fail if forbidden_to_skip() else pytest.skip)("no `@aws-sdk/client-sts` in .tools/node")
    return found


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "call.cjs"
    path.write_text(JAVASCRIPT)
    return path


# --- the SDKs, with a default profile that has keys


def test_boto3_uses_the_vended_credentials_and_not_the_default_profile(dev: Dev, sentinel_exec: Exec) -> None:
    is_vended(dev, sentinel_exec.python(BOTO3))


def test_the_aws_command_uses_the_vended_credentials(dev: Dev, sentinel_exec: Exec) -> None:
    done = sentinel_exec.run(
        sys.executable, AWS, "sts", "get-caller-identity", "--endpoint-url", f"{dev.url}/sts"
    )
    assert done.returncode == 0, done.stderr
    assert "assumed-role/SentinelProtected-production/sentinel-alice-" in json.loads(done.stdout)["Arn"]


def test_the_aws_command_refuses_another_profile_of_the_user(dev: Dev, sentinel_exec: Exec) -> None:
    for profile in ("alice", "other"):
        done = sentinel_exec.run(
            sys.executable, AWS, "sts", "get-caller-identity", "--endpoint-url", f"{dev.url}/sts",
            "--profile", profile,
        )
        assert done.returncode != 0
        assert f"The config profile ({profile}) could not be found" in done.stderr


def test_javascript_uses_the_vended_credentials(dev: Dev, sentinel_exec: Exec, script: Path) -> None:
    is_vended(dev, sentinel_exec.run(node(), script, 1))


def test_variables_of_the_user_do_not_replace_the_vended_credentials(dev: Dev, sentinel_exec: Exec) -> None:
    alice = dev.keys["alice"]
    done = sentinel_exec.python(
        BOTO3, AWS_ACCESS_KEY_ID=alice.id, AWS_SECRET_ACCESS_KEY=alice.secret, AWS_DEFAULT_REGION="us-east-1"
    )
    is_vended(dev, done)


def test_the_file_of_boto_2_does_not_replace_the_vended_credentials(dev: Dev, sentinel_exec: Exec) -> None:
    mallory = dev.keys["mallory"]
    (sentinel_exec.home / ".boto").write_text(
        f"[Credentials]\nAWS_ACCESS_KEY_ID = {mallory.id}\naws_secret_access_key = {mallory.secret}\n"
    )
    is_vended(dev, sentinel_exec.python(BOTO3))


def test_the_region_of_the_profile_that_signs_is_the_region_of_the_program(sentinel_exec: Exec) -> None:
    done = sentinel_exec.python("import boto3; print(boto3.Session().region_name)")
    assert done.stdout == "us-east-1\n", done.stderr


# --- beyond an expiry


def test_boto3_works_beyond_several_expirations(dev: Dev, sentinel_exec: Exec) -> None:
    done = sentinel_exec.python(BOTO3_LONG, 4, profile="short")
    assert (done.returncode, done.stdout) == (0, "4\n"), done.stderr


def test_javascript_works_beyond_several_expirations(dev: Dev, sentinel_exec: Exec, script: Path) -> None:
    done = sentinel_exec.run(node(), script, 4, profile="short")
    is_vended(dev, done, "short")


def test_the_aws_command_works_beyond_an_expiration(dev: Dev, sentinel_exec: Exec) -> None:
    call = f'"{sys.executable}" "{AWS}" sts get-caller-identity --endpoint-url "$STS" --query Arn --output text'
    done = sentinel_exec.run("sh", "-c", f"{call} && sleep {SHORT + 1} && {call}", profile="short")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split()
    assert first != second, "each vend has its own session"


# --- processes


def test_a_grandchild_fetches_too(dev: Dev, sentinel_exec: Exec) -> None:
    fork = f"""\
import os, subprocess, sys
child = os.fork()
if child == 0:
    sys.exit(subprocess.run([sys.executable, "-c", {BOTO3!r}]).returncode)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    is_vended(dev, sentinel_exec.python(fork))


def test_two_hundred_processes_share_one_vend(dev: Dev, sentinel_exec: Exec, tmp_path: Path) -> None:
    curl, folder = tool("curl"), tmp_path / "fetched"
    folder.mkdir()
    already = len(dev.vended())
    fetch = (
        f'"{curl}" --silent --fail --max-time 60 --noproxy "*" '
        '--header "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" "$AWS_CONTAINER_CREDENTIALS_FULL_URI"'
    )
    done = sentinel_exec.run(
        "sh", "-c", f'for i in $(seq 200); do {fetch} --output "{folder}/$i" & done; wait'
    )
    assert done.returncode == 0, done.stderr
    keys = [json.loads(file.read_text())["AccessKeyId"] for file in folder.iterdir()]
    assert len(keys) == 200 and len(set(keys)) == 1
    assert len(dev.vended()) == already + 1


def test_a_revoked_program_shows_the_refusal_and_the_next_step(dev: Dev, sentinel_exec: Exec) -> None:
    script = (
        "import sys; print('started', flush=True); sys.stdin.readline()\n"
        f"import time; time.sleep({SHORT})\n{BOTO3}"
    )
    process = subprocess.Popen(
        sentinel_exec.arguments(sys.executable, "-c", script, profile="short"),
        env=sentinel_exec.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "started\n"
        assert dev.revoke("carol", user="alice", profile="short").status == 200
        out, err = process.communicate("go\n", timeout=TIMEOUT)
    finally:
        process.kill()
        assert dev.reinstate("carol", user="alice", profile="short").status == 200
    assert process.returncode == 1, (out, err)
    lines = [line for line in err.splitlines() if "SESSION_REVOKED" in line]
    # One line of `sentinel exec`, and the error of botocore.
    assert lines[0].startswith("warning: no credentials of `short`: SESSION_REVOKED: "), err
    assert "CredentialRetrievalError" in lines[-1] and "operator" in lines[-1], err


class Terminal:
    """A program on a pseudo terminal, in the foreground."""

    def __init__(self, arguments: "list[str]", environment: "dict[str, str]") -> None:
        self.output = ""
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.execve(arguments[0], arguments, environment)

    def until(self, holds: Callable[[str], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not holds(self.output):
            assert time.monotonic() < deadline, self.output
            if select.select([self.terminal], [], [], 0.1)[0]:
                try:
                    self.output += os.read(self.terminal, 4096).decode()
                except OSError:
                    # Linux reports the end of the last process of a terminal as an error.
                    assert holds(self.output), self.output

    def press(self, key: bytes) -> None:
        os.write(self.terminal, key)

    def end(self) -> int:
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            done, status = os.waitpid(self.process, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        raise AssertionError(self.output)

    def close(self, ended: bool) -> None:
        if not ended:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
        os.close(self.terminal)


def on_terminal(sentinel_exec: Exec, *command: str) -> Terminal:
    return Terminal(sentinel_exec.arguments(*command), sentinel_exec.environment)


# A handler can run during a `print`, which must not be entered twice.
COUNTING = """\
import os, signal, time
received = []
def receive(number, _):
    received.append(number)
    os.write(1, b"INT\\n" if number == signal.SIGINT else b"TERM\\n")
signal.signal(signal.SIGINT, receive)
signal.signal(signal.SIGTERM, receive)
os.write(1, b"ready\\n")
while signal.SIGTERM not in received:
    time.sleep(0.05)
os.write(1, b"received %d\\n" % received.count(signal.SIGINT))
"""


def test_control_c_in_a_terminal_reaches_the_program_once(sentinel_exec: Exec) -> None:
    terminal, ended = on_terminal(sentinel_exec, sys.executable, "-c", COUNTING), False
    try:
        terminal.until(lambda output: "ready" in output)
        terminal.press(b"\x03")
        terminal.until(lambda output: "INT" in output)
        # Passed on after the SIGINT, so that a second SIGINT would have arrived before it.
        os.kill(terminal.process, signal.SIGTERM)
        terminal.until(lambda output: "received" in output and output.endswith("\n"))
        assert terminal.end() == 0
        ended = True
        assert "received 1" in terminal.output, terminal.output
    finally:
        terminal.close(ended)


def test_control_z_stops_the_program_and_it_continues(sentinel_exec: Exec) -> None:
    # With `set -m`, each job has its own group, as in an interactive shell.
    arguments = sentinel_exec.arguments("sh", "-c", "echo ready; read line; echo got $line; exit 5")
    quoted = " ".join(f"'{word}'" for word in arguments)
    shell = f"set -m; {quoted}; echo stopped; fg; echo status $?"
    terminal, ended = Terminal(["/bin/bash", "-c", shell], sentinel_exec.environment), False
    try:
        terminal.until(lambda output: "ready" in output)
        terminal.press(b"\x1a")
        terminal.until(lambda output: "stopped" in output)
        terminal.press(b"line\n")
        terminal.until(lambda output: "status 5" in output)
        assert "got line" in terminal.output
        assert terminal.end() == 0
        ended = True
    finally:
        terminal.close(ended)


# --- `sentinel serve`


def test_boto3_uses_a_standing_endpoint_with_a_token_file(dev: Dev, sentinel_exec: Exec, tmp_path: Path) -> None:
    serve = subprocess.Popen(
        [
            str(sentinel_exec.binary), "serve", "--profile", "production", "--listen", "127.0.0.1:0",
            "--token-dir", str(tmp_path / "tokens"), "--format", "json",
        ],
        env=sentinel_exec.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )
    try:
        ready = json.loads(serve.stdout.readline())
        done = subprocess.run(
            [sys.executable, "-c", BOTO3],
            env=clean_environment(tmp_path, STS=f"{dev.url}/sts", **ready["profiles"][0]["variables"]),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=False,
        )
        is_vended(dev, done)
        serve.send_signal(signal.SIGTERM)
        assert serve.wait(timeout=TIMEOUT) == 0
    finally:
        serve.kill()
        serve.wait()
