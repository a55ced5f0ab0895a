"""Builds what a release contains, for `.github/workflows/release.yml`.

    scripts/release.py command [TARGET]    bin/sentinel-VERSION-TARGET.tar.gz with the command, and its bill of materials
    scripts/release.py sums                bin/SHA256SUMS of everything in bin/
    scripts/release.py notes TAG           the changes of that version, if TAG is the version of Cargo.toml

`make lambda-tvm lambda-authorizer` builds the packages of the functions. The target must be installed: targets are never
downloaded. The archive has the same bytes for the same program.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import sbom

# `lambda` is a keyword, so `import lambda` is not possible.
packages = __import__("lambda")

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "bin"
CRATE = "sentinel-cli"
PROGRAM = "sentinel"

# The systems for which a release has the command. The command uses signals, terminals and file permissions of Unix, and
# does not compile for Windows: people use the program for Linux in WSL.
TARGETS = (
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
)
# The files of an archive in addition to the program.
LICENSES = ("LICENSE-APACHE", "LICENSE-MIT")


class Refused(Exception):
    """The release cannot be built."""


def version() -> str:
    """The version of the workspace."""
    manifest = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    found = re.search(r'^\[workspace\.package\]\n(?:.*\n)*?version = "([^"]+)"', manifest, re.MULTILINE)
    if found is None:
        raise Refused("Cargo.toml: no version")
    return found[1]


def archive(program: bytes, licenses: "dict[str, bytes]") -> bytes:
    """A .tar.gz of the program and the licenses: the same bytes for the same content."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as file:
        for name, content, mode in (
            (PROGRAM, program, 0o755),
            *((name, content, 0o644) for name, content in sorted(licenses.items())),
        ):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), mode, 0
            file.addfile(entry, io.BytesIO(content))
    return gzip.compress(tar.getvalue(), compresslevel=9, mtime=0)


def build(target: str) -> Path:
    """Builds the command in its release form."""
    environment = {**os.environ, "CARGO_ENCODED_RUSTFLAGS": packages.remapped()}
    # The compiler of macOS builds for both of its processors.
    if "linux" in target:
        environment.update(packages.linker(target))
    subprocess.run(
        ["cargo", "build", "--locked", "--release", "--target", target, "-p", CRATE, "--bin", PROGRAM],
        cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=True,
    )
    return packages.target_directory() / target / "release" / PROGRAM


def command(target: str) -> Path:
    """Writes the archive of the command and its bill of materials."""
    if target not in TARGETS:
        raise Refused(f"{target}: not one of {', '.join(TARGETS)}")
    program = build(target).read_bytes()
    package = BIN / f"{PROGRAM}-{version()}-{target}.tar.gz"
    package.parent.mkdir(parents=True, exist_ok=True)
    package.write_bytes(archive(program, {name: (ROOT / name).read_bytes() for name in LICENSES}))
    sbom.write(package, CRATE, "default", target)
    print(f"{package.relative_to(ROOT)}: {package.stat().st_size:,} bytes")
    return package


def sums(folder: Path) -> str:
    """The lines of SHA256SUMS, which `sha256sum --check` reads."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name != "SHA256SUMS")
    if not files:
        raise Refused(f"{folder.name}/ is empty")
    return "".join(f"{sbom.digest(file)}  {file.name}\n" for file in files)


def notes(tag: str, changelog: str) -> str:
    """The chapter of a version in the changelog."""
    if tag != f"v{version()}":
        raise Refused(f"the tag is {tag}, and Cargo.toml has the version {version()}")
    found = re.search(rf"^## \[?{re.escape(version())}\]?\b.*\n((?:(?!## ).*\n)*)", changelog, re.MULTILINE)
    if found is None or not found[1].strip():
        raise Refused(f"CHANGELOG.md: no chapter `## {version()}`")
    return found[1].strip() + "\n"


def main(arguments: "list[str]") -> int:
    try:
        if arguments[:1] == ["command"] and len(arguments) <= 2:
            command(arguments[1] if arguments[1:] else packages.host())
        elif arguments == ["sums"]:
            (BIN / "SHA256SUMS").write_text(sums(BIN), encoding="utf-8")
        elif arguments[:1] == ["notes"] and len(arguments) == 2:
            print(notes(arguments[1], (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")), end="")
        else:
            print(__doc__.strip())
            return 2
    except (Refused, packages.Refused) as refused:
        print(refused, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failed:
        print(f"`{failed.cmd[0]}` failed", file=sys.stderr)  # It has printed the reason itself.
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
