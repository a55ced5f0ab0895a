"""`sentinel policy check` on hostile input: a result in less than a second and with less than 200 MB."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest

from dev import clean_environment

MEASURED = Path(__file__).with_name("measured.py")
MEBIBYTE = 1 << 20
SECONDS = 1.0
PEAK_BYTES = 200 * 1000 * 1000
DIAGNOSTICS = 100

HEAD = b'version: "1"\n'


def rules(number: int, rule: Callable[[int], str]) -> bytes:
    return HEAD + b"rules:\n" + "".join(rule(index) for index in range(number)).encode()


def good_rule(index: int) -> str:
    return f"  - {{ name: r{index}, effect: allow }}\n"


def alias_bomb() -> bytes:
    levels = "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 30)
    )
    return HEAD + b"a0: &a0 [boom]\n" + levels.encode() + b"rules: *a29\n"


def nested_blocks(levels: int) -> bytes:
    return HEAD + b"".join(b" " * level + b"a:\n" for level in range(levels))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "20,000 rules": lambda: rules(20_000, good_rule),
    "20,000 short rules, below the limit of size": lambda: rules(20_000, lambda _: "  - {name: r}\n"),
    "a million rules": lambda: rules(1_000_000, lambda _: "  - {}\n"),
    "2 MiB of random bytes": lambda: random.Random(4).randbytes(2 * MEBIBYTE),
    "1 MiB of random bytes": lambda: random.Random(5).randbytes(MEBIBYTE - 1),
    "1 MiB of random text": lambda: bytes(
        random.Random(6).choices(b"abc \n:-[]{},'\"#&*!|>%@`?\t0", k=MEBIBYTE - 1)
    ),
    **{
        f"{size} of {name}": (lambda text=text, count=count: text * (count // len(text)))
        for size, count in (("2 MiB", 2 * MEBIBYTE), ("just under 1 MiB", MEBIBYTE - 1))
        for name, text in (
            ("'a'", b"a"),
            ("line ends", b"\n"),
            ("dashes", b"- "),
            ("dashes in lines", b"-\n"),
            ("double quotes", b'"'),
            ("single quotes", b"'"),
            ("colons", b": "),
            ("questions", b"? "),
            ("anchors", b"&a "),
            ("aliases", b"*a "),
            ("tags", b"!a "),
            ("documents", b"---\n"),
            ("comments", b"# a\n"),
            ("tabs", b"\t"),
            ("percents", b"%\n"),
            ("NUL", b"\0"),
            ("wide characters", "\N{PILE OF POO}".encode()),
        )
    },
    "an alias bomb": alias_bomb,
    "200,000 open brackets": lambda: HEAD + b"rules: " + b"[" * 200_000,
    "200,000 open braces": lambda: HEAD + b"rules: " + b"{" * 200_000,
    "200,000 brackets, open and closed": lambda: HEAD + b"rules: " + b"[" * 200_000 + b"]" * 200_000,
    "200,000 pairs of braces": lambda: HEAD + b"rules: [" + b"{}," * 200_000 + b"]",
    "200,000 braces with a key": lambda: HEAD + b"rules: " + b"{a: " * 200_000,
    "1,400 nested blocks": lambda: nested_blocks(1_400),
    "3,000 nested blocks, above the limit of size": lambda: nested_blocks(3_000),
    "3,000 nested dashes": lambda: HEAD + b"rules: \n  " + b"- " * 3_000 + b"a\n",
    "3,000 nested lists": lambda: HEAD + b"rules: " + b"[" * 3_000 + b"]" * 3_000,
    "3,000 nested mappings": lambda: HEAD + b"rules: " + b"{a: " * 3_000 + b"b" + b"}" * 3_000,
    "an error in each of 9,000 rules": lambda: rules(
        9_000, lambda index: f"  - {{ name: r{index}, effect: alow, users: [] }}\n"
    ),
    "9,000 rules of one name": lambda: rules(9_000, lambda _: "  - { name: r, effect: deny }\n"),
    "90,000 unknown keys": lambda: HEAD
    + b"".join(b"k%d: 1\n" % index for index in range(90_000))
    + b"rules: []\n",
    "a key given 100,000 times": lambda: HEAD + b"rules: []\n" * 100_000,
    "one very long line": lambda: HEAD + b"rules: [" + b"a, " * 300_000 + b"]\n",
    "one very long name": lambda: HEAD + b"rules: [{name: " + b"a" * 900_000 + b", effect: x}]\n",
    "60,000 undefined groups": lambda: HEAD
    + b"rules: [{name: a, effect: allow, conditions: {users: ["
    + b"".join(b"'group:g%d'," % index for index in range(60_000))
    + b"]}}]\n",
    "invalid UTF-8": lambda: HEAD + b"rules: \xff\xfe\n",
    "a NUL": lambda: HEAD + b"rules: a\0b\n",
    "nothing": lambda: b"",
}


@dataclass
class Checked:
    """The output and cost of a run of `policy check`."""

    status: int
    stdout: bytes
    stderr: bytes
    seconds: float
    peak_bytes: int


def check(binary: Path, folder: Path, document: bytes, form: str) -> Checked:
    file = folder / "policy.yaml"
    file.write_bytes(document)
    report = folder / "cost.json"
    done = subprocess.run(
        [sys.executable, "-I", "-S", MEASURED, report, binary, "policy", "check", "--format", form, file],
        env=clean_environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return Checked(done.returncode, done.stdout, done.stderr, **json.loads(report.read_text()))


@pytest.mark.parametrize("form", ["json", "human"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_is_refused_in_bounded_time_and_memory(
    demo_binary: Path, tmp_path: Path, name: str, form: str
) -> None:
    done = check(demo_binary, tmp_path, HOSTILE[name](), form)
    print(f"{name}: {done.seconds:.3f} s, {done.peak_bytes / 1e6:.0f} MB")
    assert done.status == 1, done.stderr[:2000]
    assert done.seconds < SECONDS
    assert done.peak_bytes < PEAK_BYTES
    # The output is bounded too: a long line is not printed completely for each of a hundred diagnostics.
    assert len(done.stdout) + len(done.stderr) < MEBIBYTE
    if form == "json":
        found = json.loads(done.stdout)
        assert 1 <= len(found) <= DIAGNOSTICS
        assert all(each["line"] >= 1 and each["column"] >= 1 for each in found)
        assert all(each["message"] and each["code"] and each["severity"] == "error" for each in found)


@pytest.mark.parametrize(
    "name", ["an error in each of 9,000 rules", "9,000 rules of one name", "90,000 unknown keys"]
)
def test_the_last_of_a_hundred_diagnostics_contains_the_number_of_the_rest(
    demo_binary: Path, tmp_path: Path, name: str
) -> None:
    found = json.loads(check(demo_binary, tmp_path, HOSTILE[name](), "json").stdout)
    assert len(found) == DIAGNOSTICS
    assert "more" in found[-1]["message"], found[-1]


def test_the_largest_allowed_document_is_valid(demo_binary: Path, tmp_path: Path) -> None:
    done = check(demo_binary, tmp_path, rules(10_000, good_rule), "json")
    assert (done.status, json.loads(done.stdout)) == (0, []), done
    assert done.seconds < SECONDS
    assert done.peak_bytes < PEAK_BYTES
