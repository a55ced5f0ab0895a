"""Builds the packages for AWS Lambda: `bin/lambda-tvm-linux-amd64.zip`, `bin/lambda-authorizer-linux-amd64.zip`.

    scripts/lambda.py tvm|authorizer...    builds them; ARCH=arm64 builds for arm64
    scripts/lambda.py --again NAME...      builds them a second time in another folder, and compares the bytes

Each contains one executable, `bootstrap`, for `provided.al2023`, and has a bill of materials next to it
(`scripts/sbom.py`). The same source produces the same bytes in any folder. A package that needs a newer glibc than the
runtime has, or exceeds its maximum size, is not written. Rust targets are never downloaded.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import sbom

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "bin"

# The name of a package, its crate and program, and the maximum size of its zip in bytes, which Lambda fetches and
# unpacks before a cold start.
PACKAGES = {
    "tvm": ("sentinel-tvm", 5_000_000),
    "authorizer": ("sentinel-authorizer", 3_000_000),
}
TARGETS = {"amd64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}

# The glibc of provided.al2023: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
GLIBC = (2, 34)
# The earliest time that a zip can contain.
EPOCH = (1980, 1, 1, 0, 0, 0)


class Refused(Exception):
    """A package cannot be built, or violates a requirement."""


def output(*command: str) -> str:
    return subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def host() -> str:
    found = re.search(r"^host: (\S+)$", output("rustc", "-vV"), re.MULTILINE)
    return found[1] if found else ""


def linker(target: str) -> dict[str, str]:
    """The variables that a build for that target needs in addition to those of the host."""
    libraries = Path(output("rustc", "--print", "sysroot").strip()) / "lib" / "rustlib" / target
    if not libraries.is_dir():
        raise Refused(f"the Rust target {target} is not installed: `rustup target add {target}`")
    if target == host():
        return {}
    compiler = target.replace("-unknown", "") + "-gcc"
    if shutil.which(compiler) is None:
        raise Refused(f"no `{compiler}` on the PATH: it compiles and links {target}")
    name = target.replace("-", "_")
    return {f"CC_{name}": compiler, f"CARGO_TARGET_{name.upper()}_LINKER": compiler}


def target_directory() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()


def remapped() -> str:
    """Compiler flags that write the same path into the program, wherever its source is."""
    cargo = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo").resolve()
    # The last match has precedence, so the outer folders come first.
    folders = sorted(
        {cargo: "/cargo", ROOT: "/sentinel", target_directory(): "/target"}.items(),
        key=lambda item: len(str(item[0])),
    )
    return "\x1f".join(f"--remap-path-prefix={folder}={name}" for folder, name in folders)


def build(crate: str, features: str, program: str, target: str) -> Path:
    """Builds a program in its release form."""
    environment = {**os.environ, **linker(target), "CARGO_ENCODED_RUSTFLAGS": remapped()}
    # One crate at a time: a build of both would unify the features of their dependencies.
    subprocess.run(
        ["cargo", "build", "--locked", "--profile", "lambda", "--target", target,
         "-p", crate, "--features", features, "--bin", program],
        cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=True,
    )
    return target_directory() / target / "lambda" / program


def newest_glibc(symbols: str) -> tuple[int, ...]:
    """The newest version of glibc that the program needs, from the output of `objdump -T`."""
    found = re.findall(r"GLIBC_(\d+(?:\.\d+)+)", symbols)
    return max((tuple(map(int, version.split("."))) for version in found), default=())


def foreign(program: bytes) -> list[str]:
    """The folders of this machine that the program contains."""
    folders = {str(ROOT), str(target_directory()), str(Path.home())} - {"/"}
    return sorted(folder for folder in folders if f"{folder}/".encode() in program)


def write(package: Path, program: bytes) -> None:
    """Writes a zip of the program: the same bytes for the same program."""
    entry = zipfile.ZipInfo("bootstrap", EPOCH)
    entry.create_system = 3  # Unix, on every system: otherwise the mode below has no meaning.
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    package.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(package, "w") as file:
        file.writestr(entry, program, compresslevel=9)


def check(name: str, package: Path) -> None:
    """Refuses a package that exceeds its maximum size."""
    _, most = PACKAGES[name]
    size = package.stat().st_size
    if size > most:
        raise Refused(f"{package.name} has {size:,} bytes; the maximum is {most:,}")


def make(name: str, arch: str) -> Path:
    crate, _ = PACKAGES[name]
    program = build(crate, "lambda", crate, TARGETS[arch])
    needs = newest_glibc(output("objdump", "-T", str(program)))
    if needs > GLIBC:
        raise Refused(f"{crate} needs glibc {'.'.join(map(str, needs))}; the runtime has "
                      f"{'.'.join(map(str, GLIBC))}")
    code = program.read_bytes()
    if foreign(code):
        raise Refused(f"{crate} contains paths of this machine: {', '.join(foreign(code))}")
    package = BIN / f"lambda-{name}-linux-{arch}.zip"
    new = package.with_suffix(".new")
    write(new, code)
    try:
        check(name, new)
    except Refused:
        new.unlink()
        raise
    new.replace(package)
    sbom.write(package, crate, "lambda", TARGETS[arch])
    size, most = package.stat().st_size, PACKAGES[name][1]
    print(f"{package.relative_to(ROOT)}: {size:,} bytes of at most {most:,}, glibc "
          f"{'.'.join(map(str, needs))} of at most {'.'.join(map(str, GLIBC))}")
    return package


def again(name: str, arch: str) -> None:
    """Builds a package from a copy of the source, with nothing that was built before, and compares the bytes."""
    package = BIN / f"lambda-{name}-linux-{arch}.zip"
    if not package.exists():
        raise Refused(f"{package.relative_to(ROOT)} does not exist: run `make lambda-{name}`")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "another"
        for file in output("git", "ls-files", "-z").split("\0"):
            if file and (ROOT / file).is_file():
                (copy / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / file, copy / file)
        subprocess.run(
            [sys.executable, copy / "scripts" / "lambda.py", name],
            cwd=copy, env={**os.environ, "CARGO_TARGET_DIR": str(Path(folder) / "built"), "ARCH": arch},
            stdin=subprocess.DEVNULL, check=True,
        )
        second = copy / package.relative_to(ROOT)
        if second.read_bytes() != package.read_bytes():
            raise Refused(f"{package.name} has other bytes when it is built in another folder")
    print(f"{package.name}: the same bytes when it is built in another folder")


def main(arguments: list[str]) -> int:
    one = make
    if arguments[:1] == ["--again"]:
        one, arguments = again, arguments[1:]
    arch = os.environ.get("ARCH") or "amd64"
    if not arguments or any(name not in PACKAGES for name in arguments) or arch not in TARGETS:
        print(__doc__.strip())
        return 2
    try:
        for name in arguments:
            one(name, arch)
    except Refused as refused:
        print(refused)
        return 1
    except subprocess.CalledProcessError as failed:
        print(f"`{failed.cmd[0]}` failed")  # It has printed the reason itself.
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
