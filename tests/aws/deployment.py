"""An account in which the guide is followed: runs its commands as they are written, and makes the changes between
them that the emulator needs.
"""

from __future__ import annotations

import json
import subprocess
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Optional

import boto3

import guide
from differences import Difference
from emulator import ACCOUNT, REGION, Ministack, Page, Proxy, environment
from guide import Command
from shell import Shell

TVM = "sentinel-tvm"
AUTHORIZER = "sentinel-authorizer"
PROFILE = "production"
PROTECTED_ROLE = f"SentinelProtected-{PROFILE}"
EXECUTION_ROLE = "SentinelTVMExecutionRole"
AUTHORIZER_ROLE = "SentinelAuthorizerRole"


class GuideFailed(Exception):
    """A command of the guide did not have the documented result."""


@dataclass(frozen=True)
class Key:
    """An access key. The key of a session has a token."""

    id: str
    secret: str
    token: Optional[str] = None

    @classmethod
    def of_vend(cls, answer: Mapping[str, str]) -> "Key":
        return cls(answer["AccessKeyId"], answer["SecretAccessKey"], answer["Token"])

    def variables(self) -> dict[str, str]:
        """The key as environment variables, which every AWS tool reads."""
        token = {"AWS_SESSION_TOKEN": self.token} if self.token else {}
        return {"AWS_ACCESS_KEY_ID": self.id, "AWS_SECRET_ACCESS_KEY": self.secret, **token}


ROOT_KEY = Key("test", "test")


@dataclass(frozen=True)
class Answer:
    """A response that curl received."""

    status: int
    body: str

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> Optional[str]:
        """Sentinel's error code, if the response comes from Sentinel."""
        try:
            return self.json().get("Code")
        except ValueError:
            return None


@dataclass(frozen=True)
class Invoked:
    """The result of a function that was invoked directly, without API Gateway."""

    # `Unhandled` if the function returned an error.
    error: Optional[str]
    payload: Any

    @property
    def status(self) -> Optional[int]:
        return self.payload.get("statusCode")

    @property
    def code(self) -> Optional[str]:
        return json.loads(self.payload["body"]).get("Code")


