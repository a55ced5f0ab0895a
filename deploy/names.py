"""Compares the names in the documents with the names in this folder.

Every SAM parameter and output and every Terraform variable and output that `docs/` or README.md names must exist, and
README.md must name every one that exists. Whether the text about a name is right is not checked here.

    deploy/names.py
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

DEPLOY = Path(__file__).resolve().parent
README = "deploy/README.md"

# Every name in these documents is compared; in other documents only names on lines about deploying.
ABOUT_DEPLOYING = ("docs/deployment.md", "docs/runbook.md", README)
_DEPLOYING = re.compile(r"\b(?:SAM|Terraform)\b")

# Tests compare the words of these documents, the language and the records, with the program.
OTHER_VOCABULARIES = ("docs/policy-reference.md", "docs/records.md")

# Words in the form of compared names that are not such names.
OTHER_WORDS = frozenset(
    # AWS: operations, errors, metrics, properties of SAM.
    "AccessDenied AlwaysDeploy AssumeRole CodeUri ConcurrentExecutions Duration GetObject"
    " KMSAccessDeniedException PutObject PutParameter"
    # Roles and policies.
    " SentinelAuthorizerRole SentinelDeployer SentinelEmergencyOperator SentinelStop SentinelStopIssued"
    # JSON keys, and the tools around.
    " RequestId credential_process sentinel_session_id x86_64".split()
)

_CODE = re.compile(r"`([^`\n]+)`")
_SNAKE = r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+"
_CAMEL = r"[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*"


@dataclass(frozen=True)
class Names:
    """The names of parameters and outputs."""

    # Parameters and outputs of the templates.
    sam: frozenset[str]
    # Variables and outputs of the module and of its modules, and attributes of those variables.
    terraform: frozenset[str]
    # The names that README.md must describe.
    to_document: frozenset[str]


def sam_names(template: str) -> set[str]:
    """Parameters and outputs of a template."""
    found: set[str] = set()
    for section in ("Parameters", "Outputs"):
        block = re.search(rf"^{section}:\n((?:[ #].*\n|\n)*)", template, re.MULTILINE)
        found |= set(re.findall(r"^  (\w+):", block[1], re.MULTILINE)) if block else set()
    return found


def terraform_names(source: str) -> set[str]:
    """Variables and outputs of a file."""
    return set(re.findall(r'^(?:variable|output) "(\w+)" \{', source, re.MULTILINE))


def attributes(source: str) -> set[str]:
    """Attributes of variables that are objects."""
    objects = re.findall(r"object\(\{(.*?)\}\)", source, re.DOTALL)
    return {name for text in objects for name in re.findall(r"(\w+)\s*=", text)}


def names(deploy: Path = DEPLOY) -> Names:
    """The names of this folder."""
    sam = {name for file in deploy.glob("sam/*.yaml") for name in sam_names(file.read_text(encoding="utf-8"))}
    modules = [*deploy.glob("terraform/*.tf"), *deploy.glob("terraform/modules/*/*.tf")]
    sources = [file.read_text(encoding="utf-8") for file in modules]
    terraform = {name for source in sources for name in terraform_names(source)}
    parts = {name for source in sources for name in attributes(source)}
    return Names(frozenset(sam), frozenset(terraform | parts), frozenset(sam | terraform))


def vocabulary(texts: "list[str]") -> set[str]:
    """The words that documents mark as code."""
    return {word for text in texts for code in _CODE.findall(text) for word in re.findall(r"\w+", code)}


def mentioned(text: str, everywhere: bool = True) -> "Iterator[tuple[int, str]]":
    """Words of a document in the form of a name, each with its line; or only those on lines about deploying."""
    table: "list[str]" = []
    overrides = fenced = False
    for number, row in enumerate(text.splitlines(), start=1):
        if row.startswith("```"):
            fenced, overrides = not fenced, False
            continue
        if fenced:
            # sam deploy … --parameter-overrides Name=value Name=value \
            overrides = overrides or "--parameter-overrides" in row
            if overrides:
                for name in re.findall(r"(?:^|\s)([A-Z]\w*)=", row.partition("--parameter-overrides")[2] or row):
                    yield number, name
                overrides = row.endswith("\\")
            continue
        is_row = row.startswith("|")
        cells = [cell.strip() for cell in row.strip("|").split("|")] if is_row else []
        if not is_row:
            table = []
        elif not table:
            table = cells
        if is_row and "SAM" in table and "Terraform" in table:
            for head, cell in zip(table, cells):
                if head in ("SAM", "Terraform"):
                    for code in re.findall(r"`(\w+)`", cell):
                        yield number, code
        elif everywhere or _DEPLOYING.search(row):
            for code in _CODE.findall(row):
                # `name`, `Name`, `Name=value`, `name = value`, `name.attribute`
                if found := re.fullmatch(rf"({_SNAKE}|{_CAMEL})(?:=\S+| = .*)?", code):
                    yield number, found[1]
                elif found := re.fullmatch(rf"({_SNAKE})\.(\w+)", code):
                    yield number, found[1]
                    yield number, found[2]


def unknown(place: str, text: str, known: "frozenset[str]", everywhere: bool = True) -> Iterator[str]:
    """Names in a document that do not exist."""
    for number, name in mentioned(text, everywhere):
        if name not in known:
            yield (f"{place}:{number}: neither the SAM template nor the Terraform module has `{name}`"
                   " (add a word of another kind to OTHER_WORDS of deploy/names.py)")


def undocumented(readme: str, wanted: frozenset[str]) -> Iterator[str]:
    """Names that the README does not describe."""
    for name in sorted(wanted - vocabulary([readme])):
        yield f"{README}: `{name}` is not described"


def problems(root: Path = DEPLOY.parent) -> Iterator[str]:
    """Every difference between the documents and this folder."""
    found = names(root / "deploy")
    documents = {
        str(file.relative_to(root)): file.read_text(encoding="utf-8")
        for file in [*sorted(root.glob("docs/**/*.md")), root / README]
    }
    statements = "".join(
        file.read_text(encoding="utf-8")
        for folder in ("iam", "examples")
        for file in root.glob(f"deploy/{folder}/*.json")
    )
    known = found.sam | found.terraform | OTHER_WORDS | set(re.findall(r"\w+", statements))
    known |= vocabulary([documents[name] for name in OTHER_VOCABULARIES])
    for place, text in documents.items():
        yield from unknown(place, text, known, place in ABOUT_DEPLOYING)
    yield from undocumented(documents[README], found.to_document)


def main() -> int:
    found = list(problems())
    print("\n".join(found) or "every name in the documents exists in the template or the module")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
