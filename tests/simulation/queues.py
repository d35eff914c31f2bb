"""The queues of SQS: in what order, how often and to whom messages are delivered.

A FIFO queue delivers the messages of a group in order, one batch at a time: until that is deleted, or its visibility
timeout is over, its group waits. What was received too often is set aside. An id that was seen within five minutes is
taken for a repeat.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tidemark.domain.windows import FIRST_TOKEN, FencingToken

DEDUPLICATION = timedelta(minutes=5)
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass
class Message:
    """A message of a FIFO queue."""

    group: str
    deduplication_id: str
    body: str
    token: FencingToken = FIRST_TOKEN
    receives: int = 0
    hidden_until: datetime = LONG_AGO
    """When it is delivered again, unless it is deleted before."""
    receipt: int = 0
    """Of the delivery that may delete it."""


@dataclass
class Queue:
    """A FIFO queue: what is waiting, and what it ever took, in order."""

    visibility: timedelta = timedelta(seconds=105)
    tries: int = 10
    waiting: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    taken: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    seen: dict[tuple[str, str], datetime] = field(default_factory=dict)
    receipts: int = 0

    def send(self, message: Message, now: datetime = LONG_AGO) -> None:
        """Take a message, unless its deduplication id was seen lately in its group."""
        name = message.group, message.deduplication_id
        if name in self.seen and now < self.seen[name] + DEDUPLICATION:
            return
        self.seen[name] = now
        position = len(self.taken[message.group]) + 1
        message.token = FencingToken(position, position)
        self.waiting[message.group].append(message)
        self.taken[message.group].append(message)

    def groups(self) -> list[str]:
        """The groups that have messages waiting, in the order of their first message, so that schedules replay."""
        return [group for group, messages in self.waiting.items() if messages]

    def delete(self, message: Message) -> None:
        """Forget a message; one that is gone already, as after a late answer, is no error."""
        if message in self.waiting[message.group]:
            self.waiting[message.group].remove(message)

    def ready(self, now: datetime) -> list[str]:
        """The groups from which something can be received: those with messages, none of which is on its way."""
        return [group for group in self.groups() if all(message.hidden_until <= now for message in self.waiting[group])]

    def receive(self, group: str, limit: int, now: datetime) -> tuple[list[Message], list[Message]]:
        """The next messages of a group that is ready, and those that were received too often, which leave it."""
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

    def settle(self, message: Message, receipt: int, now: datetime) -> None:
        """Delete a message that a delivery has dealt with; nothing happens where its time is over, since it is another
        delivery's by then."""
        if message.receipt == receipt and now < message.hidden_until:
            self.delete(message)
