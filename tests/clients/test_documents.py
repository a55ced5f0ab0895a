"""The policies in the documents are valid."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT
from dev import clean_environment

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def policies() -> "list[tuple[str, str]]":
    """Every YAML block that is a whole policy, with its location."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for block in re.finditer(r"^```yaml\n(version:.*?)^```", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, block.start()) + 1
            found.append((f"{document.relative_to(ROOT)}:{line}", block[1]))
    return found


@pytest.mark.parametrize(("place", "text"), policies(), ids=[place for place, _ in policies()])
def test_a_policy_in_a_document_is_valid(
    binary: Path, tmp_path: Path, place: str, text: str
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    done = subprocess.run(
        [binary, "policy", "check", file],
        env=clean_environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{place}: {done.stdout}{done.stderr}"
