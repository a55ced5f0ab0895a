"""Runs one command and reports its cost: `measured.py REPORT COMMAND…`.

In a separate process, because the kernel counts the memory of the parent before the
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
    # `wait4` reports this child; `getrusage` would report the largest child so far.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    with open(report, "w", encoding="utf-8") as file:
        json.dump({"seconds": seconds, "peak_bytes": usage.ru_maxrss * 1024}, file)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
