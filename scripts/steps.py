"""Defines a step of the checks, runs steps, and counts their results.

The table of steps is in `check.py`.
"""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Mapping, Optional, Sequence, TextIO, Union

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Tally:
    """How many checks passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
        )

    def __str__(self) -> str:
        parts = [f"{self.passed} passed", f"{self.failed} failed"]
        if self.skipped:
            parts.append(f"{self.skipped} skipped")
        return ", ".join(parts)


class Unavailable(Exception):
    """A step cannot run on this machine. The text names what is missing."""


# Checks that a requirement of a step is available; raises `Unavailable` if it is not.
Need = Callable[[], None]
# Reads a finished step's whole output and exit status.
Count = Callable[[str, int], Tally]


def one_check(_output: str, status: int) -> Tally:
    """The step as a whole is one check."""
    return Tally(passed=1) if status == 0 else Tally(failed=1)


def preparation(_output: str, status: int) -> Tally:
    """The step checks nothing, but later steps need it."""
    return Tally() if status == 0 else Tally(failed=1)


# Shown even if the step passed: what a test against an emulator cannot check, and what was measured.
_SHOWN = re.compile(r"^(?:dropped|measured): .*$", re.MULTILINE)
# What a test could not check on this machine, as reported by the test.
_SKIPPED = re.compile(r"^skipped: ", re.MULTILINE)


def one_check_unless_skipped(output: str, status: int) -> Tally:
    """The step as a whole is one check. If it cannot run, it prints `skipped: …` itself."""
    return Tally(skipped=1) if status == 0 and _SKIPPED.search(output) else one_check(output, status)


_CARGO_RESULT = re.compile(
    r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;", re.MULTILINE
)


def cargo_tests(output: str, status: int) -> Tally:
    """The sum over all test binaries that a `cargo test` ran. A test that cannot do a part of its work
    prints `skipped: …` on a separate line.

    A run that failed without a failed test (it did not compile, a test binary crashed) counts as one
    failure, and so does a run that passed without running any test.
    """
    tally = Tally()
    for passed, failed, ignored in _CARGO_RESULT.findall(output):
        tally += Tally(int(passed), int(failed), int(ignored))
    tally += Tally(skipped=len(_SKIPPED.findall(output)))
    if tally.failed == 0 and (status != 0 or tally.passed == 0):
        tally += Tally(failed=1)
    return tally


def junit(report: Path) -> Count:
    """The counts of a JUnit report, which `pytest --junitxml` writes to `report`."""

    def count(_output: str, status: int) -> Tally:
        tally = Tally()
        try:
            suites = ElementTree.parse(report).getroot().iter("testsuite")
        except (OSError, ElementTree.ParseError):
            return Tally(failed=1)
        for suite in suites:
            number = {
                key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")
            }
            failed = number["failures"] + number["errors"]
            # A test that passes and whose cleanup fails is counted twice, so the difference can be negative.
            passed = max(0, number["tests"] - failed - number["skipped"])
            tally += Tally(passed, failed, number["skipped"])
        if tally.failed == 0 and (status != 0 or tally.passed + tally.skipped == 0):
            tally += Tally(failed=1)
        return tally

    return count


@dataclass(frozen=True)
class Step:
    """One command of the checks."""

    name: str
    command: Sequence[Union[str, Path]]
    needs: Sequence[Need] = ()
    count: Count = one_check
    env: Mapping[str, str] = field(default_factory=dict)
    # Name of the step, earlier in the table, that must succeed before this one.
    after: Optional[str] = None
    # Timeout, so that a step that hangs does not block the run.
    limit_seconds: int = 1800
    # Whether it may be skipped because of a missing tool even if skips are forbidden.
    may_be_skipped: bool = False
    # The lane in which it runs next to the other steps, because it mostly waits or uses one core. The steps
    # of a lane run one after another. None: with the steps that use every core.
    aside: Optional[str] = None
    # Name of the step, earlier in the table, that must have ended before this one, with any result.
    not_next_to: Optional[str] = None


@dataclass(frozen=True)
class Outcome:
    """The result of a step."""

    step: Step
    tally: Tally
    seconds: float
    note: str = ""


def run_command(step: Step) -> tuple[str, int]:
    """Runs the step's command. Returns its output, both streams interleaved, and its exit status."""
    with tempfile.TemporaryFile() as sink:
        process = subprocess.Popen(
            [str(part) for part in step.command],
            cwd=ROOT,
            env={**os.environ, **step.env},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        note = ""
        try:
            status = process.wait(timeout=step.limit_seconds)
        except subprocess.TimeoutExpired:
            status = 124
            note = f"\ntimed out after {step.limit_seconds} s: stopped\n"
        finally:
            if process.poll() is None:
                # The step has its own session, so this also ends the compilers and servers that it started.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        sink.seek(0)
        return sink.read().decode("utf-8", "replace") + note, status


def run(step: Step, earlier: Mapping[str, Outcome], forbid_skips: bool, out: TextIO) -> Outcome:
    """Runs one step and reports its result. Prints its whole output if it failed or was skipped, otherwise
    only the lines `dropped: …`."""
    out.write(f"{step.name} ...\n")
    out.flush()
    if step.after in earlier and earlier[step.after].tally.failed:
        return _report(Outcome(step, Tally(failed=1), 0.0, f"`{step.after}` failed"), out)

    start = time.monotonic()
    try:
        for need in step.needs:
            need()
    except Unavailable as missing:
        forbidden = forbid_skips and not step.may_be_skipped
        tally = Tally(failed=1) if forbidden else Tally(skipped=1)
        return _report(Outcome(step, tally, time.monotonic() - start, str(missing)), out)

    output, status = run_command(step)
    tally = step.count(output, status)
    note = ""
    if tally.skipped and forbid_skips and not step.may_be_skipped:
        note = f"{tally.skipped} of its tests were skipped, which is forbidden here"
        tally = Tally(tally.passed, tally.failed + tally.skipped)
    if tally.failed or tally.skipped:
        out.write(output if output.endswith("\n") else output + "\n")
    else:
        out.writelines(f"    {said}\n" for said in _SHOWN.findall(output))
    return _report(Outcome(step, tally, time.monotonic() - start, note), out)


def _report(outcome: Outcome, out: TextIO) -> Outcome:
    out.write(f"    {line(outcome)}\n")
    out.flush()
    return outcome


def line(outcome: Outcome) -> str:
    """An outcome in one line, for use after the step and in the summary."""
    if outcome.tally.failed:
        word = "FAILED"
    elif outcome.tally.skipped and not outcome.tally.passed:
        word = "skipped"
    else:
        word = "ok"
    text = f"{word:<8}{outcome.step.name:<40}{outcome.seconds:8.1f} s{outcome.tally.passed:>6} passed"
    if outcome.tally.failed:
        text += f", {outcome.tally.failed} failed"
    if outcome.tally.skipped:
        text += f", {outcome.tally.skipped} skipped"
    return f"{text}  ({outcome.note})" if outcome.note else text


def run_all(steps: Sequence[Step], forbid_skips: bool, out: TextIO = sys.stdout) -> int:
    """Runs the steps in their order, and those of each lane next to them. Prints the sum, and returns the
    exit status.

    The last line is always `N passed, N failed`.
    """
    start = time.monotonic()
    outcomes: dict[str, Outcome] = {}
    ended = {step.name: threading.Event() for step in steps}

    def run_lane(lane: Optional[str], said: TextIO) -> TextIO:
        for step in steps:
            if step.aside == lane:
                try:
                    for other in (step.after, step.not_next_to):
                        if other in ended:
                            ended[other].wait()
                    outcomes[step.name] = run(step, outcomes, forbid_skips, said)
                finally:
                    ended[step.name].set()
        return said

    lanes = sorted({step.aside for step in steps if step.aside})
    with ThreadPoolExecutor(max_workers=max(1, len(lanes))) as pool:
        asides = [pool.submit(run_lane, lane, io.StringIO()) for lane in lanes]
        run_lane(None, out)
        for aside in asides:
            out.write(aside.result().getvalue())

    ordered = [outcomes[step.name] for step in steps]
    total = sum((outcome.tally for outcome in ordered), Tally())
    out.write(f"\nsummary, {time.monotonic() - start:.0f} s in all\n")
    for outcome in ordered:
        out.write(f"    {line(outcome)}\n")
    out.write(f"\n{total}\n")
    out.flush()
    return 1 if total.failed or total.passed == 0 else 0
