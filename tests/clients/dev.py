"""A running `sentinel dev`: starts, reads, stops and kills the real binary.

Its output goes to files, so that nothing blocks on a full pipe and all output can be searched.
"""

from __future__ import annotations

import configparser
import http.client
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional
from urllib.parse import urlsplit

import signing
from signing import Answer, Key

# Startup timeout in seconds, sufficient for a debug build on a busy machine.
START_SECONDS = 30.0


class DidNotStart(Exception):
    """The process ended, or printed nothing, before it was ready."""


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """An environment in which no tool finds the current user's AWS configuration."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "*",
        **more,
    }


@dataclass
class Run:
    """One run of the process."""

    process: subprocess.Popen
    stdout: Path
    stderr: Path


class Dev:
    """`sentinel dev` on one data folder, for any number of runs."""

    def __init__(
        self,
        binary: Path,
        folder: Path,
        policies: Mapping[str, str],
        environment: Optional[Mapping[str, str]] = None,
    ) -> None:
        self.binary = binary
        self.folder = folder
        self.data = folder / "data"
        self.policies = folder / "policies"
        self.policies.mkdir(parents=True)
        for name, text in policies.items():
            (self.policies / f"{name}.yaml").write_text(text)
        self.environment = clean_environment(folder, **(environment or {}))
        self.runs: list[Run] = []
        self.url = ""
        self.credentials_file = Path()
        self.identities: dict[str, str] = {}
        self.keys: dict[str, Key] = {}

    # --- start and stop

    def launch(self) -> Run:
        """Starts the process without waiting for it to be ready."""
        number = len(self.runs)
        stdout = self.folder / f"stdout.{number}"
        stderr = self.folder / f"stderr.{number}"
        with stdout.open("wb") as out, stderr.open("wb") as err:
            process = subprocess.Popen(
                [
                    self.binary, "dev", "--format", "json", "--listen", "127.0.0.1:0",
                    "--data", self.data, "--policies", self.policies,
                ],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        run = Run(process, stdout, stderr)
        self.runs.append(run)
        return run

    def start(self) -> "Dev":
        """Starts the process and waits for its ready line."""
        run = self.launch()
        deadline = time.monotonic() + START_SECONDS
        while True:
            line, complete, _ = run.stdout.read_text().partition("\n")
            if complete:
                break
            status = run.process.poll()
            if status is not None or time.monotonic() > deadline:
                self.kill()
                raise DidNotStart(f"status {status}: {run.stderr.read_text()}")
            time.sleep(0.005)
        ready = json.loads(line)
        self.url = ready["url"].rstrip("/")
        self.credentials_file = Path(ready["credentials_file"])
        self.identities = {each["name"]: each["arn"] for each in ready["identities"]}
        sections = configparser.RawConfigParser()
        sections.read(self.credentials_file)
        self.keys = {
            name: Key(sections[name]["aws_access_key_id"], sections[name]["aws_secret_access_key"])
            for name in sections.sections()
        }
        return self

    def stop(self) -> int:
        """Stops the process like a service manager. Returns its exit status."""
        process = self.runs[-1].process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Kills the process, as a crash would."""
        if self.runs:
            process = self.runs[-1].process
            process.kill()
            process.wait()

    def __enter__(self) -> "Dev":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    # --- requests

    def sign(self, caller: str, method: str, path: str, body: bytes = b"", **more: Any) -> signing.Request:
        """A request, signed by one of the identities."""
        return signing.sign(self.keys[caller], method, self.url + path, body, **more)

    def ask(self, caller: str, method: str, path: str, body: Optional[dict] = None) -> Answer:
        """Signs and sends one request. A body is sent as JSON."""
        if body is None:
            return signing.send(self.sign(caller, method, path))
        text = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return signing.send(self.sign(caller, method, path, text, headers=headers))

    def vend(self, caller: str, profile: str, **more: str) -> Answer:
        """Requests credentials."""
        query = "&".join(f"{key}={value}" for key, value in sorted({"profile": profile, **more}.items()))
        return self.ask(caller, "GET", f"/?{query}")

    def downstream(self, session: Optional[str], path: str = "/downstream/report") -> Answer:
        """Uses an API behind the authorizer."""
        headers = {} if session is None else {"X-Sentinel-Session-ID": session}
        return signing.send(signing.Request("GET", self.url + path, headers, b""))

    def revoke(self, operator: str, **what: Any) -> Answer:
        """Revokes a session, a caller on a profile, or a caller on all profiles."""
        return self.ask(operator, "POST", "/sessions/revoke", {"reason": "a test", **what})

    def reinstate(self, operator: str, **what: Any) -> Answer:
        """Reinstates a revoked caller."""
        return self.ask(operator, "POST", "/sessions/reinstate", {"reason": "a test", **what})

    def sessions(self, asker: str, **query: str) -> list[dict]:
        """All pages of the list of sessions."""
        found: list[dict] = []
        cursor: Optional[str] = None
        while True:
            pairs = {**query, **({"cursor": cursor} if cursor else {})}
            text = "&".join(f"{key}={signing.quote(value)}" for key, value in sorted(pairs.items()))
            answer = self.ask(asker, "GET", "/sessions" + (f"?{text}" if text else ""))
            assert answer.status == 200, answer
            page = answer.json()
            found += page["sessions"]
            cursor = page.get("next")
            if not cursor:
                return found

    def connection(self) -> http.client.HTTPConnection:
        """A bare connection, for input that no client would send."""
        parts = urlsplit(self.url)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)

    # --- output

    def records(self) -> list[dict]:
        """The decision records of this run, in order, without the ready line and metrics."""
        lines = self.runs[-1].stdout.read_text().split("\n")
        # Text after the last line end is incomplete, or was cut off by a kill.
        parsed = [json.loads(line) for line in lines[1:-1] if line]
        return [record for record in parsed if "effect" in record]

    def vended(self) -> list[dict]:
        """The records of vended credentials."""
        return [
            record
            for record in self.records()
            if record["effect"] == "allow" and not record.get("withheld")
        ]
