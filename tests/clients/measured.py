"""Runs one command and says what it cost: `measured.py REPORT COMMAND…`.

In a process of its own, since the kernel counts to a child's peak memory what its parent held before the
`exec`: a test run that has grown would make every command look large.
"""

import json
import os
import subprocess
import sys
import time


def main() -> int:
    report, *command = sys.argv[1:]
    start = time.monotonic()
    process = subprocess.Popen(command)
    # `wait4` tells of this one child; `getrusage` would tell of the largest so far.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    with open(report, "w", encoding="utf-8") as file:
        json.dump({"seconds": seconds, "peak_bytes": usage.ru_maxrss * 1024}, file)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
