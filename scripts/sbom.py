"""The software bill of materials (SBOM) of a Lambda package: every crate that is compiled for it, as CycloneDX.

    scripts/sbom.py FILE...    checks bills against the schema of CycloneDX and the zips next to them

`scripts/lambda.py` writes one next to each zip. The same source produces the same bytes. The check needs the Python
package `cyclonedx-python-lib`.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A line of `cargo tree --prefix depth`: the depth, the crate, its version, perhaps its folder or kind, its license,
# and `(*)` if its dependencies are listed elsewhere.
_CRATE = re.compile(
    r"(?P<depth>\d+) (?P<name>\S+) v(?P<version>\S+)(?: \((?:proc-macro|/[^)]*)\))*\t(?P<license>.*?)(?: \(\*\))?"
)
_LOCKED = re.compile(r'name = "([^"]+)"\nversion = "([^"]+)"\nsource = "registry\+[^"]*"\nchecksum = "([0-9a-f]{64})"')


def tree(crate: str, features: str, target: str) -> str:
    """The crates that are compiled for a program, build scripts and macros included."""
    return subprocess.run(
        ["cargo", "tree", "--locked", "-p", crate, "--features", features, "--target", target,
         "--edges", "normal,build", "--prefix", "depth", "--format", " {p}\t{l}"],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True,
    ).stdout


def checksums(lock: str) -> dict[tuple[str, str], str]:
    """The SHA-256 of each crate of the registry, by name and version, from the text of Cargo.lock."""
    return {(name, version): checksum for name, version, checksum in _LOCKED.findall(lock)}


def document(listed: str, locked: dict[tuple[str, str], str], package: str, sha256: str) -> dict:
    """The bill of the zip `package`, which has that SHA-256, from the output of `tree`."""
    components: dict[str, dict] = {}
    depends: dict[str, set[str]] = {}
    above: list[str] = []
    for line in filter(None, listed.splitlines()):
        crate = _CRATE.fullmatch(line)
        if crate is None:
            raise ValueError(f"not a line of `cargo tree`: {line}")
        name, version = crate["name"], crate["version"]
        reference = f"pkg:cargo/{name}@{version}"
        component = {
            "type": "library",
            "bom-ref": reference,
            "name": name,
            "version": version,
            # Old manifests separate alternatives by a slash.
            "licenses": [{"expression": re.sub(r"\s*/\s*", " OR ", crate["license"])}],
        }
        if (name, version) in locked:
            # Only a crate of the registry: another project can have a crate of ours' name there.
            component["purl"] = reference
            component["hashes"] = [{"alg": "SHA-256", "content": locked[name, version]}]
        components[reference] = component
        depends.setdefault(reference, set())
        above[int(crate["depth"]):] = [reference]
        if len(above) > 1:
            depends[above[-2]].add(reference)
    root = above[0]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                **components.pop(root),
                "type": "application",
                "description": package,
                "hashes": [{"alg": "SHA-256", "content": sha256}],
            },
        },
        "components": [components[reference] for reference in sorted(components)],
        "dependencies": [
            {"ref": reference, "dependsOn": sorted(depends[reference])} for reference in sorted(depends)
        ],
    }


def digest(package: Path) -> str:
    return hashlib.sha256(package.read_bytes()).hexdigest()


def bill_of(package: Path) -> Path:
    """The bill of the zip `package`."""
    return package.with_suffix(".cdx.json")


def write(package: Path, crate: str, features: str, target: str) -> None:
    """Writes the bill of a zip next to it."""
    bill = document(
        tree(crate, features, target),
        checksums((ROOT / "Cargo.lock").read_text(encoding="utf-8")),
        package.name,
        digest(package),
    )
    bill_of(package).write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")


def faults(file: Path) -> list[str]:
    """What is wrong with a bill."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = file.read_text(encoding="utf-8")
    invalid = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    if invalid:
        reason = str(invalid).split("\n", 1)[0]
        return [f"{file.name}: not valid CycloneDX: {reason}"]
    described = json.loads(text)["metadata"]["component"]
    package = file.with_name(described["description"])
    if described["hashes"] != [{"alg": "SHA-256", "content": digest(package)}]:
        return [f"{file.name}: describes another file than {package.name}"]
    return []


def main(arguments: list[str]) -> int:
    if not arguments or arguments in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0 if arguments else 2
    found = [fault for name in arguments for fault in faults(Path(name))]
    print("\n".join(found) or f"{len(arguments)} bills of materials are valid")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
