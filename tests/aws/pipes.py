"""A stand-in for EventBridge Pipes, since no emulator that can be installed here filters records or fills in templates.

It reads the real streams of the emulator, and treats each record as AWS documents it, with the pipes of the SAM
template: filter, input template, and dynamic values of the target. It refuses what it does not know.
<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html>
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, Mapping

PATH = re.compile(r"<(\$[^<>]+)>")
# What AWS's documentation allows in a path.
SYNTAX = re.compile(r"\$(\.[A-Za-z0-9_-]+)+")


def at(event: Any, path: str) -> Any:
    """The value at a path. `KeyError` if there is none."""
    assert SYNTAX.fullmatch(path), path
    for name in path.split(".")[1:]:
        event = event[name]
    return event


def matches(pattern: Any, event: Any) -> bool:
    """Whether an event matches a pattern of values and `exists`."""
    if isinstance(pattern, Mapping):
        return all(matches(part, event.get(name) if isinstance(event, Mapping) else None)
                   for name, part in pattern.items())
    assert isinstance(pattern, list), pattern
    return any(
        (event is not None) == choice["exists"] if isinstance(choice, Mapping) else event == choice
        for choice in pattern
    )


@dataclass
class Pipe:
    """A pipe of the template, from the stream of a table to an event bus."""

    properties: Mapping[str, Any]
    table: str
    seen: set[str] = field(default_factory=set)

    def events(self, records: list[dict]) -> Iterator[dict]:
        """The entries of PutEvents for those records that were not delivered yet."""
        source = self.properties["SourceParameters"]
        target = self.properties["TargetParameters"]
        patterns = [json.loads(each["Pattern"]) for each in source["FilterCriteria"]["Filters"]]
        for record in records:
            if record["eventID"] in self.seen:
                continue
            self.seen.add(record["eventID"])
            if any(matches(pattern, record) for pattern in patterns):
                bus = target["EventBridgeEventBusParameters"]
                yield {
                    "Source": bus["Source"],
                    "DetailType": at(record, bus["DetailType"]),
                    # The documentation requires quotation marks around a path, and promises valid JSON. A value is
                    # inserted as it is, which is the worst that this can mean.
                    "Detail": PATH.sub(lambda found: at(record, found[1]), target["InputTemplate"]),
                }


def stream(ask: Callable[..., Any], table: str) -> list[dict]:
    """All records of a table's stream."""
    arn = ask("dynamodb", "describe_table", TableName=table)["Table"]["LatestStreamArn"]
    records = []
    for shard in ask("dynamodbstreams", "describe_stream", StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = ask(
            "dynamodbstreams", "get_shard_iterator", StreamArn=arn, ShardId=shard["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        while iterator:
            page = ask("dynamodbstreams", "get_records", ShardIterator=iterator)
            if not page["Records"]:
                break
            records += page["Records"]
            iterator = page.get("NextShardIterator")
    return records
