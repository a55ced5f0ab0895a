"""Writes the seeds of the fuzz targets: one folder for each target, one file for each input.

Documents are those of the tests and examples. Targets whose input is made of choices start with random bytes,
which are the same in every run.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from pathlib import Path
from typing import Iterator

from steps import ROOT

# Targets that read a document, with the bytes before it: `diagnostics` reads limits from four.
DOCUMENTS = {"policy": b"", "diagnostics": b"\xff\xff\x10\x64"}
# Targets whose input is the choices of a generator.
CHOICES = (
    "authorizer_event",
    "container_request",
    "evaluate",
    "identity",
    "items",
    "pattern",
    "policy_json",
    "signature",
    "signature_headers",
    "ssm_response",
    "tvm_event",
    "window",
)
# Their lengths, in bytes. A generated policy takes up to a thousand.
LENGTHS = (16, 64, 200, 500, 1000, 1400)
_IDENTIFIER = re.compile(rb"(?:session-|request-|grant-)?[a-z2-7]{42,84}")


def documents() -> Iterator[bytes]:
    """Policies, and the members of groups."""
    folders = (ROOT / "sentinel-policy" / "tests" / "cases", ROOT / "examples")
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".yaml", ".json") and "target" not in path.parts and path.is_file():
                yield path.read_bytes()


def identifiers() -> Iterator[bytes]:
    """Names and identifiers of each kind."""
    yield from (b"alice", b"production", b"111122223333", b"111122223333/ci", b"x@corp.com")
    handle, secret, check = b"a" * 42, b"b" * 25 + b"a", b"c" * 16
    for text in (handle, b"session-" + handle + secret, b"session-" + handle + secret + check):
        yield text
    for prefix in (b"request-", b"grant-"):
        yield prefix + handle
    # Those in documents and snapshots.
    for path in sorted((ROOT / "docs").glob("*.md")):
        yield from sorted(set(_IDENTIFIER.findall(path.read_bytes())))


def random_bytes(name: str, length: int) -> bytes:
    blocks = (hashlib.sha256(f"{name} {length} {at}".encode()).digest() for at in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def inputs(target: str) -> Iterator[bytes]:
    """The seeds of a target."""
    if target in DOCUMENTS:
        yield from (DOCUMENTS[target] + document for document in documents())
    elif target == "session_id":
        yield from identifiers()
    else:
        for length in LENGTHS:
            yield from (random_bytes(f"{target} {copy}", length) for copy in range(4))


def write(folder: Path) -> None:
    """Writes all seeds, in place of those of an earlier run."""
    shutil.rmtree(folder, ignore_errors=True)
    for target in (*DOCUMENTS, "session_id", *CHOICES):
        (folder / target).mkdir(parents=True)
        for content in inputs(target):
            name = hashlib.sha256(content).hexdigest()[:16]
            (folder / target / name).write_bytes(content)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "fuzz" / "seeds")
