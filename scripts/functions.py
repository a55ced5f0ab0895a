"""Measures the packages: startup, responses, memory and the cost of a request, compared with an empty function in
one run.

    scripts/functions.py [--starts N]      times can also fail: only for an idle machine
    scripts/functions.py --instructions    counts the instructions of a request too; needs valgrind
    scripts/functions.py --memory-only     only sizes and memory can fail; times are shown
    scripts/functions.py --load [--requests N] [--rate N] [--processes N]
                                           responses with simulated latencies of AWS; needs root for quotas

Callgrind's files are in `target/functions`: `callgrind_annotate target/functions/tvm.250.callgrind`.
It measures the packages in `bin/`: run `make lambda-tvm lambda-authorizer` first.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# `lambda` is a keyword, so `import lambda` is not possible.
packages = __import__("lambda")


def unpacked(name: str, folder: Path) -> Path:
    """The program of a package, as Lambda starts it."""
    package = packages.BIN / f"lambda-{name}-linux-amd64.zip"
    if not package.exists():
        raise packages.Refused(f"{package.relative_to(packages.ROOT)} does not exist: run `make lambda-{name}`")
    packages.check(name, package)
    program = folder / name
    with zipfile.ZipFile(package) as file:
        program.write_bytes(file.read("bootstrap"))
    program.chmod(0o755)
    print(f"{package.name}: {package.stat().st_size:,} bytes of at most {packages.PACKAGES[name][1]:,}")
    return program


def measuring() -> Path:
    """The program that measures. It is built with the same options as the tests, so that their build is reused:
    without `--tests`, the dependencies would have other features and be compiled again."""
    subprocess.run(
        ["cargo", "build", "--locked", "--workspace", "--all-features", "--tests", "--bin", "measure-functions"],
        cwd=packages.ROOT, stdin=subprocess.DEVNULL, check=True,
    )
    return packages.target_directory() / "debug" / "measure-functions"


def main(arguments: list[str]) -> int:
    if "-h" in arguments or "--help" in arguments:
        print(__doc__.strip())
        return 0
    try:
        with tempfile.TemporaryDirectory() as folder:
            programs = [unpacked(name, Path(folder)) for name in packages.PACKAGES]
            if "--memory-only" not in arguments and "--load" not in arguments:
                programs.insert(0, packages.build(
                    "sentinel-benches", "function", "empty-function", packages.TARGETS["amd64"]))
            if "--instructions" in arguments:
                counts = packages.target_directory() / "functions"
                counts.mkdir(parents=True, exist_ok=True)
                arguments.insert(arguments.index("--instructions") + 1, str(counts))
            done = subprocess.run([measuring(), *arguments, *programs], stdin=subprocess.DEVNULL, check=False)
            return done.returncode
    except packages.Refused as refused:
        print(refused)
    except subprocess.CalledProcessError as failed:
        print(f"`{failed.cmd[0]}` failed")  # It has printed the reason itself.
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
