"""The notifications of the SAM template in the emulator: its event bus, rule and topics, the pipes in front of them, and
a queue behind each topic.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from conftest import ROOT
from deployment import Deployment
from pipes import Pipe, stream

sys.path.insert(0, str(ROOT / "deploy" / "tests"))

import cloudformation  # noqa: E402

TABLES = {"<Approvals.StreamArn>": "sentinel-approvals", "<BreakGlass.StreamArn>": "sentinel-breakglass"}


class Notifications:
    """What `Notifications: yes` adds to a deployment."""

    def __init__(self, deployed: Deployment) -> None:
        self._ask = deployed.ask
        stack = cloudformation.Stack(cloudformation.read("template.yaml"), Notifications="yes")
        self.pipes = {
            name: Pipe(properties, TABLES[properties["Source"]])
            for name, properties in stack.of_type("AWS::Pipes::Pipe").items()
        }
        self._bus = stack.properties("NotificationBus")["Name"]
        self._ask("events", "create_event_bus", Name=self._bus)
        rule = stack.properties("NotificationRule")
        self._ask(
            "events", "put_rule", Name=rule["Name"], EventBusName=self._bus,
            EventPattern=json.dumps(rule["EventPattern"]),
        )
        self._queues = {}
        targets = []
        for target in rule["Targets"]:
            topic = stack.properties(target["Arn"].strip("<>"))["TopicName"]
            arn = self._ask("sns", "create_topic", Name=topic)["TopicArn"]
            queue = self._ask("sqs", "create_queue", QueueName=topic)["QueueUrl"]
            of_queue = self._ask("sqs", "get_queue_attributes", QueueUrl=queue, AttributeNames=["QueueArn"])
            of_queue_arn = of_queue["Attributes"]["QueueArn"]
            from_topic = {
                "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
                "Resource": of_queue_arn, "Condition": {"ArnEquals": {"aws:SourceArn": arn}},
            }
            policy = json.dumps({"Version": "2012-10-17", "Statement": [from_topic]})
            self._ask("sqs", "set_queue_attributes", QueueUrl=queue, Attributes={"Policy": policy})
            self._ask("sns", "subscribe", TopicArn=arn, Protocol="sqs", Endpoint=of_queue_arn)
            self._queues[target["Id"]] = queue
            targets.append({"Id": target["Id"], "Arn": arn, "InputTransformer": target["InputTransformer"]})
        # Every event as it is on the bus, for a target that computes with it.
        raw = self._ask("sqs", "create_queue", QueueName="sentinel-events")["QueueUrl"]
        of_raw = self._ask("sqs", "get_queue_attributes", QueueUrl=raw, AttributeNames=["QueueArn"])
        targets.append({"Id": "event", "Arn": of_raw["Attributes"]["QueueArn"]})
        self._queues["event"] = raw
        put = self._ask("events", "put_targets", Rule=rule["Name"], EventBusName=self._bus, Targets=targets)
        assert not put["FailedEntryCount"], put

    def deliver(self, records: "dict[str, list[dict]] | None" = None) -> None:
        """Lets the pipes deliver what is new in the streams, or the given records of each table."""
        for pipe in self.pipes.values():
            new = stream(self._ask, pipe.table) if records is None else records.get(pipe.table, [])
            for event in pipe.events(new):
                put = self._ask("events", "put_events", Entries=[{**event, "EventBusName": self._bus}])
                assert not put["FailedEntryCount"], (event, put)

    def received(self, target: str) -> list[Any]:
        """The messages behind a target, in the order in which they were sent."""
        bodies = []
        while messages := self._ask(
            "sqs", "receive_message", QueueUrl=self._queues[target], MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                body = json.loads(message["Body"])
                bodies.append(body["Message"] if target != "event" else body)
                self._ask(
                    "sqs", "delete_message", QueueUrl=self._queues[target], ReceiptHandle=message["ReceiptHandle"]
                )
        return bodies
