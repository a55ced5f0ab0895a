"""The commands of a document, in their order, with the documented output.

A `sh` block is run. The `text` block after it is its whole output, with `…` for any characters.
`sh refused` ends with a failure. `sh build` builds what already exists for the tests. `sh by-hand` cannot be run
on this machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Optional

_FENCE = re.compile(r"^```(.*)$")
_HEADING = re.compile(r"^#+ (.*)$")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    heading: str
    line: int
    language: str
    words: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Command:
    """A block to run, and its output if the document contains it."""

    block: Block
    expected: Optional[str]

    @property
    def refused(self) -> bool:
        return "refused" in self.block.words


def blocks(document: Path) -> Iterator[Block]:
    """Every fenced block, with the heading above it."""
    heading = ""
    fence: Optional[tuple[int, str]] = None
    inside: list[str] = []
    for number, row in enumerate(document.read_text(encoding="utf-8").splitlines(), start=1):
        found = _FENCE.match(row)
        if fence is None:
            if found:
                fence, inside = (number, found[1]), []
            elif above := _HEADING.match(row):
                heading = above[1]
        elif row == "```":
            language, *words = fence[1].split() or [""]
            yield Block(heading, fence[0], language, tuple(words), "".join(f"{each}\n" for each in inside))
            fence = None
        else:
            inside.append(row)


def commands(document: Path) -> list[Command]:
    """The blocks to run."""
    found: list[Command] = []
    last: Optional[Block] = None
    for block in blocks(document):
        if block.language == "sh" and not {"build", "by-hand"} & set(block.words):
            found.append(Command(block, None))
        elif block.language == "text" and last is not None and found and found[-1].block is last:
            found[-1] = Command(last, block.text)
        last = block
    return found


def is_like(text: str, expected: str) -> bool:
    """Whether a text matches the expected text, in which `…` matches any text."""
    pattern = ".*".join(re.escape(part) for part in _plain(expected).split("…"))
    return re.fullmatch(pattern, _plain(text), re.DOTALL) is not None


def _plain(text: str) -> str:
    """The text without insignificant differences: carriage returns of HTTP, spaces in JSON."""
    return text.replace("\r", "").replace('": ', '":').strip()