class Deployment:
    """The account, the shell in which the guide runs, and the tools of its users."""

    def __init__(
        self, folder: Path, ministack: Ministack, proxies: Mapping[str, Proxy], page: Page, tools: Mapping[str, Path]
    ) -> None:
        self.folder = folder
        self.ministack = ministack
        self.proxies = proxies
        self.page = page
        programs = folder / "programs"
        programs.mkdir()
        for name, path in tools.items():
            (programs / name).symlink_to(path)
        self.environment = environment(folder, AWS_ENDPOINT_URL=ministack.url)
        self.environment["PATH"] = f"{programs}:{self.environment['PATH']}"
        self.shell = Shell(
            folder,
            {
                **self.environment,
                **ROOT_KEY.variables(),
                "DOWNSTREAM_URL": page.url,
                "ALLOWED_CIDR": "127.0.0.1/32",
            },
        )
        self._clients: dict[tuple[str, Key], Any] = {}
        self.ran: list[Command] = []
        self.unlike: list[str] = []
        self.dropped: list[Difference] = []
        # The documented output that differs from that of the emulator, by heading.
        self.instead: dict[tuple[str, str], str] = {}
        # Results of the tests between the commands.
        self.outcomes: dict[str, Optional[str]] = {}
        self.tvm_url = ""
        self.downstream = ""
        self.prober: Optional[Key] = None
        self.role: dict = {}

    # --- the guide

    def follow(self, document: Path, between: Mapping[str, Callable[["Deployment"], None]]) -> None:
        """Runs a document's commands. After the last command under a heading, runs the function for that heading."""
        todo = guide.commands(document)
        # The emulator is strongly consistent, so no pause is needed.
        self.shell.run("sleep() { :; }")
        for index, command in enumerate(todo):
            self._run(document, command)
            heading = command.block.heading
            if index + 1 == len(todo) or todo[index + 1].block.heading != heading:
                between.get(heading, lambda _: None)(self)

    def _run(self, document: Path, command: Command) -> None:
        place = f"{document.name}:{command.block.line}"
        ran = self.shell.run(command.block.text)
        self.ran.append(command)
        if bool(ran.failed) != command.refused:
            what = f"failed: {ran.failed[0]}" if ran.failed else "must be refused but succeeded"
            raise GuideFailed(f"{place}: {what}\n{ran.output}")
        if command.expected is None:
            return
        expected = command.expected
        for (heading, said), instead in self.instead.items():
            if heading == command.block.heading:
                expected = expected.replace(said, instead)
        if not guide.is_like(ran.output, expected):
            self.unlike.append(f"{place}: printed\n{ran.output}\ninstead of\n{expected}")

    def drop(self, difference: Difference, measured: bool) -> bool:
        """Records a difference if it was measured. Returns whether it was."""
        if measured:
            self.dropped.append(difference)
        return measured

    # --- its tools

    def run(self, *command: object, key: Key = ROOT_KEY, **more: str) -> subprocess.CompletedProcess:
        """Runs a program as the holder of a key."""
        return subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            env={**self.environment, **key.variables(), **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ask(self, service: str, operation: str, key: Key = ROOT_KEY, **parameters: Any) -> Any:
        """Calls AWS like the aws command, but without the startup time of that command."""
        if (service, key) not in self._clients:
            self._clients[service, key] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=self.ministack.url,
                aws_access_key_id=key.id,
                aws_secret_access_key=key.secret,
                aws_session_token=key.token,
            )
        return getattr(self._clients[service, key], operation)(**parameters)

    def curl(self, url: str, *options: str, key: Optional[Key] = None) -> Answer:
        """Sends a request, signed if a key is given."""
        signed: list[str] = []
        if key is not None:
            signed = ["--aws-sigv4", f"aws:amz:{REGION}:execute-api", "--user", f"{key.id}:{key.secret}"]
            if key.token:
                signed += ["--header", f"x-amz-security-token: {key.token}"]
        done = self.run(
            "curl", "--silent", "--show-error", "--max-time", "40", "--write-out", "\n%{http_code}",
            *signed, *options, url,
        )
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return Answer(int(status), body)

    def invoke(self, function: str, event: Any) -> Invoked:
        """Invokes a function directly, as a principal with `lambda:InvokeFunction` can."""
        said = self.ask("lambda", "invoke", FunctionName=function, Payload=json.dumps(event))
        return Invoked(said.get("FunctionError"), json.loads(said["Payload"].read()))

    def event(self, user: str, origin: Optional[str], path: str = "/") -> dict:
        """An event of a GET as API Gateway creates it, with the name of a user."""
        route = "ANY /" if path == "/" else "ANY /{proxy+}"
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": route,
            "rawPath": path,
            "rawQueryString": f"profile={PROFILE}",
            "headers": {"host": "forged.example", "user-agent": "forged"},
            "queryStringParameters": {"profile": PROFILE},
            "requestContext": {
                "accountId": ACCOUNT,
                "apiId": "forged",
                "authorizer": {
                    "iam": {
                        "accessKey": "AKIAIOSFODNN7EXAMPLE",
                        "accountId": ACCOUNT,
                        "callerId": "AIDAIOSFODNN7EXAMPLE",
                        "principalOrgId": None,
                        "userArn": f"arn:aws:iam::{ACCOUNT}:user/{user}",
                        "userId": "AIDAIOSFODNN7EXAMPLE",
                    }
                },
                "domainName": "forged.example",
                "http": {
                    "method": "GET",
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.1",
                    "userAgent": "forged",
                },
                "requestId": str(uuid.uuid4()),
                "routeKey": route,
                "stage": "$default",
                "time": "25/Nov/2026:12:00:00 +0000",
                "timeEpoch": 1795608000000,
            },
            "isBase64Encoded": False,
        }
        if path != "/":
            event["pathParameters"] = {"proxy": path.removeprefix("/")}
        if origin is not None:
            event["stageVariables"] = {"sentinelOrigin": origin}
        return event

    # --- changes

    def configure(self, function: str, **changes: Optional[str]) -> None:
        """Changes variables of a function, which restarts it. None removes a variable."""
        said = self.ask("lambda", "get_function_configuration", FunctionName=function)
        wanted = {**said["Environment"]["Variables"], **changes}
        variables = {name: value for name, value in wanted.items() if value is not None}
        self.ask(
            "lambda", "update_function_configuration", FunctionName=function,
            Environment={"Variables": variables},
        )

    def restart(self, function: str) -> None:
        """Restarts a function, which clears its cache of policies and permissions."""
        self.configure(function, RESTARTED=uuid.uuid4().hex)

    def document(self, name: str) -> dict:
        """An IAM document that the guide wrote."""
        return json.loads((self.folder / "try" / name).read_text())

    def put_role_policy(self, role: str, document: Mapping, name: str = "Sentinel") -> None:
        self.ask(
            "iam", "put_role_policy", RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document)
        )

    @contextmanager
    def role_policy(
        self, role: str, document: Optional[Mapping], usual: Optional[Mapping], name: str = "Sentinel"
    ) -> Iterator[None]:
        """Replaces the policy of a role temporarily. None means that it has no policy."""
        try:
            self._set_role_policy(role, document, name)
            yield
        finally:
            self._set_role_policy(role, usual, name)

    def _set_role_policy(self, role: str, document: Optional[Mapping], name: str) -> None:
        if document is None:
            self.ask("iam", "delete_role_policy", RoleName=role, PolicyName=name)
        else:
            self.put_role_policy(role, document, name)

    def put_trust(self, role: str, document: Mapping) -> None:
        self.ask("iam", "update_assume_role_policy", RoleName=role, PolicyDocument=json.dumps(document))

    def key_of(self, user: str) -> Key:
        """The key that the guide created for a user."""
        words = dict(
            word.split("=", 1)
            for word in (self.folder / "try" / f"{user}.env").read_text().split()
            if "=" in word
        )
        return Key(words["AWS_ACCESS_KEY_ID"], words["AWS_SECRET_ACCESS_KEY"])

    def new_user(self, name: str, policy: Mapping) -> Key:
        """Creates a user that is not part of the guide."""
        self.ask("iam", "create_user", UserName=name)
        self.ask(
            "iam", "put_user_policy", UserName=name, PolicyName="own", PolicyDocument=json.dumps(policy)
        )
        made = self.ask("iam", "create_access_key", UserName=name)["AccessKey"]
        return Key(made["AccessKeyId"], made["SecretAccessKey"])

    def log(self, function: str) -> list[str]:
        """The log of a function."""
        group = f"/aws/lambda/{function}"
        pages: list[dict] = [self.ask("logs", "filter_log_events", logGroupName=group)]
        while token := pages[-1].get("nextToken"):
            pages.append(self.ask("logs", "filter_log_events", logGroupName=group, nextToken=token))
        return [event["message"] for page in pages for event in page["events"]]

    def close(self) -> None:
        self.shell.close()


