"""Receives a dataset's events by a temporary rule on the default event bus and a temporary queue."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from infra.smoke.deployment import Deployment

PROBE = "tidemark-smoke"
"""Source of the smoke test's own events, by which it finds out when the rule works."""
PROBE_SECONDS = 5.0
"""Seconds between two such events."""
TIMEOUT_SECONDS = 120.0
"""Longest wait for an event. EventBridge delivers in a second; a new rule takes effect within a minute."""
RETENTION_SECONDS = 3600
NEW_QUEUE_SECONDS = 1.0
"""Seconds after which a new queue can be used, says SQS's documentation of CreateQueue."""
TARGET = "queue"

Event = dict[str, Any]


class NoEvent(Exception):
    """Raised when an event does not arrive in time."""


class Listener:
    """The events that a queue receives."""

    def __init__(self, deployment: Deployment, queue_url: str) -> None:
        self._deployment = deployment
        self._queue_url = queue_url
        self._events: list[Event] = []

    def find(self, **wanted: object) -> Event:
        """Waits for an event of Tidemark whose detail has these values, and returns it. Raises NoEvent."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            for event in self._events:
                if event["source"] != PROBE and wanted.items() <= event["detail"].items():
                    return event
            self._receive()
        raise NoEvent(f"No event with {wanted} arrived within {TIMEOUT_SECONDS:.0f} s.")

    def probe(self, project: str, dataset: str) -> None:
        """Sends events of our own until one arrives, since a new rule does not match at once. Raises NoEvent."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        detail = json.dumps({"project": project, "dataset": dataset})
        while time.monotonic() < deadline:
            self._deployment.events.put_events(Entries=[{"Source": PROBE, "DetailType": "probe", "Detail": detail}])
            again = time.monotonic() + PROBE_SECONDS
            while time.monotonic() < again:
                if self._receive():
                    return
        raise NoEvent(f"None of the events that the smoke test sent itself arrived within {TIMEOUT_SECONDS:.0f} s.")

    def _receive(self) -> bool:
        """Receives what has arrived within a second. Returns whether that is anything."""
        response = self._deployment.sqs.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
        messages = response.get("Messages", [])
        self._events += [json.loads(message["Body"]) for message in messages]
        return bool(messages)


@contextmanager
def listening(deployment: Deployment, name: str, project: str, dataset: str) -> Iterator[Listener]:
    """Yields the events of one dataset. `name` is that of the rule and of the queue, which are deleted afterwards.

    Raises NoEvent and botocore's errors.
    """
    place = f"{deployment.region}:{deployment.account}"
    queue_arn, rule_arn = f"arn:aws:sqs:{place}:{name}", f"arn:aws:events:{place}:rule/{name}"
    with ExitStack() as made:
        # Messages stay invisible once received, so that nothing needs to be deleted.
        queue_url = deployment.sqs.create_queue(
            QueueName=name,
            Attributes={
                "Policy": _policy(queue_arn, rule_arn),
                "MessageRetentionPeriod": str(RETENTION_SECONDS),
                "VisibilityTimeout": str(RETENTION_SECONDS),
            },
        )["QueueUrl"]
        made.callback(deployment.sqs.delete_queue, QueueUrl=queue_url)
        pattern = {"source": ["tidemark", PROBE], "detail": {"project": [project], "dataset": [dataset]}}
        deployment.events.put_rule(
            Name=name, EventPattern=json.dumps(pattern), Description="Temporary, of Tidemark's smoke test"
        )
        made.callback(deployment.events.delete_rule, Name=name)
        deployment.events.put_targets(Rule=name, Targets=[{"Id": TARGET, "Arn": queue_arn}])
        made.callback(deployment.events.remove_targets, Rule=name, Ids=[TARGET])
        time.sleep(NEW_QUEUE_SECONDS)
        listener = Listener(deployment, queue_url)
        listener.probe(project, dataset)
        yield listener


def _policy(queue_arn: str, rule_arn: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
