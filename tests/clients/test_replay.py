"""`policy eval --requests` is fast enough to replay whole logs: 100,000 requests a second, file to file."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Iterator

from dev import clean_environment

REQUESTS = 300_000
REQUESTS_A_SECOND = 100_000
TRIES = 3

POLICY = """\
version: "1"
groups:
  oncall: [alice, bob, "*@example.com"]
rules:
  - name: not-mallory
    effect: deny
    conditions: { users: [mallory] }
  - name: nights
    effect: deny
    conditions:
      profiles: [production]
      time: { hours: { start: "22:00", end: "06:00" }, timezone: Europe/Berlin }
    unless: { users: ["group:oncall"] }
  - name: office
    effect: allow
    conditions: { profiles: [production, "staging-*"], users: ["group:oncall"], source_ip: [10.0.0.0/8] }
    max_duration: 30m
  - name: sandbox
    effect: allow
    conditions: { profiles: [sandbox] }
"""


def requests(number: int, seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    users = ["alice", "bob", "mallory", "carol@example.com", "dave"]
    profiles = ["production", "staging-eu", "sandbox", "other"]
    for _ in range(number):
        moment = f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:30:00Z"
        request = {
            "user": rng.choice(users),
            "profile": rng.choice(profiles),
            "at": moment,
            "source_ip": f"{rng.choice((10, 192))}.0.{rng.randint(0, 255)}.7",
        }
        yield json.dumps(request) + "\n"


def replay(binary: Path, folder: Path) -> "tuple[float, Path]":
    """Returns the duration in seconds, and the decisions."""
    answers = folder / "answers.jsonl"
    with answers.open("wb") as out:
        start = time.monotonic()
        subprocess.run(
            [binary, "policy", "eval", folder / "policy.yaml", "--requests", folder / "requests.jsonl"],
            env=clean_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=out,
            check=True,
        )
        return time.monotonic() - start, answers


def test_a_log_is_replayed_at_a_hundred_thousand_requests_a_second(demo_binary: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    with (tmp_path / "requests.jsonl").open("w") as log:
        log.writelines(requests(REQUESTS, seed=4))
    best = 0.0
    for _ in range(TRIES):
        seconds, answers = replay(demo_binary, tmp_path)
        best = max(best, REQUESTS / seconds)
        if best >= REQUESTS_A_SECOND:
            break
    print(f"{best:,.0f} requests per second")
    with answers.open() as lines:
        effects = Counter(json.loads(line)["effect"] for line in lines)
    assert sum(effects.values()) == REQUESTS
    assert set(effects) == {"allow", "deny"}
    assert best >= REQUESTS_A_SECOND


def test_each_line_is_answered_in_its_place_and_a_bad_one_too(demo_binary: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    lines = [
        '{"user":"mallory","profile":"sandbox"}',
        "not json",
        '{"user":"dave","profile":"sandbox"}',
        '{"user":"dave"}',
    ]
    done = subprocess.run(
        [demo_binary, "policy", "eval", tmp_path / "policy.yaml", "--requests", "-"],
        input="\n".join(lines) + "\n",
        env=clean_environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each.get("rule", each.get("line")) for each in answers] == ["not-mallory", 2, "sandbox", 4]
    assert [set(each) == {"line", "error"} for each in answers] == [False, True, False, True]
