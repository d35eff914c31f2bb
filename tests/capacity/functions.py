"""Lambda under load: the account's concurrency, cold starts, CPU by memory, mappings from queues, and recursion."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.capacity.clock import Clock, Process
from tests.capacity.limits import FunctionLimits, Times
from tests.capacity.queues import Fifo, Message, Standard


@dataclass(frozen=True)
class Failed:
    """The messages that a call could not handle, and when they become visible again; None is the queue's timeout."""

    messages: Sequence[Message] = ()
    visible_in: float | None = None


DONE = Failed()


class Account:
    """The account's executions at once."""

    def __init__(self, clock: Clock, limits: FunctionLimits, times: Times) -> None:
        self.clock = clock
        self.limits = limits
        self.times = times
        self.running = 0
        self.full_seconds = 0.0
        """How long all executions were in use."""
        self._full_since = 0.0

    def enter(self) -> bool:
        """Begins an execution. Returns False if there are too many."""
        if self.running >= self.limits.concurrency:
            return False
        self.running += 1
        if self.running == self.limits.concurrency:
            self._full_since = self.clock.now
        return True

    def leave(self) -> None:
        """Ends an execution."""
        if self.running == self.limits.concurrency:
            self.full_seconds += self.clock.now - self._full_since
        self.running -= 1


class Function:
    """A function: its memory and its environments, which stay warm."""

    def __init__(self, account: Account, name: str, memory: float) -> None:
        self.account = account
        self.name = name
        self.dropped = 0
        """Invocations dropped for recursion."""
        self.busy_seconds = 0.0
        self._share = min(1.0, memory / account.limits.core_memory)
        self._environments = 0
        self._running = 0

    def cpu(self, seconds: float) -> float:
        """Returns how long work takes that needs `seconds` of a core."""
        return seconds / self._share

    def run(self, work: Process[None]) -> Process[None]:
        """Runs work in an environment. The caller has entered the account."""
        began = self.account.clock.now
        self._running += 1
        if self._running > self._environments:
            self._environments += 1
            yield self.account.clock.spread(self.account.times.cold_start)
        yield from work
        self._running -= 1
        self.account.leave()
        self.busy_seconds += self.account.clock.now - began


class Work(Protocol):
    """Handles a batch. Returns what failed."""

    def __call__(self, batch: list[Message]) -> Process[Failed]: ...


class FifoMapping:
    """Invokes a function with the messages of a FIFO queue: one call for each group at a time."""

    def __init__(
        self, function: Function, queue: Fifo, work: Work, *, batch: int, concurrency: int, recursive: bool = False
    ) -> None:
        self.stalls = 0
        """Calls after which a group had to wait."""
        self.group_seconds: dict[str, float] = defaultdict(float)
        """How long calls for each group took, with the time to deliver them."""
        self._function = function
        self._queue = queue
        self._work = work
        self._batch = batch
        self._free = concurrency
        self._recursive = recursive
        self._ready: deque[str] = deque()
        queue.ready = self._offer

    def _offer(self, group: str) -> None:
        self._ready.append(group)
        self._next()

    def _next(self) -> None:
        while self._free and self._ready:
            self._free -= 1
            group = self._ready.popleft()
            self._function.account.clock.start(self._deliver(group))

    def _deliver(self, group: str) -> Process[None]:
        account = self._function.account
        clock = account.clock
        began = clock.now
        yield clock.spread(account.times.poll)
        batch = self._queue.receive(group, self._batch)
        failed = Failed(batch)  # an invocation that is throttled or dropped
        if batch and not is_dropped(self._function, batch, self._recursive) and account.enter():
            outcome: list[Failed] = []
            yield from self._function.run(_recorded(self._work(batch), outcome))
            failed = outcome[0]
        if failed.messages:
            self.stalls += 1
        self.group_seconds[group] += clock.now - began
        if batch:
            self._queue.settle(batch, failed.messages, failed.visible_in)
        self._free += 1
        self._next()


class Mapping:
    """Invokes a function with the messages of a queue without groups, one message a call."""

    def __init__(
        self, function: Function, queue: Standard, work: Work, *, concurrency: int, recursive: bool = False
    ) -> None:
        self._function = function
        self._queue = queue
        self._work = work
        self._free = concurrency
        self._recursive = recursive
        self._ready: deque[Message] = deque()
        queue.ready = self._offer

    def _offer(self, message: Message) -> None:
        self._ready.append(message)
        self._next()

    def _next(self) -> None:
        while self._free and self._ready:
            message = self._ready.popleft()
            if self._queue.receive(message):
                self._free -= 1
                self._function.account.clock.start(self._deliver(message))

    def _deliver(self, message: Message) -> Process[None]:
        account = self._function.account
        yield account.clock.spread(account.times.poll)
        failed = Failed([message])
        if not is_dropped(self._function, [message], self._recursive) and account.enter():
            outcome: list[Failed] = []
            yield from self._function.run(_recorded(self._work([message]), outcome))
            failed = outcome[0]
        if failed.messages:
            self._queue.put_back(message, failed.visible_in)
        self._free += 1
        self._next()


def is_dropped(function: Function, batch: Sequence[Message], recursive: bool) -> bool:
    """Returns whether Lambda drops an invocation, because the function may not loop and a message has made it loop."""
    hops = max(message.lineage.get(function.name, 0) for message in batch)
    if recursive or hops < function.account.limits.max_hops:
        return False
    function.dropped += 1
    return True


def after(message: Message, function: str) -> dict[str, int]:
    """Returns the lineage of what a function sends while it handles a message."""
    return {**message.lineage, function: message.lineage.get(function, 0) + 1}


def _recorded(work: Process[Failed], outcome: list[Failed]) -> Process[None]:
    outcome.append((yield from work))
