"""Checks the language of documents, comments, messages and names: see "Language" in CONTRIBUTING.md.

typos checks spelling and single words. This script runs it, and searches the same files for phrases, which typos cannot
express. `_typos.toml` lists the words and the excluded files.

    scripts/language.py            every file
    scripts/language.py FILE...    these files, even if they are excluded
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator

from documents import ROOT, prose
from tools import VENV_BIN

TYPOS = VENV_BIN / "typos"

# Each phrase is a regular expression for lowercase text, with the text to write instead. Only phrases that need no
# exceptions are listed.
PHRASES: "dict[str, str]" = {
    r"(?<!there )\bis no\b(?! longer| more| fewer| larger| newer| older)": "is not a",
    r"\b(?:who|those who|whoever) may\b": "the role: caller, operator, administrator, policy author",
    r"\bwhoever\b|\bthose who\b": "the role: caller, operator, administrator, policy author",
    r"\bone's\b": "its, your",
    r"\bof (?:one's|its|our|their) own\b": "its own, separate",
    r"\basks? for\b|\basked for\b|\basking for\b": "requests, requested",
    r"\b(?:is|are|was|were|be|been) told\b": "is reported",
    r"\bknows? (?:of|about|nothing)\b": "reads, contains, depends on",
    r"\bdoes not check\b": "is invalid",
    r"\bin vain\b": "without effect",
    r"\bat once\b": "immediately, concurrently",
    r"\bfor ever\b": "indefinitely",
    r"\bso many\b": "the number",
    r"\bby (?:itself|themselves)\b": "automatically, separately",
    r"\bwhat is there\b": "existing resources",
    r"\bgo(?:es)? on (?:as|to|with|without|until|working)\b": "continues",
    r"\blets? in\b|\blet through\b|\blets? (?:nobody|everybody|anybody)\b": "accepts, admits, refuses",
    r"\bbe had\b": "is available",
    r"\b(?:stands|lies) (?:at|behind|below|beside|here|in|on|there|under|where)\b": "is at, is stored in",
    r"\bmet by\b": "matches",
    r"\blook-ups?\b": "lookup",
    r"\btime-outs?\b": "timeout",
    r"\bend points?\b": "endpoint",
    r"\bstart-up\b": "startup",
    r"\bclean-up\b": "cleanup",
}
_PHRASES = [(re.compile(pattern), instead) for pattern, instead in PHRASES.items()]

_GENERATED = re.compile(r"^<!-- generated: .*?^<!-- /generated -->$", re.MULTILINE | re.DOTALL)


class Failed(Exception):
    """typos did not run; the text states why."""


def typos(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs typos in the repository."""
    return subprocess.run(
        [TYPOS, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def files(arguments: "list[str]") -> "list[Path]":
    """The files that typos checks."""
    done = typos("--files", "--sort", *(arguments or ["."]))
    if done.returncode != 0:
        raise Failed(done.stdout)
    return [ROOT / name for name in done.stdout.splitlines()]


def words(arguments: "list[str]") -> Iterator[str]:
    """Misspelled words, and words that the word list replaces."""
    done = typos("--format", "brief", "--sort", *(arguments or ["."]))
    found = done.stdout.splitlines()
    # typos exits with 2 if it found something.
    if done.returncode not in (0, 2) or (done.returncode == 2) != bool(found):
        raise Failed(done.stdout)
    for row in found:
        yield row.removeprefix("./").replace(" error: ", " ", 1)


def read(file: Path) -> str:
    """The text of a file in which phrases are searched; line numbers are kept. Markdown without code, and without the
    parts that tests generate from Rust."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".md":
        return text
    return prose(_GENERATED.sub(lambda part: "\n" * part[0].count("\n"), text))


def phrases(file: Path) -> Iterator[str]:
    """Phrases that the list replaces, also across the end of a line."""
    text = re.sub(r"\n[ \t]*(?:#|//)?[ \t]*", lambda end: "\n", read(file).lower())
    joined = text.replace("\n", " ")
    for pattern, instead in _PHRASES:
        for found in pattern.finditer(joined):
            number = text.count("\n", 0, found.start()) + 1
            yield f"{file.relative_to(ROOT)}:{number}: `{found[0]}` should be `{instead}`"


def problems(arguments: "list[str]") -> Iterator[str]:
    """Everything that is found, words before phrases."""
    yield from words(arguments)
    for file in files(arguments):
        if not file.is_symlink():
            yield from phrases(file)


def main(arguments: "list[str]") -> int:
    try:
        found = list(problems(arguments))
    except Failed as failed:
        print(failed)
        return 1
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
