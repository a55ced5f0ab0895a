"""Verifies the crates' promises about their dependencies with `cargo tree`.

Each crate is examined alone (`-p ONE`). A build of several crates unifies their features, so the result would
describe a build that is never shipped. Usage: `dependencies.py [PROMISE]`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parent.parent

# All dependencies of a service that embeds the policy language. Each of them computes and does nothing else.
# A new name here is a decision that `docs/decisions/` documents.
POLICY_MAY_USE = {
    "arraydeque",
    "chrono",
    "chrono-tz",
    "foldhash",
    "granit-parser",
    "num-traits",
    "phf",
    "phf_shared",
    "siphasher",
    "smallvec",
    "strsim",
    "unicode-width",
}
# What the feature `miette` adds, and nothing else.
MIETTE_MAY_ADD = {"miette", "cfg-if"}

# Names that the policy crate's source must not contain. The crate is pure, so that a decision depends only on
# its arguments. (`std::net` also has addresses, which are values.)
IMPURE = re.compile(
    r"std::(fs|env|process|thread|io|os|sync::mpsc|time::(SystemTime|Instant))\b"
    r"|std::net::(Tcp|Udp|ToSocketAddrs)"
    r"|\b(SystemTime|Instant|Utc|Local)::now\b"
    r"|\b(tokio|async_std|rand|getrandom)::|\basync fn\b|\.await\b"
)

# The authorizer is on the path of every request to other APIs and has cold starts there: it only checks
# sessions.
AUTHORIZER_MUST_NOT_USE = re.compile(
    r"sentinel-(policy|broker|tvm|cli)"
    r"|granit-parser|serde-saphyr|serde_yaml|serde_norway|yaml-rust.*"
    r"|aws-config|aws-sdk-(sts|ssm|sso|ssooidc).*"
    r"|redb|chrono-tz|clap|hyper-server|axum"
)
# A function that handles one request at a time does not need the runtime's threads, processes and files.
AUTHORIZER_MUST_NOT_ENABLE = {"tokio": {"full", "rt-multi-thread", "process", "fs", "signal"}}
# `lambda_runtime` enables `rt-multi-thread`, and the AWS clients enable `fs`; the functions use neither.
FUNCTION_MUST_NOT_ENABLE = {"tokio": {"full", "process", "signal"}, "hyper": {"server"}}

# As a function, the TVM receives credentials and configuration from Lambda, has its stores in AWS, and has no
# command line.
TVM_MUST_NOT_USE = re.compile(
    r"sentinel-(authorizer|cli|testkit)|aws-config|aws-sdk-(sso|ssooidc)|clap.*|redb|axum|lambda_http"
)


def tree(crate: str, *options: str, form: str = "{p}") -> list[str]:
    """The normal dependencies of one crate built alone, one per line in the given format."""
    done = subprocess.run(
        ["cargo", "tree", "--locked", "-p", crate, "-e", "normal", "--prefix", "none",
         "--no-dedupe", "--format", form, *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return sorted(set(filter(None, done.stdout.splitlines())))


def names(crate: str, *options: str) -> set[str]:
    """The names of all crates in that tree, without the crate itself."""
    return {row.split()[0] for row in tree(crate, *options)} - {crate}


def policy_is_pure() -> list[str]:
    """`sentinel-policy`: a fixed list of dependencies, and no impure names in its source."""
    problems = [
        f"sentinel-policy with {features} depends on `{name}`, which is not on its list: "
        f"cargo tree -p sentinel-policy --features {features} -e normal -i {name}"
        for features, allowed in (
            ("reference", POLICY_MAY_USE),
            ("reference,miette", POLICY_MAY_USE | MIETTE_MAY_ADD),
        )
        for name in sorted(names("sentinel-policy", "--features", features) - allowed)
    ]
    for file in sorted((ROOT / "sentinel-policy" / "src").rglob("*.rs")):
        for number, row in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            code = row.split("//", 1)[0]
            found = IMPURE.search(code)
            if found:
                problems.append(f"{file.relative_to(ROOT)}:{number}: `{found[0]}` is not pure")
    return problems


def turned_on(crate: str, unwanted: dict[str, set[str]], *options: str) -> list[str]:
    """The unwanted features of dependencies that a crate, built alone, enables."""
    problems = []
    for row in tree(crate, *options, form="{p}|{f}"):
        package, _, features = row.partition("|")
        name = package.split()[0]
        for feature in sorted(unwanted.get(name, set()) & set(features.split(","))):
            problems.append(f"{' '.join((crate, *options))} enables `{feature}` of `{name}`")
    return problems


def authorizer_is_small() -> list[str]:
    """`sentinel-authorizer`, as a crate and as the function: only a session check."""
    problems = []
    for options in ((), ("--features", "lambda")):
        problems += [
            f"sentinel-authorizer depends on `{name}`: "
            f"cargo tree -p sentinel-authorizer {' '.join(options)} -e normal -i {name}"
            for name in sorted(names("sentinel-authorizer", *options))
            if AUTHORIZER_MUST_NOT_USE.fullmatch(name)
        ]
    problems += turned_on("sentinel-authorizer", AUTHORIZER_MUST_NOT_ENABLE)
    problems += turned_on("sentinel-authorizer", FUNCTION_MUST_NOT_ENABLE, "--features", "lambda")
    return problems


def tvm_is_a_function() -> list[str]:
    """`sentinel-tvm`, as the function: no command, no server, no file, no other credentials."""
    function = ("--features", "lambda")
    problems = [
        f"sentinel-tvm depends on `{name}`: "
        f"cargo tree -p sentinel-tvm {' '.join(function)} -e normal -i {name}"
        for name in sorted(names("sentinel-tvm", *function))
        if TVM_MUST_NOT_USE.fullmatch(name)
    ]
    return problems + turned_on("sentinel-tvm", FUNCTION_MUST_NOT_ENABLE, *function)


def without(crate: str, unwanted: str, *options: str) -> list[str]:
    """The dependencies of a crate, built alone, whose names match a pattern."""
    return [
        f"{' '.join((crate, *options))} depends on `{name}`: "
        f"cargo tree -p {crate} {' '.join(options)} -e normal -i {name}"
        for name in sorted(names(crate, *options))
        if re.fullmatch(unwanted, name)
    ]


def store_stands_alone() -> list[str]:
    """`sentinel-store` without features: records, traits and the session check, no backend."""
    unwanted = r"sentinel-(?!wire).*|redb|aws-.*|tokio|hyper.*|notify"
    return without("sentinel-store", unwanted, "--no-default-features")


def broker_has_no_adapter() -> list[str]:
    """`sentinel-broker`: no Lambda, no AWS client, no HTTP, so that any service can embed it."""
    unwanted = r"sentinel-(tvm|authorizer|cli)|aws-.*|lambda.*|http|hyper.*|redb"
    return without("sentinel-broker", unwanted)


def devices_are_a_client() -> list[str]:
    """`sentinel-devices`: the broker's trait and an HTTP client, without an adapter, a backend or an AWS service client."""
    unwanted = r"sentinel-(tvm|authorizer|cli|dev|testkit)|aws-(config|sdk-.*)|lambda.*|redb|clap.*"
    return without("sentinel-devices", unwanted)


