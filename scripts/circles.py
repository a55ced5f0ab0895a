"""Reports circles among the modules of each crate: two modules that use each other, directly or through
others, can only be read and changed together.

The modules are those that `lib.rs` declares, each with its submodules. A module uses another one if its
code, except its tests, contains a path `crate::module` or `crate::Item`, where `lib.rs` re-exports the
item from that module.

    scripts/circles.py           the crates of the workspace
    scripts/circles.py CRATE...  those crates
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_TESTS = re.compile(
    r"^#\[cfg\((?:test|all\(test\b[^\n]*)\)\]\n(?:#\[[^\n]*\n)*mod \w+ \{.*",
    re.MULTILINE | re.DOTALL,
)
_DECLARED = re.compile(r"^\s*(?:pub(?:\([^)]*\))? )?mod (\w+)\s*;", re.MULTILINE)
_REEXPORT = re.compile(r"\buse (?:crate::)?(\w+)::(\{[^;]*\}|[^;]*);")


def code(file: Path) -> str:
    """The file without comments and without its tests."""
    return _COMMENT.sub("", _TESTS.sub("", file.read_text(encoding="utf-8")))


def names(tree: str) -> list[str]:
    """The names that a `use` tree brings into scope: `{a, b as c, d::{e}}` are `a`, `c` and `e`."""
    found = []
    for part in re.split(r"[{},]", tree):
        part = part.strip()
        if part and not part.endswith("::"):
            found.append(re.split(r"::|\bas\b", part)[-1].strip())
    return found


def paths(text: str) -> Iterator[str]:
    """The first segment of each path that begins with `crate::`."""
    for match in re.finditer(r"\bcrate::(\w+|\{)", text):
        if match[1] != "{":
            yield match[1]
            continue
        depth, segment = 1, ""
        for character in text[match.end():]:
            if depth == 1 and character in ",}" and segment.strip():
                yield re.split(r"::|\s", segment.strip())[0]
                segment = ""
            elif depth == 1 and character not in ",{}":
                segment += character
            depth += (character == "{") - (character == "}")
            if depth == 0:
                break


def graph(source: Path) -> dict[str, set[str]]:
    """The modules of a crate, and which others each one uses."""
    root = code(source / "lib.rs")
    modules = set(_DECLARED.findall(root))
    exported = {
        name: module
        for module, tree in _REEXPORT.findall(root)
        if module in modules
        for name in names(tree)
    }
    uses: dict[str, set[str]] = {module: set() for module in modules}
    for module in modules:
        files = [source / f"{module}.rs", *sorted((source / module).rglob("*.rs"))]
        for file in files:
            if file.exists():
                for segment in paths(code(file)):
                    other = segment if segment in modules else exported.get(segment)
                    if other not in (None, module):
                        uses[module].add(other)
    return uses


def circles(uses: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that all reach each other."""
    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for other in uses[waiting.pop()]:
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
        return seen

    reach = {module: reachable(module) for module in uses}
    found = {
        tuple(sorted(other for other in uses if other in reach[module] and module in reach[other]))
        for module in uses
        if module in reach[module]
    }
    return [list(group) for group in sorted(found)]


def main(arguments: Iterable[str]) -> int:
    crates = list(arguments) or sorted(file.parents[1].name for file in ROOT.glob("*/src/lib.rs"))
    failed = False
    for crate in crates:
        uses = graph(ROOT / crate / "src")
        for group in circles(uses):
            arrows = "; ".join(
                f"{module} uses {', '.join(sorted(uses[module] & set(group)))}" for module in group
            )
            print(f"{crate}: circle of {' and '.join(group)}: {arrows}")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
