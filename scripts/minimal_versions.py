"""Builds the workspace with the oldest versions of its direct dependencies that Cargo.toml allows.

    scripts/minimal_versions.py

Another project can have exactly these versions, and `Cargo.lock` never does. It compiles a copy of the repository in
`target/minimal-versions`, without the tests. Cargo chooses the oldest versions only as a nightly, which must already
be installed; the installed stable compiler builds them. Run it before a release.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "target" / "minimal-versions"


def main() -> int:
    if sys.argv[1:]:
        print(__doc__.strip())
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    # The sources are replaced, and what was built before stays.
    for entry in COPY.iterdir() if COPY.exists() else ():
        if entry.name != "target":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    ).stdout
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, COPY / name)
    # rustup must not install a nightly automatically.
    environment = {**os.environ, "RUSTUP_AUTO_INSTALL": "0", "CARGO_TARGET_DIR": str(COPY / "target")}
    for command in (
        ["cargo", "+nightly", "update", "-Zdirect-minimal-versions"],
        ["cargo", "check", "--locked", "--workspace", "--all-features"],
    ):
        done = subprocess.run(command, cwd=COPY, env=environment, stdin=subprocess.DEVNULL)
        if done.returncode:
            print(f"`{' '.join(command)}` failed")
            return 1
    print("the workspace compiles with the oldest versions of its direct dependencies")
    return 0


if __name__ == "__main__":
    sys.exit(main())
