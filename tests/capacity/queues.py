"""SQS under load: FIFO queues, whose groups are delivered one batch at a time, and queues without groups."""

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.capacity.clock import Clock, Process
from tests.capacity.limits import QueueLimits, Times
from tests.capacity.rates import Rate

NO_LINEAGE: Mapping[str, int] = {}


class SendThrottled(Exception):
    """Raised when a message group takes no more calls at the moment."""


@dataclass(slots=True)
class Message:
    """A message. Its lineage holds how often each function was invoked in the chain of events that sent it."""

    body: Any
    group: str = ""
    lineage: Mapping[str, int] = field(default_factory=lambda: NO_LINEAGE)
    sent_at: float = 0.0
    received_at: float | None = None
    """When it was first received."""
    receives: int = 0
    number: int = 0
    """Its position among all messages of the queue."""


@dataclass(slots=True)
class _Group:
    messages: deque[Message] = field(default_factory=deque)
    is_blocked: bool = False
    """Whether a message of the group is in flight or not yet visible again."""
    calls: Rate | None = None


class Fifo:
    """A FIFO queue in high-throughput mode. `ready` is called with each group that can be received from."""

    def __init__(
        self, clock: Clock, limits: QueueLimits, times: Times, *, visibility: float, attempts: int, dead: "Fifo | None"
    ) -> None:
        self.visibility = visibility
        self.dead = dead
        self.ready: Callable[[str], None] = lambda _: None
        self._clock = clock
        self._limits = limits
        self._times = times
        self._attempts = attempts
        self._groups: dict[str, _Group] = {}
        self._sent = 0
        self._horizon = limits.horizon
        """Messages with a number up to this one are visible to SQS's search."""
        self._hidden: list[tuple[int, str]] = []
        """Groups whose first message is beyond the horizon, by that message's number."""

    def send(self, messages: Sequence[Message]) -> Process[None]:
        """Sends a batch. Raises SendThrottled."""
        for name in dict.fromkeys(message.group for message in messages):
            group = self._group(name)
            assert group.calls is not None
            if not group.calls.admits(self._clock.now, 1):
                yield self._clock.spread(self._times.send)
                raise SendThrottled
            group.calls.take(self._clock.now, 1)
        yield self._clock.spread(self._times.send)
        for message in messages:
            self.add(message)

    def add(self, message: Message) -> None:
        """Adds a message at once, as a redrive does."""
        self._sent += 1
        message.number, message.sent_at = self._sent, self._clock.now
        group = self._group(message.group)
        group.messages.append(message)
        if len(group.messages) == 1 and not group.is_blocked:
            self._offer(message.group)

    def receive(self, name: str, most: int) -> list[Message]:
        """Receives the next messages of a group, which is then blocked. Spent messages become dead letters."""
        group = self._groups[name]
        received: list[Message] = []
        while group.messages and len(received) < min(most, self._limits.batch):
            message = group.messages[0]
            if message.receives >= self._attempts:
                group.messages.popleft()
                self._forget()
                if self.dead is not None:
                    self.dead.add(Message(message.body, message.group))
                continue
            message.receives += 1
            message.received_at = self._clock.now if message.received_at is None else message.received_at
            received.append(message)
            group.messages.popleft()
        group.is_blocked = bool(received)
        return received

    def settle(self, batch: Sequence[Message], failed: Sequence[Message], visible_in: float | None) -> None:
        """Ends a delivery: deletes all messages of a batch but the failed ones, which become visible again.

        `visible_in` is the time until then; None is the rest of the visibility timeout.
        """
        name = batch[0].group
        group = self._groups[name]
        for _ in range(len(batch) - len(failed)):
            self._forget()
        if failed:
            group.messages.extendleft(reversed(failed))
            self._clock.after(self.visibility if visible_in is None else visible_in, lambda: self._release(name))
        else:
            self._release(name)

    def waiting(self) -> int:
        """Returns the number of messages that wait, those in flight left out."""
        return sum(len(group.messages) for group in self._groups.values())

    def _release(self, name: str) -> None:
        group = self._groups[name]
        group.is_blocked = False
        if group.messages:
            self._offer(name)

    def _offer(self, name: str) -> None:
        number = self._groups[name].messages[0].number
        if number > self._horizon:
            heapq.heappush(self._hidden, (number, name))
        else:
            self.ready(name)

    def _forget(self) -> None:
        """Moves the horizon after a message is gone. Every message beyond it still waits, so it moves by one."""
        self._horizon += 1
        while self._hidden and self._hidden[0][0] <= self._horizon:
            self.ready(heapq.heappop(self._hidden)[1])

    def _group(self, name: str) -> _Group:
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = _Group(calls=Rate(self._limits.group_calls))
        return group


class Standard:
    """A queue without groups. `ready` is called with each message that can be received."""

    def __init__(self, clock: Clock, times: Times, *, visibility: float, attempts: int) -> None:
        self.visibility = visibility
        self.ready: Callable[[Message], None] = lambda _: None
        self.dead: list[Message] = []
        self._clock = clock
        self._times = times
        self._attempts = attempts

    def send(self, message: Message, delay: float = 0.0) -> Process[None]:
        """Sends a message, to be delivered after a delay."""
        yield self._clock.spread(self._times.send)
        self.add(message, delay)

    def add(self, message: Message, delay: float = 0.0) -> None:
        """Adds a message at once."""
        message.sent_at = self._clock.now
        self._clock.after(delay, lambda: self.ready(message))

    def receive(self, message: Message) -> bool:
        """Receives a message. Returns False if it is spent and becomes a dead letter."""
        if message.receives >= self._attempts:
            self.dead.append(message)
            return False
        message.receives += 1
        message.received_at = self._clock.now if message.received_at is None else message.received_at
        return True

    def put_back(self, message: Message, visible_in: float | None) -> None:
        """Makes a failed message visible again. None is after the rest of the visibility timeout."""
        self._clock.after(self.visibility if visible_in is None else visible_in, lambda: self.ready(message))
