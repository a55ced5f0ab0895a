"""The replacement for AWS: ministack with IAM enforced, a recording proxy for each function, and a page behind the
downstream API.
"""

from __future__ import annotations

import http.client
import http.server
import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Mapping, Optional, Sequence

REGION = "us-east-1"
ACCOUNT = "111122223333"
START_SECONDS = 60.0


def environment(home: Path, **more: str) -> dict[str, str]:
    """An environment in which no tool finds the current user's AWS configuration, or a proxy."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "NO_PROXY": "*",
        **more,
    }


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class _Server:
    """A server process that ends with the block that started it."""

    def __init__(self, command: Sequence[object], folder: Path, name: str, env: Mapping[str, str]) -> None:
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as sink:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                cwd=folder,
                env=dict(env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
            )

    def __exit__(
        self,
        _kind: Optional[type[BaseException]],
        _error: Optional[BaseException],
        _trace: Optional[TracebackType],
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Ministack(_Server):
    """ministack. Its root keys are `test` and `test`."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # The functions inherit this environment, so it must not contain variables that AWS would not set.
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
        }
        super().__init__([program], folder, "ministack", env)

    def __enter__(self) -> "Ministack":
        # No other process reads its output, and the pipe must not fill up.
        threading.Thread(target=self._drain, daemon=True).start()
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise RuntimeError(f"ministack did not start: {self.log.read_text()}")
            time.sleep(0.05)
        return self

    def _drain(self) -> None:
        assert self.process.stdout is not None
        while self.process.stdout.read(65536):
            pass

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class Proxy(_Server):
    """The proxy between one function and ministack. It records the function's calls."""

    def __init__(self, program: Path, upstream: str, record: Path, folder: Path) -> None:
        self.record = record
        self.url = ""
        command = [program, "--upstream", upstream, "--record", record]
        super().__init__(command, folder, f"proxy-{record.stem}", environment(folder))

    def __enter__(self) -> "Proxy":
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.__exit__(None, None, None)
            raise RuntimeError(f"the proxy did not start: {self.log.read_text()}")
        self.url = json.loads(line)["url"].rstrip("/")
        return self

    def calls(self) -> list[dict]:
        """All calls so far."""
        if not self.record.exists():
            return []
        return [json.loads(row) for row in self.record.read_text(encoding="utf-8").splitlines()]


class Page:
    """The backend of a downstream API: a page that responds with 200 and counts its visits."""

    def __init__(self) -> None:
        page = self
        self.visits = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page.visits += 1
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> "Page":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
