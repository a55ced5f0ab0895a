"""`kill -9` at random moments, while several people vend and are revoked.

Invariant 2, and guarantee 2 of SECURITY.md: acknowledged changes are durable. After each restart every
acknowledged session exists and has the correct state, and every acknowledged revocation refuses. A change
in progress may or may not have taken effect, but only as a whole: a revocation that blocks has also ended
the sessions, and one that has not blocked has ended none.

The kills are at random times from a seed, which is printed; SENTINEL_TEST_SEED repeats them.
"""

from __future__ import annotations

import http.client
import os
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from dev import Dev

MOMENTS = 50
# Additional kills during startup, while the store recovers from the previous kill.
MOMENTS_OF_STARTING = 10
FIRST_STARTS = 40

PROFILES = ("one", "two", "three")
CALLERS = ("alice", "bob", "ci/build-7")
# The names of callers in the operators' routes: user, or account and role.
CALLER_KEYS = {"alice": "alice", "bob": "bob", "ci/build-7": "111122223333/ci"}

POLICY = """\
version: "1"
profiles:
  one: { max_duration: 1h }
  two: { max_duration: 1h }
  three: { max_duration: 1h }
rules:
  - name: all-callers
    effect: allow
    conditions: { users: [alice, bob, "ci/*"] }
operators:
  - { name: security, users: [carol], may: [list_sessions, revoke, reinstate] }
"""


@dataclass
class Pair:
    """One caller on one profile: the responses that the client received, and the state that follows from them.

    `None` is an unknown state after a kill, until the next request determines it.
    """

    caller: str
    profile: str
    blocked: Optional[bool] = False
    # Session id → whether it is valid. All sessions of an unblocked pair that are not known to be revoked are valid.
    sessions: dict[str, Optional[bool]] = field(default_factory=dict)
    acknowledged_vends: int = 0
    acknowledged_revocations: int = 0

    def vend(self, dev: Dev) -> None:
        answer = dev.vend(self.caller, self.profile)
        if answer.status == 200:
            assert self.blocked is False, f"{self.name} is revoked but could vend"
            self.sessions[answer.session] = True
            self.acknowledged_vends += 1
        else:
            assert self.blocked is True, f"{self.name} is not revoked, and was refused: {answer}"
            assert answer.code == "SESSION_REVOKED", answer

    def use(self, dev: Dev, session: str) -> None:
        expected = 200 if self.sessions[session] else 403
        answer = dev.downstream(session)
        assert answer.status == expected, f"{self.name}: wanted {expected}: {answer}"

    def revoke(self, dev: Dev) -> None:
        before = (self.blocked, dict(self.sessions))
        self.blocked = None
        self.sessions = {id: None if good else good for id, good in self.sessions.items()}
        answer = dev.revoke("carol", user=CALLER_KEYS[self.caller], profile=self.profile)
        if answer.status != 200:
            self.blocked, self.sessions = before
            raise AssertionError(f"{self.name}: cannot revoke: {answer}")
        self.blocked = True
        self.sessions = dict.fromkeys(self.sessions, False)
        self.acknowledged_revocations += 1

    def reinstate(self, dev: Dev) -> None:
        self.blocked = None
        answer = dev.reinstate("carol", user=CALLER_KEYS[self.caller], profile=self.profile)
        assert answer.status == 200, f"{self.name}: cannot reinstate: {answer}"
        self.blocked = False

    def settle(self, dev: Dev) -> None:
        """Determines unknown states after a kill, and checks that they are consistent."""
        open_sessions = [id for id, good in self.sessions.items() if good is None]
        if self.blocked is not None:
            assert not open_sessions
            return
        answers = {id: dev.downstream(id).status for id in open_sessions}
        answer = dev.vend(self.caller, self.profile)
        assert answer.status == 200 or answer.code == "SESSION_REVOKED", answer
        self.blocked = answer.status != 200
        if open_sessions:
            expected = 403 if self.blocked else 200
            assert set(answers.values()) == {expected}, f"{self.name}: a revocation is incomplete"
            self.sessions.update(dict.fromkeys(open_sessions, not self.blocked))
        if answer.status == 200:
            self.sessions[answer.session] = True

    def forget(self, keep: int) -> None:
        """Keeps only the newest sessions, so that checking all of them stays fast."""
        self.sessions = dict(list(self.sessions.items())[-keep:])

    @property
    def name(self) -> str:
        return f"{self.caller} on {self.profile}"