# --- IAM documents, changed


def as_list(value: Any) -> list:
    """IAM accepts a single value or a list; returns a list."""
    return value if isinstance(value, list) else [value]


def statement(effect: str, action: str, resource: str) -> dict:
    """A document with one statement."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": effect, "Action": action, "Resource": resource}],
    }


def without_condition(document: Mapping, key: str) -> dict:
    """The document with every condition on a key removed."""
    changed = json.loads(json.dumps(document))
    for each in changed["Statement"]:
        for operator, keys in list(each.get("Condition", {}).items()):
            keys.pop(key, None)
            if not keys:
                del each["Condition"][operator]
        if not each.get("Condition", True):
            del each["Condition"]
    return changed


def without_action(document: Mapping, action: str) -> dict:
    """The document with an action removed."""
    changed = json.loads(json.dumps(document))
    for each in changed["Statement"]:
        each["Action"] = [other for other in as_list(each["Action"]) if other != action]
    changed["Statement"] = [each for each in changed["Statement"] if each["Action"]]
    return changed


def with_statement(document: Mapping, more: Mapping) -> dict:
    """The document with a statement added."""
    return {**document, "Statement": [*document["Statement"], more]}


def without_statement(document: Mapping, sid: str) -> dict:
    """The document with a statement removed."""
    left = [each for each in document["Statement"] if each["Sid"] != sid]
    assert len(left) < len(document["Statement"]), f"no statement {sid}"
    return {**document, "Statement": left}
