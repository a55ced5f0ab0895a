"""The fixtures of the test of the guide, which must be built before, and the report at its end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(os.environ.get("SENTINEL_TOOLS", ROOT / ".tools"))
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PACKAGES = ("lambda-tvm-linux-amd64.zip", "lambda-authorizer-linux-amd64.zip")

DROPPED = pytest.StashKey[list]()


def built(path: Path) -> Path:
    """A file that must exist; otherwise the run ends immediately."""
    if not path.exists():
        pytest.exit(f"{path} does not exist: `make test-aws` builds it", returncode=3)
    return path


def program(variable: str, usual: Path) -> Path:
    return built(Path(os.environ.get(variable, usual)).absolute())


@pytest.fixture(scope="session")
def sentinel() -> Path:
    """The command."""
    return program("SENTINEL_BINARY", TARGET / "debug" / "sentinel")


@pytest.fixture(scope="session")
def proxy() -> Path:
    """The recording proxy of the test kit."""
    return program("SENTINEL_PROXY", TARGET / "debug" / "aws-proxy")


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder with the packages of the functions."""
    for name in PACKAGES:
        built(ROOT / "bin" / name)
    return ROOT / "bin"


@pytest.fixture(scope="session")
def previous_tvm(packages: Path) -> Path:
    """The TVM's package of the previous version. Without a name, it is the one of this version."""
    return program("SENTINEL_PREVIOUS_TVM", packages / PACKAGES[0])


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for recordings of the functions' AWS calls."""
    named = os.environ.get("SENTINEL_RECORDINGS")
    folder = Path(named) if named else tmp_path_factory.mktemp("recordings")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Lists the differences between this run and AWS."""
    for difference in config.stash.get(DROPPED, []):
        terminalreporter.write_line(f"dropped: {difference}")
