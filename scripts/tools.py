"""Provides the tools that the checks need in addition to Rust, make and Python.

Python and npm packages are installed into `.tools/` (git ignores it), with all dependencies pinned. Programs
of the system are only looked up, never installed. A Rust toolchain, target or component is never downloaded.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import subprocess
import sys
import threading
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
    """An optional need: the step can do most of its work without it, and reports itself what it
    skips."""

    def tried() -> None:
        try:
            need()
        except Unavailable:
            pass

    return tried


@dataclass(frozen=True)
class Packages:
    """A folder with pinned packages. They are installed again whenever the pins change."""

    folder: Path
    pins: Sequence[Path]
    # Also determines which packages are suitable.
    platform: str

    def install(self, *commands: Sequence[Union[str, Path]]) -> str:
        """Installs the packages unless the pinned versions are installed. Returns the error, or an empty text."""
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
    """Runs a command. Returns the last line of its output if it failed, otherwise an empty text."""
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
    return (done.stdout.strip().splitlines() or ["no output"])[-1]


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


# Each is attempted once per run, whether it succeeds or not.
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
        return "no `node` and `npm` on the PATH: dynalite, the AWS SDK for JavaScript and the tests of the console need them"
    version = subprocess.run(
        ["node", "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    ).stdout
    return Packages(NODE, NODE_PINS, version).install(
        ["cp", *NODE_PINS, NODE],
        # Scripts of packages are not run: the packages contain the compiled code that is needed.
        [npm, "ci", "--prefix", NODE, "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
    )


def _needed(problem: str) -> None:
    if problem:
        raise Unavailable(problem)


# Steps that run at the same time need the same packages, which are installed once.
_INSTALLING = threading.Lock()


def venv() -> None:
    """Needs the pinned Python packages: checkers, emulators and clients."""
    with _INSTALLING:
        problem = _venv()
    _needed(problem)


def checkov() -> None:
    """Needs checkov, which is installed separately."""
    _needed(_checkov())


def node_packages() -> None:
    """Needs the pinned npm packages: dynalite, the AWS SDK for JavaScript, and what drives a browser."""
    _needed(_node())


def chromium() -> str:
    """The path of Chromium, or of Chrome. Empty if there is neither."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), "")


def browser() -> None:
    """Needs Chromium."""
    if not chromium():
        raise Unavailable("no `chromium` on the PATH: the tests of the console use the page in it")
