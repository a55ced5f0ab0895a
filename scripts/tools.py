"""What the checks need beside Rust, make and Python, and how it comes to be there.

Python and npm packages go, pinned with all that they need, into `.tools/` (git ignores it); programs of
the system are looked for and never installed. A Rust toolchain, target or component is never fetched.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence, Union

from steps import ROOT, Need, Unavailable

TOOLS = ROOT / ".tools"
SCRIPTS = ROOT / "scripts"


def program(name: str, why: str) -> Need:
    """Needs a program of the system on the PATH."""

    def need() -> None:
        if shutil.which(name) is None:
            raise Unavailable(f"no `{name}` on the PATH: {why}")

    return need


def where_possible(need: Need) -> Need:
    """Tries to have something, for a step that can do most of its work without, and itself says what
    it leaves out."""

    def tried() -> None:
        try:
            need()
        except Unavailable:
            pass

    return tried


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


@dataclass(frozen=True)
class Packages:
    """A folder in which pinned packages are installed, anew whenever the pins change."""

    folder: Path
    pins: Sequence[Path]
    # What else decides which packages fit.
    platform: str

    def install(self, *commands: Sequence[Union[str, Path]]) -> str:
        """Installs them unless they are there as pinned; says what went wrong, or nothing."""
        stamp = self.folder / "installed"
        read = b"".join(file.read_bytes() for file in self.pins)
        wanted = hashlib.sha256(read + self.platform.encode()).hexdigest()
        if stamp.exists() and stamp.read_text() == wanted:
            return ""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for command in commands:
            problem = _run(command)
            if problem:
                return f"cannot install {self.pins[0].name} into {_shown(self.folder)}: {problem}"
        stamp.write_text(wanted)
        return ""


def _shown(folder: Path) -> Path:
    return folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder


def _run(command: Sequence[Union[str, Path]]) -> str:
    """The last line of what a command that failed said; nothing when it did not fail."""
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return ""
    return (done.stdout.strip().splitlines() or ["it said nothing"])[-1]


def _python_packages(folder: Path, requirements: Path) -> str:
    python = folder / "bin" / "python"
    return Packages(folder, [requirements], sys.version).install(
        [sys.executable, "-m", "venv", folder],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--requirement", requirements],
    )


VENV = TOOLS / "venv"
VENV_BIN = VENV / "bin"
PYTHON = VENV_BIN / "python"
REQUIREMENTS = SCRIPTS / "requirements.txt"
CHECKOV = TOOLS / "checkov" / "bin" / "checkov"
NODE = TOOLS / "node"
NODE_PINS = (SCRIPTS / "node" / "package.json", SCRIPTS / "node" / "package-lock.json")


# Each is tried once a run, whether it works or not.
@functools.lru_cache(maxsize=None)
def _venv() -> str:
    return _python_packages(VENV, REQUIREMENTS)


@functools.lru_cache(maxsize=None)
def _checkov() -> str:
    return _python_packages(CHECKOV.parent.parent, SCRIPTS / "requirements-checkov.txt")


@functools.lru_cache(maxsize=None)
def _node() -> str:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "no `node` and `npm` on the PATH: dynalite runs on it"
    version = subprocess.run(
        ["node", "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    ).stdout
    return Packages(NODE, NODE_PINS, version).install(
        ["cp", *NODE_PINS, NODE],
        # No script of a package runs: what is needed of compiled code comes in the packages.
        [npm, "ci", "--prefix", NODE, "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
    )


def _needed(problem: str) -> None:
    if problem:
        raise Unavailable(problem)


def venv() -> None:
    """Needs the pinned Python packages: checkers, emulators and clients."""
    _needed(_venv())


def checkov() -> None:
    """Needs checkov, which is installed apart from the others."""
    _needed(_checkov())


def node_packages() -> None:
    """Needs the pinned npm packages: dynalite."""
    _needed(_node())
