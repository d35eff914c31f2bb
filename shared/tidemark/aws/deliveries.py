"""Deliveries of messages whose work failed: when SQS delivers them again, and which ones are set aside."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tidemark.aws.backend import Backend

OUTAGE_RECEIVES = 20
"""Number of deliveries after which an outage is under way, and the longest wait grows further."""
OUTAGE_GROWTH_SECONDS = 2
"""How much the longest wait grows with each delivery in an outage, in seconds."""
MAX_FACTORS = 20
"""Number of deliveries after which a wait has reached its least or most value."""
MAX_WAIT_SECONDS = 600
"""Longest wait before any delivery, in seconds. With a thousand deliveries, SQS's maximum, postponing takes four
days."""


class Pace(NamedTuple):
    """How long the messages of a queue wait when they are postponed. Outages take longer."""

    first: float
    """The longest wait before the second delivery, in seconds."""
    factor: float
    """Factor by which the longest wait changes with each delivery."""
    least: float
    most: float
    """Between these two values the longest wait stays, in seconds."""


WINDOWS_PACE = Pace(first=30, factor=0.7, least=10, most=30)
"""A window fails because too many shards write to its partition of the table. Windows that come back sooner use up
capacity for nothing; windows that come back later leave capacity unused. A window that has waited long comes back
sooner than one that has not, so that none waits much longer than the others (docs/capacity.md)."""
SETTLED_PACE = Pace(first=2, factor=1.5, least=2, most=20)
"""While publish waits, nothing leaves the dataset's count of rows in flight, and files wait too."""
FILES_PACE = SETTLED_PACE
"""While a file waits, its windows may not be sent yet, and its shards have nothing to do."""


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


def postpone(backend: Backend, queue_url: str, pace: Pace, deliveries: Sequence[Delivery]) -> None:
    """Has SQS deliver messages again after a random time, rather than after the queue's visibility timeout. One
    request.

    For messages whose work met a transient error. At most ten messages, which become visible together.
    """
    seconds = wait_seconds(pace, max(delivery.receives for delivery in deliveries))
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


def wait_seconds(pace: Pace, receives: int) -> int:
    """Returns for how long a message is postponed that was delivered so often: a random time, in whole seconds."""
    usual = max(pace.least, min(pace.most, pace.first * pace.factor ** min(receives - 1, MAX_FACTORS)))
    outage = OUTAGE_GROWTH_SECONDS * max(0, receives - OUTAGE_RECEIVES)
    longest = min(MAX_WAIT_SECONDS, usual + outage)
    return max(1, round(random.uniform(longest / 2, longest)))  # noqa: S311 - no secret
