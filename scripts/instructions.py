#!/usr/bin/env python3
"""Counts the instructions of a decision under callgrind, and fails when one over
10,000 rules of literal names costs more than twice one over 10.

Counts repeat exactly, whatever else the machine does. Without valgrind it says
so in one line and ends well; with --require it then fails.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZES = (10, 1_000, 10_000)
ROUNDS = (100, 1_100)
QUESTIONS = 5
LIMIT = 2.0


def build() -> pathlib.Path:
    """Builds the measured program and returns its path."""
    command = [
        "cargo", "build", "--release", "-p", "sentinel-benches",
        "--bin", "decide-instructions", "--message-format", "json",
    ]
    messages = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    paths = re.findall(r'"executable":"([^"]*decide-instructions[^"]*)"', messages.stdout)
    return pathlib.Path(paths[-1])


def instructions(program: pathlib.Path, rules: int, rounds: int) -> int:
    """The instructions of a whole run."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out",
            str(program), str(rules), str(rounds),
        ]
        run = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if not found:
        sys.exit(f"callgrind printed no count:\n{run.stderr}")
    return int(found.group(1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--require", action="store_true", help="fail where valgrind is missing")
    arguments = parser.parse_args()
    if not shutil.which("valgrind"):
        print("skipped: instruction counts (valgrind is not installed)")
        return 1 if arguments.require else 0
    program = build()
    fewest, most = ROUNDS
    per_decision = {}
    for rules in SIZES:
        spent = instructions(program, rules, most) - instructions(program, rules, fewest)
        per_decision[rules] = spent / ((most - fewest) * QUESTIONS)
        print(f"{rules:>6} rules: {per_decision[rules]:.1f} instructions a decision")
    ratio = per_decision[SIZES[-1]] / per_decision[SIZES[0]]
    print(f"10,000 rules against 10: {ratio:.2f} times (at most {LIMIT:.0f})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
