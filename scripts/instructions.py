#!/usr/bin/env python3
"""Counts the instructions of a decision with callgrind. Fails if a decision over
10,000 rules of literal names costs more than twice one over 10.

Counts are exactly repeatable, under any load. Without valgrind it prints one line
and succeeds; with --require it fails.
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
    """Number of instructions of a whole run."""
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
    parser.add_argument("--require", action="store_true", help="fail if valgrind is missing")
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
        print(f"{rules:>6} rules: {per_decision[rules]:.1f} instructions per decision")
    ratio = per_decision[SIZES[-1]] / per_decision[SIZES[0]]
    print(f"10,000 rules compared with 10: {ratio:.2f} times (at most {LIMIT:.0f})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
