"""Builds the fuzz targets, and runs them two at a time.

    scripts/fuzz.py                    each target for 10 s of processor time
    scripts/fuzz.py --seconds 600      longer
    scripts/fuzz.py window evaluate    only these
    scripts/fuzz.py --build            build only
    scripts/fuzz.py --no-build         run what was built
    scripts/fuzz.py --seed 1           the same random choices in every run; otherwise others in each

Prints one line for each target: executions, coverage and findings. Fails if there is a finding, or if a
target executed nothing. The toolchain is the stable one: see fuzz/README.md.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import fuzz_seeds
from steps import ROOT, Unavailable
from tools import VENV_BIN, venv

FUZZ = ROOT / "fuzz"
# Relative to `FUZZ`. Git ignores all of them.
TARGET_DIR = FUZZ / "target"
CORPUS, SEEDS, ARTIFACTS = FUZZ / "corpus", FUZZ / "seeds", FUZZ / "artifacts"
DICTIONARIES, REGRESSIONS = FUZZ / "dictionaries", FUZZ / "regressions"
# Targets that use the dictionary of another one.
DICTIONARY_OF = {"diagnostics": "policy"}
OPTIONS = [
    # Of one input, in seconds: the machine may be busy. The slowest known input takes 0.1 s.
    "-timeout=60",
    # Of the process, in MB.
    "-rss_limit_mb=1024",
    # Lengths are not increased step by step: a short run would only see short inputs.
    "-len_control=0",
    "-print_final_stats=1",
    # A slow input is reported by the timeout, and not because the machine is busy.
    "-report_slow_units=60",
]
AT_ONCE = 2
STOPPED = threading.Event()

_EXECUTIONS = re.compile(r"^stat::number_of_executed_units:\s*(\d+)$", re.MULTILINE)
_STATUS = re.compile(r"^#(\d+)\s.*\bcov: (\d+) ft: (\d+)", re.MULTILINE)


def targets() -> list[str]:
    return sorted(path.stem for path in (FUZZ / "fuzz_targets").glob("*.rs"))


def build() -> int:
    """Builds all targets. Returns the exit status."""
    environment = {
        **os.environ,
        "PATH": f"{VENV_BIN}{os.pathsep}{os.environ['PATH']}",
        # A toolchain that is missing is not installed.
        "RUSTUP_AUTO_INSTALL": "0",
    }
    for command in (
        ["cargo", "fetch", "--locked", "--quiet", "--manifest-path", FUZZ / "Cargo.toml"],
        ["cargo", "fuzz", "build", "--sanitizer", "none", "--target-dir", TARGET_DIR],
    ):
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        if status:
            return status
    return 0


def binary(target: str) -> Path:
    """The program of a target: cargo-fuzz builds for the platform of the compiler, by its name."""
    found = sorted(TARGET_DIR.glob(f"*/release/{target}"))
    if not found:
        raise FileNotFoundError(f"no program of `{target}` in {TARGET_DIR}: build the targets first")
    return found[-1]


@dataclass(frozen=True)
class Result:
    target: str
    executions: int
    edges: int
    seconds: float
    # The log of the process, if there was a finding.
    finding: str = ""

    @property
    def failed(self) -> bool:
        return bool(self.finding) or self.executions == 0

    def line(self) -> str:
        rate = self.executions / self.seconds if self.seconds else 0
        verdict = "FINDING" if self.finding else "no executions" if not self.executions else "no finding"
        return (
            f"{self.target:<20}{self.executions:>12,} executions{rate:>10,.0f}/s"
            f"{self.edges:>8,} edges{self.seconds:>8.0f} s  {verdict}"
        )


def processor_time(pid: int) -> float:
    """Seconds of processor time of a process, from Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(target: str, seconds: float, seed: int) -> Result:
    """Runs a target for that many seconds of processor time."""
    inputs = [CORPUS / target, SEEDS / target, REGRESSIONS / target]
    artifacts = ARTIFACTS / target
    for folder in (inputs[0], artifacts):
        folder.mkdir(parents=True, exist_ok=True)
    command = [binary(target), *OPTIONS, f"-seed={seed}", f"-artifact_prefix={artifacts}{os.sep}"]
    dictionary = DICTIONARIES / f"{DICTIONARY_OF.get(target, target)}.dict"
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    command += [folder for folder in inputs if folder.is_dir()]
    log = artifacts / "log"
    spent = 0.0
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        interrupted = False
        try:
            while process.poll() is None:
                time.sleep(0.2)
                try:
                    spent = processor_time(process.pid)
                except (OSError, IndexError):
                    continue
                if (spent >= seconds or STOPPED.is_set()) and not interrupted:
                    process.send_signal(signal.SIGINT)
                    interrupted = True
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    text = log.read_text("utf-8", "replace")
    status = [tuple(map(int, found)) for found in _STATUS.findall(text)]
    executions = [int(number) for number in _EXECUTIONS.findall(text)] or [it[0] for it in status]
    return Result(
        target,
        max(executions, default=0),
        max((it[1] for it in status), default=0),
        spent,
        # libFuzzer ends with another status only if it is interrupted.
        "" if interrupted and process.returncode in (0, 72) else text,
    )


def explain(result: Result) -> str:
    """What a person needs to repeat a finding."""
    rows = result.finding.splitlines()
    start = next((at for at, row in enumerate(rows) if "panicked at" in row), max(0, len(rows) - 40))
    shown = "\n".join(f"    {row[:2000]}" for row in rows[start : start + 60])
    return (
        f"{result.target}: a finding\n{shown}\n"
        f"    repeat: cargo fuzz run --sanitizer none {result.target} FILE\n"
        f"    then keep the FILE in fuzz/regressions/{result.target}/, and fix what it found\n"
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Build and run the fuzz targets.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="only these targets")
    parser.add_argument("--seconds", type=float, default=10, help="processor time of each target")
    parser.add_argument("--seed", type=int, default=0, help="of the random choices; 0: another one in each run")
    parser.add_argument("--build", action="store_true", help="build only")
    parser.add_argument("--no-build", action="store_true", help="run what was built")
    options = parser.parse_args(arguments)
    unknown = set(options.targets) - set(targets())
    if unknown:
        print(f"no target `{'`, `'.join(sorted(unknown))}`: there are {', '.join(targets())}")
        return 2
    if not options.no_build:
        try:
            venv()
        except Unavailable as missing:
            print(missing)
            return 2
        status = build()
        if status or options.build:
            return status
    fuzz_seeds.write(SEEDS)
    failed = 0
    selected = options.targets or targets()
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        runs = [pool.submit(run, target, options.seconds, options.seed) for target in selected]
        try:
            for done in as_completed(runs):
                result = done.result()
                print(f"measured: {result.line()}", flush=True)
                if result.finding:
                    print(explain(result), flush=True)
                failed += result.failed
        finally:
            # After an interrupt: the running targets end too, and the others do not start.
            STOPPED.set()
            pool.shutdown(cancel_futures=True)
    ran = len(selected)
    print(f"\n{ran - failed} targets passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
