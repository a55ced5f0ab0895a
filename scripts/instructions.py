#!/usr/bin/env python3
"""Counts the instructions of Sentinel's work with callgrind, and compares them with the recorded ones.

    scripts/instructions.py             fail if a count is more than 3 % above the recorded one
    scripts/instructions.py --accept    record the counts of this compiler
    scripts/instructions.py --require   fail if valgrind is missing

Counts are repeatable under any load, but depend on the compiler and on the C library, so they are recorded
for each pair of them in benches/instructions.json. Without a record for the pair of this machine, one line
reports it, and only what holds everywhere is checked: a decision over 10,000 rules of literal names costs at
most twice one over 10.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECORD = ROOT / "benches" / "instructions.json"
PROGRAM = "count-instructions"
# How far a count may be above the recorded one.
ALLOWED = 0.03
FEW, MANY, MOST_TIMES = "evaluate-10", "evaluate-10000", 2.0


def build() -> pathlib.Path:
    """Builds the measured program and returns its path."""
    command = [
        "cargo", "build", "--locked", "--release", "-p", "sentinel-benches",
        "--bin", PROGRAM, "--message-format", "json",
    ]
    messages = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    paths = re.findall(rf'"executable":"([^"]*{PROGRAM}[^"]*)"', messages.stdout)
    return pathlib.Path(paths[-1])


def toolchain() -> str:
    """The compiler and the C library, by which counts are recorded."""
    rustc = subprocess.run(["rustc", "-V"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    version = rustc.stdout.split()[1]
    return f"rustc {version}, {platform.machine()}, {' '.join(platform.libc_ver())}"


def count(program: pathlib.Path, work: str) -> int:
    """Number of instructions of all repetitions of a kind of work."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out",
            "--toggle-collect=*counted*", str(program), work,
        ]
        # The size of the environment moves the stack.
        environment = {"PATH": os.environ["PATH"]}
        run = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True, env=environment)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if not found or found.group(1) == "0":
        sys.exit(f"callgrind counted nothing:\n{run.stderr}")
    return int(found.group(1))


def measure(program: pathlib.Path) -> "dict[str, int]":
    """The instructions of one repetition of each kind of work."""
    listed = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True)
    times = dict(line.split() for line in listed.stdout.splitlines())
    with ThreadPoolExecutor(max_workers=2) as pool:
        counts = pool.map(lambda work: count(program, work), times)
        return {work: round(total / int(times[work])) for work, total in zip(times, counts)}


def compare(counts: "dict[str, int]", recorded: "dict[str, int]") -> "list[str]":
    """What is wrong with the counts."""
    faults = []
    for work, now in counts.items():
        before = recorded.get(work)
        if before is None:
            faults.append(f"{work} is not recorded: run `make bench-accept`")
        elif now > before * (1 + ALLOWED):
            more = 100 * (now / before - 1)
            faults.append(
                f"{work} costs {now:,} instructions, {more:.1f} % more than the recorded {before:,}: make it "
                "cheaper, or record the new cost with `make bench-accept` and give the reason"
            )
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accept", action="store_true", help="record the counts of this compiler")
    parser.add_argument("--require", action="store_true", help="fail if valgrind is missing")
    arguments = parser.parse_args()
    if not shutil.which("valgrind"):
        print("skipped: instruction counts (valgrind is not installed)")
        return 1 if arguments.require or arguments.accept else 0
    counts = measure(build())
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    key = toolchain()
    recorded = record.get(key, {})
    for work, now in counts.items():
        before = recorded.get(work)
        change = f"{100 * (now / before - 1):+.1f} %" if before else ""
        print(f"{work:<26}{now:>12,}{change:>10}")
    faults = []
    if arguments.accept:
        record[key] = counts
        RECORD.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    elif recorded:
        faults += compare(counts, recorded)
    else:
        print(f"no counts are recorded for {key}: `make bench-accept` records them")
    ratio = counts[MANY] / counts[FEW]
    print(f"10,000 rules compared with 10: {ratio:.2f} times (at most {MOST_TIMES:.0f})")
    if ratio > MOST_TIMES:
        faults.append("a decision over 10,000 rules costs too much more than one over 10")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
