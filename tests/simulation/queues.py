"""SQS queues: which messages are delivered, in what order and how often.

A group's messages are delivered in order, one batch at a time. Until a batch is deleted or its visibility timeout is
over, its group waits. A message received too often leaves the queue. A deduplication id seen within five minutes is
ignored. In a queue that is not FIFO, each message is a group of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tidemark.domain.windows import FIRST_TOKEN, FencingToken

DEDUPLICATION = timedelta(minutes=5)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
MAX_RECEIVES = 1000
"""Most receives of a message before it becomes a dead letter: SQS's maximum."""


@dataclass
class Message:
    """A message of a queue."""

    group: str
    deduplication_id: str
    body: str
    token: FencingToken = FIRST_TOKEN
    receives: int = 0
    hidden_until: datetime = LONG_AGO
    """When the message is delivered again, unless it is deleted before."""
    receipt: int = 0
    """The receipt of the delivery that may delete the message."""
    lineage: Mapping[str, int] = field(default_factory=dict)
    """How often each function was called in the chain of messages that led to this one."""

    @property
    def id(self) -> str:
        """The message's id."""
        return f"{self.deduplication_id}#{self.token.sequence}"

    @property
    def handle(self) -> str:
        """The receipt handle of the message's last delivery."""
        return f"{self.id}#{self.receipt}"

    def record(self) -> dict[str, Any]:
        """Returns the message as a record of the event with which Lambda calls a function."""
        return {
            "messageId": self.id,
            "receiptHandle": self.handle,
            "body": self.body,
            "eventSource": "aws:sqs",
            "attributes": {
                "MessageGroupId": self.group,
                "SequenceNumber": str(self.token.sequence),
                "SentTimestamp": str(self.token.sent_at),
                "ApproximateReceiveCount": str(self.receives),
            },
        }


def lineage_of(function: str, messages: Iterable[Message]) -> dict[str, int]:
    """Returns how often each function was called in the chain of messages that leads to a call with these messages."""
    lineage = {function: 0}
    for message in messages:
        for name, calls in message.lineage.items():
            lineage[name] = max(calls, lineage.get(name, 0))
    lineage[function] += 1
    return lineage


@dataclass
class Queue:
    """A queue: the waiting messages and all messages ever accepted, both by group and in order."""

    visibility: timedelta = timedelta(seconds=105)
    tries: int = MAX_RECEIVES
    waiting: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    taken: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    seen: dict[tuple[str, str], datetime] = field(default_factory=dict)
    receipts: int = 0

    def send(self, message: Message, now: datetime = LONG_AGO) -> None:
        """Accepts a message, unless its deduplication id was seen in its group within five minutes."""
        name = message.group, message.deduplication_id
        if name in self.seen and now < self.seen[name] + DEDUPLICATION:
            return
        self.seen[name] = now
        position = len(self.taken[message.group]) + 1
        message.token = FencingToken(position, position)
        self.waiting[message.group].append(message)
        self.taken[message.group].append(message)

    def groups(self) -> list[str]:
        """Returns the groups with waiting messages, in the order of their first message, so that schedules replay."""
        return [group for group, messages in self.waiting.items() if messages]

    def delete(self, message: Message) -> None:
        """Deletes a message. A message that was deleted before is not an error, as after a late response."""
        if message in self.waiting[message.group]:
            self.waiting[message.group].remove(message)

    def ready(self, now: datetime) -> list[str]:
        """Returns the groups that can be received from: those with messages, none of which is being processed."""
        return [group for group in self.groups() if all(message.hidden_until <= now for message in self.waiting[group])]

    def receive(self, group: str, limit: int, now: datetime) -> tuple[list[Message], list[Message]]:
        """Returns the next messages of a ready group, and those that leave it because they were received too often."""
        self.receipts += 1
        received: list[Message] = []
        spent: list[Message] = []
        for message in list(self.waiting[group]):
            if len(received) == limit:
                break
            if message.receives >= self.tries:
                self.delete(message)
                spent.append(message)
                continue
            message.receives += 1
            message.hidden_until = now + self.visibility
            message.receipt = self.receipts
            received.append(message)
        return received, spent

    def change_visibilities(self, entries: Iterable[dict[str, Any]], now: datetime) -> dict[str, Any]:
        """Returns the response to a ChangeMessageVisibilityBatch request with these entries."""
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in entries:
            if self.change_visibility(entry["ReceiptHandle"], timedelta(seconds=entry["VisibilityTimeout"]), now):
                answer["Successful"].append({"Id": entry["Id"]})
            else:
                answer["Failed"].append({"Id": entry["Id"], "Code": "MessageNotInflight", "SenderFault": True})
        return answer

    def change_visibility(self, handle: str, timeout: timedelta, now: datetime) -> bool:
        """Delivers a message again after `timeout`, rather than after the visibility timeout.

        Returns False if the handle is not that of a message on its way, which SQS refuses.
        """
        waiting = [message for messages in self.waiting.values() for message in messages if message.handle == handle]
        if not waiting or waiting[0].hidden_until <= now:
            return False
        waiting[0].hidden_until = now + timeout
        return True

    def settle(self, message: Message, receipt: int, now: datetime) -> None:
        """Deletes a message after a successful delivery, unless the delivery's visibility timeout is over."""
        if message.receipt == receipt and now < message.hidden_until:
            self.delete(message)
