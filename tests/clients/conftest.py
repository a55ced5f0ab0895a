"""The binary, and a running `sentinel dev` for tests that only send requests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Iterator

import pytest

from dev import Dev

ROOT = Path(__file__).resolve().parents[2]

# Alice and bob can get production, builds can get staging, payroll requires an approval. A rule denies mallory, and
# no rule matches dave. Carol is an operator.
MAIN = """\
version: "1"
groups:
  people: [alice, bob]
profiles:
  production: { max_duration: 1h }
  staging: { max_duration: 1h }
  payroll: { max_duration: 1h }
rules:
  - name: not-mallory
    effect: deny
    conditions: { users: [mallory] }
    reason: Mallory left the company
  - name: production-for-people
    effect: allow
    conditions: { profiles: [production], users: ["group:people"] }
    max_duration: 30m
    reason: On call
  - name: staging-for-builds
    effect: allow
    conditions: { profiles: [staging], users: ["ci/*", "group:people"] }
  - name: payroll-is-approved
    effect: require_approval
    conditions: { profiles: [payroll], users: ["group:people"] }
operators:
  - { name: security, users: [carol], may: [list_sessions, revoke, reinstate] }
"""


def forbidden_to_skip() -> bool:
    return os.environ.get("SENTINEL_FORBID_SKIPS", "") not in ("", "0")


def tool(name: str) -> str:
    """A program of the system. If it is missing, the test is skipped (if that is allowed)."""
    found = shutil.which(name)
    if found is None:
        (pytest.fail if forbidden_to_skip() else pytest.skip)(f"no `{name}` on the PATH")
    return found


def built(variable: str, profile: str) -> Path:
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = Path(os.environ.get(variable, target / profile / "sentinel"))
    if not path.exists():
        pytest.exit(f"{path} is not built: make test ONLY='programs demo clients'", returncode=3)
    return path


@pytest.fixture(scope="session")
def binary() -> Path:
    """The `sentinel` to test."""
    return built("SENTINEL_BINARY", "debug")


@pytest.fixture(scope="session")
def demo_binary() -> Path:
    """The `sentinel` whose speed and memory are measured. It has `policy`, `dev` and `demo`."""
    return built("SENTINEL_DEMO_BINARY", "demo")


@pytest.fixture(scope="module")
def dev(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """One `sentinel dev` for a file of tests, with the policy above."""
    with Dev(binary, tmp_path_factory.mktemp("dev"), {"main": MAIN}) as running:
        yield running