class Worker(threading.Thread):
    """One client, which sends requests for one pair until the server is killed."""

    def __init__(self, dev: Dev, pair: Pair, seed: int) -> None:
        super().__init__(daemon=True)
        self.dev = dev
        self.pair = pair
        self.random = random.Random(seed)
        self.fault: Optional[BaseException] = None

    def run(self) -> None:
        try:
            while True:
                self.step()
        except (ConnectionError, http.client.HTTPException):
            pass  # killed: the state of the last request is unknown
        except BaseException as fault:  # The main thread of the test raises it.
            self.fault = fault

    def step(self) -> None:
        pair, choice = self.pair, self.random.random()
        if choice < 0.55:
            pair.vend(self.dev)
        elif choice < 0.75 and pair.sessions:
            pair.use(self.dev, self.random.choice(list(pair.sessions)))
        elif choice < 0.85 or pair.blocked:
            if pair.blocked:
                pair.reinstate(self.dev)
            else:
                pair.revoke(self.dev)


def verify(dev: Dev, pairs: list[Pair]) -> None:
    """Checks everything that was acknowledged."""
    for pair in pairs:
        pair.settle(dev)
    listed = {
        caller: {each["session"]: each for each in dev.sessions("carol", user=CALLER_KEYS[caller])}
        for caller in CALLERS
    }
    for pair in pairs:
        for session, good in pair.sessions.items():
            pair.use(dev, session)
            handles = [h for h in listed[pair.caller] if session.startswith(f"session-{h}")]
            assert handles, f"{pair.name}: an acknowledged session is not listed"
            state = listed[pair.caller][handles[0]]["state"]
            assert state == ("active" if good else "revoked"), f"{pair.name}: {state}"
        # Then check whether the pair can vend now.
        pair.vend(dev)
        pair.forget(keep=8)


def recorded(dev: Dev) -> set[str]:
    return {record["session"] for record in dev.vended()}


def test_invariant_2_nothing_acknowledged_is_lost_when_it_is_killed(binary: Path, tmp_path: Path) -> None:
    seed = int(os.environ.get("SENTINEL_TEST_SEED", random.SystemRandom().randrange(2**32)))
    print(f"SENTINEL_TEST_SEED={seed}")
    rng = random.Random(seed)

    dev = Dev(binary, tmp_path, {"main": POLICY}, {"SENTINEL_CALLER_RATE": "0"})
    pairs = [Pair(caller, profile) for caller in CALLERS for profile in PROFILES]
    starts_to_kill = set(rng.sample(range(1, MOMENTS), MOMENTS_OF_STARTING))
    try:
        for moment in range(MOMENTS):
            if moment in starts_to_kill:
                dev.launch()
                time.sleep(rng.uniform(0, 0.05))
                dev.kill()
            dev.start()
            verify(dev, pairs)

            acknowledged = {id for pair in pairs for id in pair.sessions}
            workers = [Worker(dev, pair, rng.randrange(2**32)) for pair in pairs]
            for worker in workers:
                worker.start()
            time.sleep(rng.uniform(0.005, 0.4))
            dev.kill()
            for worker in workers:
                worker.join(timeout=60)
                assert not worker.is_alive()
                if worker.fault is not None:
                    raise worker.fault

            handles = recorded(dev)
            for pair in pairs:
                for session in set(pair.sessions) - acknowledged:
                    assert any(session.startswith(f"session-{handle}") for handle in handles), (
                        f"{pair.name}: credentials left before their record"
                    )
        dev.start()
        verify(dev, pairs)
    finally:
        dev.kill()

    vends = sum(pair.acknowledged_vends for pair in pairs)
    revocations = sum(pair.acknowledged_revocations for pair in pairs)
    print(f"{vends} vends and {revocations} revocations acknowledged in {len(dev.runs)} runs")
    assert vends > MOMENTS and revocations > MOMENTS // 5, "too few operations for a meaningful result"


def test_a_first_start_that_is_killed_does_no_damage(binary: Path, tmp_path: Path) -> None:
    """Keys and database exist completely or not at all, at any time of the first start."""
    rng = random.Random(4)
    for attempt in range(FIRST_STARTS):
        dev = Dev(binary, tmp_path / str(attempt), {"main": POLICY})
        dev.launch()
        time.sleep(rng.uniform(0, 0.03))
        dev.kill()
        try:
            dev.start()
            assert dev.vend("alice", "one").status == 200
        finally:
            dev.kill()
