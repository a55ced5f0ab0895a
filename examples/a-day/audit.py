"""Who had credentials, for what, and by whose decision: from decision records alone.

    audit.py RECORDS.jsonl

The file contains the lines that the TVM, or `sentinel dev`, writes to standard output. Lines that are not records,
such as metrics, are ignored.
"""

from __future__ import annotations

import json
import sys
from typing import Iterator


def records(path: str) -> Iterator[dict]:
    """The records of a file, in order."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            if "event" in record or "effect" in record:
                yield record


def basis(record: dict, events: list[dict]) -> str:
    """Why credentials were vended: the rule, and the approval or the grant with its people."""
    if record["approval"]:
        approvals = [
            event for event in events
            if event["event"] == "request_approved" and event.get("approval") == record["approval"]
        ]
        reasons = [
            event for event in events
            if event["event"] == "request_created" and event.get("approval") == record["approval"]
        ]
        by = ", ".join(event["by"] for event in approvals)
        request = reasons[0] if reasons else {}
        return f"approved by {by} ({request.get('ticket')}: {request.get('reason')})"
    if record["break_glass"]:
        opened = next(
            event for event in events
            if event["event"] == "break_glass_opened" and event.get("break_glass") == record["break_glass"]
        )
        reviews = [
            event["by"] for event in events
            if event["event"] == "break_glass_reviewed" and event.get("break_glass") == record["break_glass"]
        ]
        reviewed = f", reviewed by {', '.join(reviews)}" if reviews else ", not reviewed"
        return f"break-glass ({opened['reason_code']}: {opened['reason']}{reviewed})"
    return f"rule {record['rule']}"


def ended(record: dict, later: list[dict]) -> str:
    """What ended the session of a vend before its expiration."""
    for event in later:
        same = event.get("user") == record["caller"]
        on_profile = event.get("profile") in (None, record["profile"])
        kinds = ("revocation", "request_revoked", "break_glass_closed")
        if same and on_profile and event["event"] in kinds and "code" not in event:
            return f"{event['event']} by {event['by']}"
    return "expiration"


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__.strip())
        return 2
    everything = list(records(sys.argv[1]))
    events = [record for record in everything if "event" in record]
    refusals = 0
    for place, record in enumerate(everything):
        if "event" in record:
            continue
        if record["effect"] != "allow":
            refusals += 1
            continue
        later = [other for other in everything[place:] if "event" in other]
        print(f"{record['user']} had {record['profile']} for at most {round(record['duration_s'] / 60)} min: "
              f"{basis(record, events)}; ended by {ended(record, later)}")
    print(f"{refusals} requests for credentials were refused")
    return 0


if __name__ == "__main__":
    sys.exit(main())
