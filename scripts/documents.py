"""Checks the Markdown: links have a target, and tests that a table names exist.

In `docs/threats.md` and `docs/failures.md`, each row names a test. A renamed test would silently make a row
wrong.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator

ROOT = Path(__file__).resolve().parent.parent

TABLES_NAMING_TESTS = ("docs/threats.md", "docs/failures.md")

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_DEFINITION = re.compile(r"(?:^\s*(?:pub\s+)?(?:async\s+)?fn|^\s*def|^\s*class)\s+(\w+)|^\s*test\(\"(\w+)\"", re.MULTILINE)
_TEST_NAME = re.compile(r"`(?:[\w./-]+(?:::|/))*(\w+)`")


def tracked(*patterns: str) -> list[Path]:
    """The repository's files that match these patterns, without ignored files."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).exists()]


def prose(text: str) -> str:
    """The document without code blocks and inline code. Line numbers are kept."""
    fenced = re.sub(r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), text,
                    flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", fenced)


def anchor(heading: str) -> str:
    """The anchor of a heading in rendered Markdown."""
    # An underscore inside a word is a character of it, as in POLICY_DENY.
    plain = re.sub(r"[`*]|(?<!\w)_|_(?!\w)|\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip())
    return re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")


def anchors(file: Path) -> set[str]:
    """All anchors of a document."""
    text = re.sub(r"^```.*?^```", "", file.read_text(encoding="utf-8"),
                  flags=re.MULTILINE | re.DOTALL)
    return {anchor(heading) for heading in re.findall(r"^#+\s+(.+)$", text, re.MULTILINE)}


def broken_links(file: Path) -> Iterator[str]:
    """Links to files or headings that do not exist. Links to the web are not checked."""
    for number, row in enumerate(prose(file.read_text(encoding="utf-8")).splitlines(), start=1):
        for target in _LINK.findall(row):
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            path, _, fragment = target.partition("#")
            place = (file.parent / path).resolve() if path else file
            where = f"{file.relative_to(ROOT)}:{number}"
            if not place.exists():
                yield f"{where}: `{target}` does not exist"
            elif fragment and place.suffix == ".md" and fragment not in anchors(place):
                yield f"{where}: `{target}`: no such heading"


def missing_tests(file: Path, defined: set[str]) -> Iterator[str]:
    """Rows of the document's tables whose last column names no test, or one that does not exist."""
    for number, row in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not row.startswith("|") or re.fullmatch(r"[|\s:-]+", row):
            continue
        last = row.rstrip().rstrip("|").rsplit("|", 1)[-1]
        if last.strip().lower() in ("test", "tests"):
            continue
        where = f"{file.relative_to(ROOT)}:{number}"
        named = _TEST_NAME.findall(last)
        if not named:
            yield f"{where}: the row names no test"
        for name in named:
            if name not in defined:
                yield f"{where}: there is no test `{name}`"


def main() -> int:
    problems = [problem for file in tracked("*.md") for problem in broken_links(file)]
    defined: set[str] = set()
    for file in tracked("*.rs", "*.py", "*.mjs"):
        for names in _DEFINITION.findall(file.read_text(encoding="utf-8")):
            defined.update(filter(None, names))
    for name in TABLES_NAMING_TESTS:
        if (ROOT / name).exists():
            problems.extend(missing_tests(ROOT / name, defined))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