def wire_is_small() -> list[str]:
    """`sentinel-wire`: the types that a client shares with the broker, without anything that runs."""
    return without("sentinel-wire", r"sentinel-.*|aws-.*|hyper.*|tokio|tracing|async-trait|serde_json")


def client_has_no_engine() -> list[str]:
    """`sentinel-client`: HTTP and the wire types, without the engine, the stores and the AWS service clients."""
    unwanted = r"sentinel-(?!wire|files).*|aws-(config|sdk-.*)|redb|clap.*|granit-parser|chrono-tz"
    return without("sentinel-client", unwanted, "--all-features") + without(
        "sentinel-client", r"rustls|ring|aws-lc.*", "--no-default-features"
    )


def console_is_a_page() -> list[str]:
    """`sentinel-console`: a page over the client, without the engine, the local system, a command or an AWS SDK."""
    unwanted = r"sentinel-(?!wire|client).*|aws-(config|sdk-.*)|redb|clap.*|rustls|ring|axum"
    return without("sentinel-console", unwanted)


def dev_has_no_command() -> list[str]:
    """`sentinel-dev`: for the tests of any service, so no command, no AWS client and no TLS."""
    return without("sentinel-dev", r"sentinel-(cli|client|console|testkit)|aws-(config|sdk-.*)|clap.*|rustls|ring")


def sigv4_stands_alone() -> list[str]:
    """`sentinel-sigv4`: for any Rust server, so none of our crates, no server and no AWS client."""
    return without("sentinel-sigv4", r"sentinel-.*|aws-(config|sdk-.*)|hyper.*|tokio-rustls|axum|clap")


def iam_is_documents() -> list[str]:
    """`sentinel-iam`: documents, and no client that could send them anywhere."""
    return without("sentinel-iam", r"sentinel-(tvm|authorizer|cli|testkit)|aws-.*|hyper.*|clap")


def demo_has_no_aws_client() -> list[str]:
    """`sentinel-cli` without features: what `make demo` builds, without the AWS SDKs."""
    return without("sentinel-cli", r"aws-(config|sdk-.*)|sentinel-testkit", "--no-default-features")


def testkit_has_no_command() -> list[str]:
    """`sentinel-testkit`: tests the command as a program, and does not contain it."""
    return without("sentinel-testkit", r"sentinel-cli|clap")


PROMISES: dict[str, Callable[[], list[str]]] = {
    "policy-is-pure": policy_is_pure,
    "store-stands-alone": store_stands_alone,
    "broker-has-no-adapter": broker_has_no_adapter,
    "devices-are-a-client": devices_are_a_client,
    "authorizer-is-small": authorizer_is_small,
    "tvm-is-a-function": tvm_is_a_function,
    "wire-is-small": wire_is_small,
    "client-has-no-engine": client_has_no_engine,
    "console-is-a-page": console_is_a_page,
    "dev-has-no-command": dev_has_no_command,
    "sigv4-stands-alone": sigv4_stands_alone,
    "iam-is-documents": iam_is_documents,
    "demo-has-no-aws-client": demo_has_no_aws_client,
    "testkit-has-no-command": testkit_has_no_command,
}


def main(arguments: list[str]) -> int:
    wanted = arguments or list(PROMISES)
    unknown = [name for name in wanted if name not in PROMISES]
    if unknown:
        print(f"no such promise: {', '.join(unknown)}; the promises are {', '.join(PROMISES)}")
        return 2
    try:
        broken = [problem for name in wanted for problem in PROMISES[name]()]
    except subprocess.CalledProcessError as failed:
        print(f"`{' '.join(failed.cmd)}` failed")  # It has printed the reason itself.
        return 1
    for problem in broken:
        print(problem)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
