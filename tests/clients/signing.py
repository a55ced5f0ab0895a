"""Requests signed by botocore, the signer behind the aws command and boto3, and sent unchanged.

A signed request is a value: tests change one thing about it and send that.
"""

from __future__ import annotations

import datetime
import http.client
import json
from dataclasses import dataclass, field, replace
from typing import Any, Mapping, Optional
from urllib.parse import quote as _quote
from urllib.parse import urlsplit

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION = "us-east-1"
SERVICE = "execute-api"


def quote(text: str) -> str:
    """A value, encoded for a query."""
    return _quote(text, safe="-_.~")


@dataclass(frozen=True)
class Key:
    """An access key."""

    id: str
    secret: str
    token: Optional[str] = None


@dataclass(frozen=True)
class Request:
    """A request in its form on the wire."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    def but(self, **changes: Any) -> "Request":
        """The same request with one part replaced."""
        return replace(self, **changes)

    def with_header(self, name: str, value: Optional[str]) -> "Request":
        """The same request with a header replaced, added, or (for None) removed."""
        headers = {key: old for key, old in self.headers.items() if key.lower() != name.lower()}
        if value is not None:
            headers[name] = value
        return replace(self, headers=headers)


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> Optional[str]:
        """Sentinel's error code."""
        return self.json().get("Code") if self.status >= 400 else None

    @property
    def session(self) -> str:
        """The session id in a response with credentials."""
        return self.headers["x-sentinel-session-id"]


class _SignedAt(SigV4Auth):
    """Botocore's signer with a given clock."""

    def __init__(self, credentials: Credentials, service: str, region: str, moment: datetime.datetime) -> None:
        super().__init__(credentials, service, region)
        self._moment = moment

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        request.context["timestamp"] = self._moment.strftime(SIGV4_TIMESTAMP)
        super()._modify_request_before_signing(request)


def sign(
    key: Key,
    method: str,
    url: str,
    body: bytes = b"",
    *,
    headers: Optional[Mapping[str, str]] = None,
    service: str = SERVICE,
    region: str = REGION,
    offset: datetime.timedelta = datetime.timedelta(0),
) -> Request:
    """Signs a request, `offset` from now."""
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
    moment = datetime.datetime.now(datetime.timezone.utc) + offset
    _SignedAt(Credentials(key.id, key.secret, key.token), service, region, moment).add_auth(request)
    return Request(method, url, dict(request.headers.items()), body)


def send(request: Request, timeout: float = 30.0) -> Answer:
    """Sends a request byte for byte. Errors of the connection are raised to the caller."""
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        named = {name.lower() for name in request.headers}
        connection.putrequest(
            request.method, target, skip_host="host" in named, skip_accept_encoding=True
        )
        for name, value in request.headers.items():
            connection.putheader(name, value)
        if request.body and "content-length" not in named:
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body or None)
        response = connection.getresponse()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, body)
    finally:
        connection.close()
