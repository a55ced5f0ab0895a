"""The release: its workflow, the script that it calls, and the container image of `sentinel dev`.

The workflow and the image cannot be run here: there is neither GitHub Actions nor a Docker daemon. What they call is
compared with what exists, and the commands that can be run are run.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import re
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import release  # noqa: E402

WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
DOCKERFILE = ROOT / "deploy" / "dev" / "Dockerfile"
# Programs of the runners that a step may call.
RUNNER = {"rustup", "gh"}


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def workflow() -> dict:
    return yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))


def steps() -> "list[dict]":
    return [step for job in workflow()["jobs"].values() for step in job["steps"]]


def rust_version() -> str:
    return re.search(r'^rust-version = "([^"]+)"', text("Cargo.toml"), re.MULTILINE)[1]


# --- the workflow


def test_a_tag_starts_the_workflow_and_nothing_else_does() -> None:
    # YAML 1.1 reads the key `on` as a boolean.
    assert workflow()[True] == {"push": {"tags": ["v*"]}}


def test_every_action_is_pinned_by_a_commit_with_its_tag() -> None:
    uses = [step["uses"] for step in steps() if "uses" in step]
    assert len(uses) > 8
    rows = re.findall(r"^ *- uses: (\S+)( # v\d+\.\d+\.\d+)?$", WORKFLOW.read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name, _ in rows] == uses
    for name, tag in rows:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", name) and tag, name
    # One commit for each action.
    assert len({name for name, _ in rows}) == len({name.split("@")[0] for name, _ in rows})


def test_every_command_exists() -> None:
    makefile = text("Makefile")
    seen = set()
    for step in steps():
        if "run" not in step:
            continue
        words = step["run"].split()
        seen.add(words[0])
        if words[0] == "make":
            for target in words[1:]:
                assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), step["run"]
        elif words[0] == "python3":
            assert words[1] == "scripts/release.py" and f"release.py {words[2]}" in release.__doc__, step["run"]
        else:
            assert words[0] in RUNNER, step["run"]
    assert seen == {"make", "python3", "rustup", "gh"}


def test_no_step_writes_an_expression_into_a_shell() -> None:
    # The author of a tag chooses its name: in a script, `${{ }}` would be code.
    for step in steps():
        assert "${{" not in step.get("run", ""), step


def test_only_the_job_that_publishes_can_write() -> None:
    assert workflow()["permissions"] == {}
    for name, job in workflow()["jobs"].items():
        written = {key for key, value in job["permissions"].items() if value == "write"}
        assert written == ({"contents", "id-token", "attestations"} if name == "publish" else set()), name
    for step in steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}


def test_the_release_has_every_package_and_every_target_of_the_script() -> None:
    jobs = workflow()["jobs"]
    functions = jobs["functions"]["strategy"]["matrix"]["include"]
    assert {row["arch"] for row in functions} == set(release.packages.TARGETS)
    command = jobs["command"]["strategy"]["matrix"]["include"]
    assert [row["target"] for row in command] == list(release.TARGETS)
    uploaded = [step["with"]["name"] for step in steps() if step.get("uses", "").startswith("actions/upload-")]
    downloaded = [step["with"] for step in steps() if step.get("uses", "").startswith("actions/download-")]
    for name in uploaded:
        prefix = name.split("-")[0]
        assert any(prefix in one.get("pattern", one.get("name", "")) for one in downloaded), name
    published = jobs["publish"]["steps"]
    assert any(step.get("with", {}).get("subject-path") == "bin/*" for step in published)
    order = [step.get("run", step.get("uses", "")).split("@")[0] for step in published]
    sums = order.index("python3 scripts/release.py sums")
    assert sums < order.index("actions/attest-build-provenance") < len(order) - 1
    assert jobs["publish"]["needs"] == ["functions", "command"]


def test_the_workflow_and_the_image_use_the_oldest_compiler_that_is_supported() -> None:
    assert workflow()["env"]["RUST_VERSION"] == rust_version()
    assert f"FROM rust:{rust_version()}-slim-" in DOCKERFILE.read_text(encoding="utf-8")


# --- the script


def test_an_archive_has_the_program_and_the_licenses_and_the_same_bytes_each_time() -> None:
    licenses = {"LICENSE-MIT": b"mit", "LICENSE-APACHE": b"apache"}
    one = release.archive(b"\x7fELF program", licenses)
    assert one == release.archive(b"\x7fELF program", dict(reversed(licenses.items())))
    with tarfile.open(fileobj=io.BytesIO(one)) as file:
        found = [(entry.name, entry.mode, entry.mtime) for entry in file.getmembers()]
        assert file.extractfile("sentinel").read() == b"\x7fELF program"
    assert found == [("sentinel", 0o755, 0), ("LICENSE-APACHE", 0o644, 0), ("LICENSE-MIT", 0o644, 0)]


def test_the_sums_are_those_of_all_files(tmp_path: Path) -> None:
    with pytest.raises(release.Refused):
        release.sums(tmp_path)
    (tmp_path / "b.zip").write_bytes(b"b")
    (tmp_path / "a.zip").write_bytes(b"a")
    (tmp_path / "SHA256SUMS").write_text("old")
    expected = "".join(f"{hashlib.sha256(name).hexdigest()}  {name.decode()}.zip\n" for name in (b"a", b"b"))
    assert release.sums(tmp_path) == expected


def test_the_notes_are_the_chapter_of_the_tag() -> None:
    version = release.version()
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    changelog = f"# Changelog\n\n## Unreleased\n\nsoon\n\n## {version} - 2026-12-01\n\n- one\n\n## 0.0.1\n\n- old\n"
    assert release.notes(f"v{version}", changelog) == "- one\n"
    for tag, text_ in ((f"v{version}.1", changelog), (version, changelog), (f"v{version}", "## Unreleased\n\nx\n")):
        with pytest.raises(release.Refused):
            release.notes(tag, text_)


def test_a_target_that_no_release_has_is_refused() -> None:
    with pytest.raises(release.Refused):
        release.command("x86_64-pc-windows-msvc")


# --- the image


def instructions() -> "list[tuple[str, str]]":
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return [tuple(line.split(" ", 1)) for line in lines]


def ignored(path: str) -> bool:
    lines = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and line[0] != "#"]
    assert patterns
    parts = Path(path).parts
    prefixes = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    names = {pattern.removeprefix("**/") for pattern in patterns if pattern.startswith("**/")}
    return bool(names & set(parts)) or any(
        fnmatch.fnmatchcase(prefix, pattern) for prefix in prefixes for pattern in patterns
    )


def test_the_image_has_every_member_of_the_workspace_and_what_they_include() -> None:
    copied = [arguments for name, arguments in instructions() if name == "COPY" and not arguments.startswith("--from")]
    sources = [source for arguments in copied for source in arguments.split()[:-1]]
    for source in sources:
        assert (ROOT / source).exists() and not ignored(source), source
    members = re.search(r"^members = \[(.*?)\]", text("Cargo.toml"), re.MULTILINE | re.DOTALL)[1]
    for member in re.findall(r'"([^"]+)"', members):
        assert any(Path(member).is_relative_to(source) for source in sources), member
    # A file of another folder that the source of a crate includes, directly or by a link.
    for crate in ROOT.glob("sentinel-*"):
        for link in (file for file in crate.rglob("*") if file.is_symlink()):
            target = link.resolve().relative_to(ROOT)
            assert any(target.is_relative_to(source) for source in sources), link
        for file in (crate / "src").rglob("*.rs"):
            for included in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', file.read_text(encoding="utf-8")):
                target = (file.parent / included).resolve().relative_to(ROOT)
                assert any(target.is_relative_to(source) for source in sources), f"{file}: {included}"


def test_the_image_builds_and_runs_what_exists() -> None:
    [build] = [arguments for name, arguments in instructions() if name == "RUN" and arguments.startswith("cargo")]
    words = build.split()
    assert words[:3] == ["cargo", "build", "--locked"]
    package, program = words[words.index("--package") + 1], words[words.index("--bin") + 1]
    assert f'name = "{program}"' in text(f"{package}/Cargo.toml")
    copied = [arguments for name, arguments in instructions() if arguments.startswith("--from=build")]
    assert copied == [f"--from=build /sentinel/target/release/{program} /usr/local/bin/{program}"]
    # sentinel-cli/tests/it/documents/image.rs runs it with the arguments of CMD.
    assert dict(instructions())["ENTRYPOINT"] == f'["{program}"]'


def test_the_image_does_not_run_as_root() -> None:
    names = [name for name, _ in instructions()]
    assert dict(instructions())["USER"] == "10001:10001"
    assert names.index("USER") < names.index("ENTRYPOINT")
