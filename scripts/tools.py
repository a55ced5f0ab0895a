"""What the checks need beside Rust, make and Python, and how it comes to be there.

Python packages go, pinned, into `.tools/venv` (git ignores it); programs of the system are looked for
and never installed. A Rust toolchain, target or component is never fetched.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from steps import ROOT, Need, Unavailable

TOOLS = ROOT / ".tools"
VENV = TOOLS / "venv"
VENV_BIN = VENV / "bin"
PYTHON = VENV_BIN / "python"
REQUIREMENTS = ROOT / "scripts" / "requirements.txt"


def program(name: str, why: str) -> Need:
    """Needs a program of the system on the PATH."""

    def need() -> None:
        if shutil.which(name) is None:
            raise Unavailable(f"no `{name}` on the PATH: {why}")

    return need


def nightly() -> None:
    """Needs a nightly Rust that is already installed."""
    done = subprocess.run(
        ["cargo", "+nightly", "--version"],
        env={**os.environ, "RUSTUP_AUTO_INSTALL": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise Unavailable("no nightly Rust installed: the fuzz targets are built with it")


def venv() -> None:
    """Needs the pinned Python packages, and installs them when they are not there as pinned."""
    problem = _install()
    if problem:
        raise Unavailable(problem)


@functools.lru_cache(maxsize=None)
def _install() -> str:
    stamp = VENV / "installed"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return ""
    shutil.rmtree(VENV, ignore_errors=True)
    for command in (
        [sys.executable, "-m", "venv", VENV],
        [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--requirement", REQUIREMENTS],
    ):
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = done.stdout.strip().splitlines() or ["it said nothing"]
            return f"cannot install {Path(REQUIREMENTS).name} into .tools/venv: {said[-1]}"
    stamp.write_text(wanted)
    return ""
