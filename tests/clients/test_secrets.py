"""Invariant 6: no secret reaches a log, an error or a file, however much is logged.

`sentinel dev` runs with all logging enabled while requests are allowed, refused and malformed. Then its output
and all plain files of its data folder are searched for every secret, complete and in halves, in plain text,
base64 and hex.
"""

from __future__ import annotations

import base64
import socket
from pathlib import Path
from typing import Iterator
from urllib.parse import urlsplit

import pytest

import signing
from conftest import MAIN
from dev import Dev
from signing import Key, Request, send

ORIGIN_SECRET = "origin-secret-0123456789-abcdefghijklmnop"
# Input from a caller can also contain secrets, for example by mistake.
TYPED_BY_MISTAKE = "hunter2-typed-into-the-wrong-field"


def forms(secret: str) -> Iterator[bytes]:
    """Encodings in which a secret may appear."""
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    # base64 depends on the position in a longer text: the unchanged part at each of three offsets.
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        whole = encoded[(offset * 8 + 5) // 6 : (offset + len(raw)) * 8 // 6]
        yield whole
        yield whole.replace(b"+", b"-").replace(b"/", b"_")


def debug_bytes(secret: str) -> bytes:
    """The secret in the form of a derived `Debug` of its bytes."""
    return ", ".join(str(byte) for byte in secret.encode()).encode()


class Leaks:
    """The secrets of a run, and where they were found."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    def add(self, name: str, secret: str) -> None:
        assert len(secret) >= 16, f"{name} is too short to be looked for"
        self.secrets[f"{name} #{len(self.secrets)}"] = secret

    def search(self, files: list[Path]) -> list[str]:
        found = []
        for file in files:
            content = file.read_bytes()
            for name, secret in self.secrets.items():
                if any(form in content for form in (*forms(secret), debug_bytes(secret))):
                    found.append(f"{name} in {file.name}")
        return found


def raw(dev: Dev, text: bytes) -> None:
    """Sends input that no client would send."""
    parts = urlsplit(dev.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(text)
        connection.settimeout(1)
        try:
            while connection.recv(65536):
                pass
        except (TimeoutError, ConnectionError):
            pass


def exercise(dev: Dev, leaks: Leaks) -> None:
    """Every operation that handles a secret, successful and failing."""
    for name, key in dev.keys.items():
        leaks.add(f"the secret key of {name}", key.secret)

    ids = []
    for caller, profile in (("alice", "production"), ("bob", "staging"), ("ci/build-7", "staging")):
        answer = dev.vend(caller, profile)
        assert answer.status == 200, answer
        vended = answer.json()
        leaks.add("an issued secret key", vended["SecretAccessKey"])
        leaks.add("an issued token", vended["Token"])
        leaks.add("a session id", answer.session)
        handle = dev.vended()[-1]["session"]
        leaks.add("the secret of a session", answer.session.removeprefix(f"session-{handle}"))
        ids.append(answer.session)

        key = Key(vended["AccessKeyId"], vended["SecretAccessKey"], vended["Token"])
        form = b"Action=GetCallerIdentity&Version=2011-06-15"
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        for path in ("/sts", "/sts/"):
            good = signing.sign(key, "POST", dev.url + path, form, headers=kind, service="sts")
            assert send(good).status == 200
            assert send(good.but(body=form + b"&x=1")).status == 403
        assert send(signing.sign(key, "GET", f"{dev.url}/?profile=production")).status == 403

        assert dev.downstream(answer.session).status == 200
        assert dev.downstream(None, f"/downstream/x?sentinel_session_id={answer.session}").status == 200
        assert dev.downstream(answer.session + "x").status == 403
        assert dev.downstream(None, f"/downstream/x?sentinel_session_id={answer.session}%00").status == 403
        # Positions in which a person might put it by mistake.
        dev.downstream(None, f"/downstream/{answer.session}")
        dev.ask(caller, "GET", f"/?profile={answer.session}")
        dev.ask(caller, "GET", f"/{answer.session}")
        dev.revoke("carol", session=answer.session)
        dev.revoke("carol", session=answer.session[8:])

    assert dev.downstream(ids[0]).status == 200
    both = dev.downstream(ids[0], f"/downstream/x?sentinel_session_id={ids[1]}")
    assert both.status == 403
    assert dev.revoke("carol", user="alice", profile="production").status == 200
    assert dev.downstream(ids[0]).status == 403
    assert dev.vend("alice", "production").code == "SESSION_REVOKED"
    assert dev.reinstate("carol", user="alice", profile="production").status == 200
    assert dev.vend("mallory", "production").code == "POLICY_DENY"

    # Malformed: the response must not quote a secret or anything after it.
    alice = dev.sign("alice", "GET", "/?profile=production")
    secret = dev.keys["alice"].secret
    for header in (secret, f"Basic {secret}", f"AWS4-HMAC-SHA256 Credential={secret}/x, Signature=y"):
        assert send(alice.with_header("Authorization", header)).status == 403
    assert send(alice.with_header("X-Amz-Security-Token", secret)).status == 403
    assert send(alice.with_header("X-Amz-Date", secret)).status == 403
    # (Not a valid profile name, because every requested profile is recorded.)
    dev.ask("alice", "GET", f"/?profile={signing.quote('/' + secret)}")
    json_kind = {"Content-Type": "application/json"}
    for body in (b"{", f'{{"profile":"{secret}"'.encode(), f'{{"secret":"{secret}"}}'.encode(),
                 b"\xff\xfe" + secret.encode(), b"[" * 10_000 + secret.encode()):
        send(dev.sign("alice", "POST", "/", body, headers=json_kind))
        send(dev.sign("alice", "POST", "/sessions/revoke", body, headers=json_kind))
        send(dev.sign("carol", "POST", "/sessions/revoke", body, headers=json_kind))
    for text in (
        b"GET / HTTP/1.1\r\nHost: " + secret.encode() + b"\r\n\r\n",
        b"GET /" + secret.encode() + b" HTTP/9\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthorization: " + secret.encode() + b"\xff\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-Sentinel-Session-ID: " + ids[0].encode() + b"\r\nbad header\r\n\r\n",
        b"POST /sessions/revoke HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n" + secret.encode(),
        secret.encode() * 10,
    ):
        raw(dev, text)
    assert dev.vend("bob", "production").status == 200, "and it is still there"


def plain_files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.is_file()]


@pytest.fixture
def ran(binary: Path, tmp_path: Path) -> "tuple[Dev, Leaks]":
    loud = {
        "RUST_LOG": "trace",
        "RUST_BACKTRACE": "1",
        "SENTINEL_ORIGIN_SECRET": ORIGIN_SECRET,
    }
    leaks = Leaks()
    leaks.add("the origin secret", ORIGIN_SECRET)
    with Dev(binary, tmp_path, {"main": MAIN}, loud) as dev:
        exercise(dev, leaks)
        assert dev.stop() == 0
        yield dev, leaks


def test_invariant_6_no_secret_is_printed_or_kept(ran: "tuple[Dev, Leaks]") -> None:
    dev, leaks = ran
    said = [run.stdout for run in dev.runs] + [run.stderr for run in dev.runs]
    assert any(file.stat().st_size > 1000 for file in said), "nothing was logged"
    kept = [file for file in plain_files(dev.folder) if file != dev.credentials_file]
    assert set(said) <= set(kept)
    assert not leaks.search(kept), leaks.search(kept)


def test_invariant_6_the_search_finds_existing_secrets(ran: "tuple[Dev, Leaks]", tmp_path: Path) -> None:
    """The credentials file contains the keys of the identities, and the search finds them."""
    dev, leaks = ran
    found = leaks.search([dev.credentials_file])
    assert len(found) == len(dev.keys)
    for offset in range(3):
        file = tmp_path / f"slipped.{offset}"
        file.write_bytes(base64.b64encode(b"x" * offset + dev.keys["bob"].secret.encode() + b"y"))
        assert len(leaks.search([file])) == 1


def test_invariant_6_a_request_body_is_not_in_the_response(dev: Dev) -> None:
    body = f'{{"profile":"production","password":"{TYPED_BY_MISTAKE}"'.encode()
    signed = dev.sign("alice", "POST", "/", body, headers={"Content-Type": "application/json"})
    answer = send(signed)
    assert answer.status == 400, answer
    assert TYPED_BY_MISTAKE.encode() not in answer.body


def test_invariant_6_an_unsigned_request_is_not_quoted(dev: Dev) -> None:
    answer = send(Request("GET", f"{dev.url}/?profile={TYPED_BY_MISTAKE}", {}))
    assert answer.status == 403
    assert TYPED_BY_MISTAKE.encode() not in answer.body
