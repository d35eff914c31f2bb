"""The service under load: its queues, functions and mappings, around a simulated table and bucket."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tests.capacity.bucket import Bucket
from tests.capacity.clock import Clock, Process
from tests.capacity.design import Design, Waits
from tests.capacity.dynamodb import Conflict, Partition, Table, Throttled
from tests.capacity.functions import Account, Function
from tests.capacity.ledger import Ledger
from tests.capacity.limits import Limits
from tests.capacity.queues import Fifo, Message, SendThrottled, Standard

SDK_ATTEMPTS = 5
"""Attempts of the SDK at a request, as `tidemark.aws.backend` sets them. Transactions that are cancelled get one."""
TABLE_WAITS = Waits(first=0.02, growth=2, most=1, least_share=0)
"""The waits between tries, as `tidemark.aws.retrying` sets them."""


class Calls(NamedTuple):
    """Most calls at once of each mapping, as `infra` sets them."""

    apply: int = 100
    publish: int = 20
    intake: int = 20


MANY_CALLS = Calls()
FEW_CALLS = Calls(2, 2, 2)
"""The calls that `concurrency=10` allows."""


@dataclass(eq=False)
class Dataset:
    """A dataset and what it has in flight."""

    uid: str
    shards: int
    rows_in_flight: int = 0
    windows_in_flight: int = 0

    @property
    def records(self) -> str:
        """The item collection of the dataset's records."""
        return f"D#{self.uid}"

    def log(self, shard: int) -> str:
        """Returns the item collection of a shard, which is also its message group."""
        return f"{self.uid}#{shard}"


@dataclass(eq=False)
class Upload:
    """An upload: what of it is sent and decided."""

    dataset: Dataset
    number: int
    chunks: int = 0
    chunks_settled: int = 0
    is_read: bool = False
    accepted_at: float = 0.0
    settled_at: float | None = None

    @property
    def record(self) -> str:
        """The item of the upload's record."""
        return f"U#{self.number}"

    @property
    def is_complete(self) -> bool:
        """Whether everything is read and decided."""
        return self.is_read and self.chunks == self.chunks_settled and self.settled_at is None


@dataclass(eq=False)
class Chunk:
    """A chunk: its windows' rows, and which windows have an outcome."""

    upload: Upload
    rows: int
    windows: int
    is_whole_upload: bool = False
    """Whether the chunk is a request, whose record is the upload's own."""
    decided: int = 0
    """Windows with an outcome."""
    recorded: int = 0
    """Windows whose outcome publish has recorded."""


@dataclass(eq=False)
class Window:
    """A window of a chunk."""

    chunk: Chunk
    shard: int
    rows: int
    is_applied: bool = False
    is_recorded: bool = False
    """Whether publish has recorded its outcome."""


class Service:
    """A deployment: `clock` runs it, `ledger` has its figures."""

    def __init__(self, design: Design, limits: Limits, seed: int) -> None:
        self.design = design
        self.limits = limits
        self.clock = Clock(seed)
        self.ledger = Ledger()
        self.table = Table(self.clock, limits.table, limits.times)
        self.bucket = Bucket(self.clock, limits.bucket, limits.times)
        self.account = Account(self.clock, limits.functions, limits.times)
        attempts = (10, 20, 4) if design.counts_transient else (1000, 1000, 1000)
        self.windows_dead = self._fifo(45, 1000, None)
        self.windows = self._fifo(105, attempts[0], self.windows_dead)
        self.settled_dead = self._fifo(45, 1000, None)
        self.settled = self._fifo(45, attempts[1], self.settled_dead)
        self.files = Standard(self.clock, limits.times, visibility=315, attempts=attempts[2])
        self.uploads: list[Upload] = []

    def _fifo(self, visibility: float, attempts: int, dead: Fifo | None) -> Fifo:
        return Fifo(
            self.clock, self.limits.queues, self.limits.times, visibility=visibility, attempts=attempts, dead=dead
        )

    def function(self, name: str, memory: float) -> Function:
        """Returns a function of the deployment."""
        return Function(self.account, name, memory)

    def log_partitions(self) -> list[Partition]:
        """Returns the partitions that hold shards' logs."""
        records = {upload.dataset.records for upload in self.uploads}
        return [partition for partition in self.table.partitions if partition.collections - records]

    def busy(self, seconds: float) -> float:
        """Returns a random time that a function computes."""
        return self.clock.spread(seconds)

    def sdk(self, request: Callable[[], Process[None]]) -> Process[None]:
        """Makes a request as the SDK does, which repeats what is throttled. Raises Throttled and Conflict."""
        for attempt in range(SDK_ATTEMPTS):
            try:
                yield from request()
            except (Throttled, SendThrottled):
                if attempt == SDK_ATTEMPTS - 1:
                    raise Throttled from None
                yield self.clock.random.random() * min(20.0, 2.0**attempt)
            else:
                return

    def patiently(
        self,
        request: Callable[[], Process[None]],
        throttle_tries: int = 8,
        throttle_wait: Waits = TABLE_WAITS,
    ) -> Process[None]:
        """Makes a write as `tidemark.aws.table` does, which repeats it after throttling and conflicts.

        Raises Throttled and Conflict.
        """
        design, began, tries, throttled = self.design, self.clock.now, 0, 0
        while True:
            tries += 1
            waits = TABLE_WAITS
            try:
                yield from request()
            except Throttled:
                throttled += 1
                waits = throttle_wait
                if throttled >= throttle_tries:
                    raise
            except Conflict:
                is_spent = tries >= 8
                if design.conflict_seconds is not None:
                    is_spent = self.clock.now - began >= design.conflict_seconds
                if is_spent:
                    raise
            else:
                return
            yield waits.seconds(throttled if waits is throttle_wait else tries, self.clock.random)

    def send(self, queue: Fifo, messages: Sequence[Message]) -> Process[None]:
        """Sends messages to a FIFO queue, up to ten a call; messages of one group go one call after another."""
        rounds: list[list[Message]] = []
        sent: Counter[str] = Counter()
        for message in messages:
            number = sent[message.group]
            sent[message.group] += 1
            if number == len(rounds):
                rounds.append([])
            rounds[number].append(message)
        size = self.limits.queues.batch
        for messages_of_round in rounds:
            starts = range(0, len(messages_of_round), size)
            yield from self.all(self._send_batch(queue, messages_of_round[start : start + size]) for start in starts)

    def all(self, processes: Iterable[Process[None]]) -> Process[None]:
        """Runs independent requests side by side, or one after another in the earlier design."""
        if self.design.side_by_side:
            yield from self.clock.together(processes)
            return
        for process in processes:
            yield from process

    def _send_batch(self, queue: Fifo, batch: list[Message]) -> Process[None]:
        yield from self.sdk(lambda: queue.send(batch))

    def postponed(self, postponement: Waits | None, receives: int) -> float | None:
        """Returns when a message that failed transiently becomes visible again, in whole seconds.

        None is its queue's timeout.
        """
        if postponement is None:
            return None
        return float(max(1, round(postponement.seconds(receives, self.clock.random))))
