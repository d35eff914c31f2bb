"""Deliveries of messages whose work failed: when SQS delivers them again, and which ones are set aside."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tidemark.aws.backend import Backend

FIRST_WAIT_SECONDS = 20
"""Longest wait before the second delivery of a postponed message, in seconds."""
WAIT_GROWTH_SECONDS = 2
"""How much the longest wait grows with each delivery, in seconds."""
MAX_WAIT_SECONDS = 600
"""Longest wait before any delivery, in seconds. With a thousand deliveries, SQS's maximum, postponing takes four
days."""


class Delivery(NamedTuple):
    """A received message."""

    id: str
    receipt: str
    body: str
    receives: int
    """How often SQS has handed the message out so far, this delivery included. Lambda may have thrown some of these
    deliveries away, because the account ran too many functions at once."""
    group: str = ""
    """Message group id; empty for a queue that is not FIFO."""

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "Delivery":
        """Returns the delivery that a record of Lambda's event describes."""
        attributes = record["attributes"]
        return cls(
            id=record["messageId"],
            receipt=record["receiptHandle"],
            body=record["body"],
            receives=int(attributes["ApproximateReceiveCount"]),
            group=attributes.get("MessageGroupId", ""),
        )


def postpone(backend: Backend, queue_url: str, deliveries: Sequence[Delivery]) -> None:
    """Has SQS deliver messages again after a random time, rather than after the queue's visibility timeout. One
    request.

    For messages whose work met a transient error. At most ten messages, which become visible together.
    """
    seconds = _wait(max(delivery.receives for delivery in deliveries))
    entries: Any = [
        {"Id": str(number), "ReceiptHandle": delivery.receipt, "VisibilityTimeout": seconds}
        for number, delivery in enumerate(deliveries)
    ]
    # An entry that SQS refuses is delivered after the visibility timeout, as if it had not been postponed.
    backend.sqs.change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)


def set_aside(backend: Backend, dead_queue_url: str, delivery: Delivery) -> None:
    """Sends a message to a dead-letter queue. The caller then deletes it from its own queue. One request."""
    ordered: Any = {}
    if delivery.group:
        ordered = {"MessageGroupId": delivery.group, "MessageDeduplicationId": delivery.id}
    backend.sqs.send_message(QueueUrl=dead_queue_url, MessageBody=delivery.body, **ordered)


def _wait(receives: int) -> int:
    longest = min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS + WAIT_GROWTH_SECONDS * receives)
    return round(random.uniform(longest / 2, longest))  # noqa: S311 - no secret
