"""A second TVM on the tables of the first one, from the package of another version."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional

from deployment import PROFILE, TVM, Deployment

PREVIOUS = "sentinel-tvm-previous"


@contextmanager
def previous(deployed: Deployment, package: Path) -> Iterator[str]:
    """Deploys the package next to the TVM, with its variables and its role: the same tables, keys and policies."""
    configuration = deployed.ask("lambda", "get_function_configuration", FunctionName=TVM)
    deployed.ask(
        "lambda", "create_function",
        FunctionName=PREVIOUS,
        Runtime=configuration["Runtime"],
        Role=configuration["Role"],
        Handler=configuration["Handler"],
        Architectures=configuration.get("Architectures", ["x86_64"]),
        Timeout=configuration["Timeout"],
        MemorySize=configuration["MemorySize"],
        Environment={"Variables": configuration["Environment"]["Variables"]},
        Code={"ZipFile": package.read_bytes()},
    )
    try:
        yield PREVIOUS
    finally:
        deployed.ask("lambda", "delete_function", FunctionName=PREVIOUS)


class Version:
    """One of the two functions, as its callers see it."""

    def __init__(self, deployed: Deployment, function: str) -> None:
        self.deployed = deployed
        self.function = function
        self.origin = (deployed.folder / "try" / "origin-secret").read_text().strip()

    def send(
        self, user: str, path: str, query: str = "", body: Optional[Mapping[str, Any]] = None
    ) -> "tuple[int, dict, dict]":
        """The status, the body and the headers of a response."""
        event = self.deployed.event(user, self.origin, path)
        event["rawQueryString"] = query
        event["queryStringParameters"] = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        if body is not None:
            event["requestContext"]["http"]["method"] = "POST"
            event["headers"]["content-type"] = "application/json"
            event["body"] = json.dumps(body)
        invoked = self.deployed.invoke(self.function, event)
        assert invoked.error is None, invoked
        headers = {name.lower(): value for name, value in invoked.payload["headers"].items()}
        return invoked.payload["statusCode"], json.loads(invoked.payload["body"]), headers

    def vend(self) -> "tuple[str, Optional[str]]":
        """The result of a vend of alice, and the id of the session."""
        status, body, headers = self.send("alice", "/", f"profile={PROFILE}")
        return ("vended" if status == 200 else body["Code"]), headers.get("x-sentinel-session-id")

    def sessions(self) -> "dict[str, str]":
        """The states of the sessions of alice, by handle, as an operator sees them."""
        states: dict[str, str] = {}
        cursor = ""
        while True:
            status, body, _ = self.send("carol", "/sessions", f"user=alice{cursor}")
            assert status == 200 and not body.get("unreadable"), body
            states.update((session["session"], session["state"]) for session in body["sessions"])
            if "next" not in body:
                return states
            cursor = f"&cursor={body['next']}"

    def change(self, what: str) -> int:
        """Revokes or reinstates alice on the profile."""
        body = {"user": "alice", "profile": PROFILE, "reason": "a test of two versions"}
        return self.send("carol", f"/sessions/{what}", body=body)[0]
