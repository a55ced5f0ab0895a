"""The example `examples/a-day`: a working day, and its audit from the decision records alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

AUDIT = """\
bob had production for at most 20 min: approved by alice (OPS-41: deploy 2.4); ended by request_revoked by bob
alice had production for at most 30 min: break-glass (incident: database is down, OPS-42, reviewed by carol); \
ended by break_glass_closed by alice
bob had production for at most 30 min: approved by alice (OPS-43: hotfix); ended by revocation by carol
4 requests for credentials were refused
"""


def test_the_day_has_the_documented_results_and_the_records_alone_explain_it(binary: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["bash", ROOT / "examples" / "a-day" / "day.sh", binary],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("from the decision records alone.\n" + AUDIT), done.stdout
