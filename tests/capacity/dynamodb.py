"""DynamoDB under load: partitions, throttling, transactions that conflict, indexes that press back, and splits."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tests.capacity.clock import Clock, Process
from tests.capacity.limits import TableLimits, Times
from tests.capacity.rates import Rate

SPLIT_CHECK_SECONDS = 30
"""How often the table looks for partitions to split."""


class Throttled(Exception):
    """Raised when a partition, an index or the table takes no more at the moment."""


class Conflict(Exception):
    """Raised when another transaction, or a write, is in progress on an item."""


@dataclass(eq=False)
class Partition:
    """A partition: its capacity, and the item collections in it."""

    writes: Rate
    reads: Rate
    collections: set[str] = field(default_factory=set)
    written: float = 0
    """Write units of the writes that took effect."""
    refused: int = 0
    """Requests refused since the last look for splits."""
    hot_since: float | None = None


class Table:
    """A table and its indexes."""

    def __init__(self, clock: Clock, limits: TableLimits, times: Times) -> None:
        self.wasted = 0.0
        """Write units that cancelled transactions have consumed."""
        self.partitions: list[Partition] = []
        self._clock = clock
        self._limits = limits
        self._times = times
        self._places: dict[str, Partition] = {}
        self._indexes: dict[str, Rate] = {}
        self._table = Rate(limits.table_write_units)
        self._transacting: set[str] = set()
        self._writing: Counter[str] = Counter()
        if limits.partitions is not None:
            self.partitions = [self._new_partition() for _ in range(limits.partitions)]
        if limits.split_after is not None:
            clock.after(SPLIT_CHECK_SECONDS, self._split)

    def partition(self, collection: str) -> Partition:
        """Returns the partition of an item collection, which is placed on first use."""
        place = self._places.get(collection)
        if place is None:
            place = self._places[collection] = self._placed()
            place.collections.add(collection)
        return place

    def read(self, collection: str, units: float, items: int = 1) -> Process[None]:
        """Reads items. Raises Throttled."""
        reads = self.partition(collection).reads
        if not reads.admits(self._clock.now, units):
            yield from self._refuse(collection)
        reads.take(self._clock.now, units)
        yield self._clock.spread(self._times.read + items * self._times.query_item)

    def write(
        self, collection: str, units: float, item: str = "", indexes: Mapping[str, float] | None = None
    ) -> Process[None]:
        """Makes one write outside of a transaction. Raises Throttled and Conflict."""
        if item in self._transacting:
            yield from self._conflict()
        if not self._admits({collection: units}, indexes or {}):
            yield from self._refuse(collection)
        self._take(collection, units, indexes or {})
        self.partition(collection).written += units
        if item:
            self._writing[item] += 1
        yield self._clock.spread(self._times.write)
        if item:
            self._writing[item] -= 1

    def transact(
        self,
        units: Mapping[str, float],
        count: int,
        items: Collection[str] = (),
        indexes: Mapping[str, float] | None = None,
    ) -> Process[None]:
        """Makes a transaction of `count` writes, with its units by collection. Raises Throttled and Conflict.

        `items` are those that others may write at the same time.
        """
        if any(item in self._transacting or self._writing[item] for item in items):
            self._cancel(units)
            yield from self._conflict()
        if not self._admits({name: amount / 2 for name, amount in units.items()}, indexes or {}):
            self._cancel(units)
            yield from self._refuse(*units)
        for name, amount in units.items():
            self._take(name, amount, {})
            self.partition(name).written += amount
        for name, amount in (indexes or {}).items():
            self._index(name).take(self._clock.now, amount)
        self._transacting.update(items)
        yield self._clock.spread(self._times.transaction + count * self._times.transaction_item)
        self._transacting.difference_update(items)

    def _admits(self, units: Mapping[str, float], indexes: Mapping[str, float]) -> bool:
        now = self._clock.now
        return (
            all(self.partition(name).writes.admits(now, amount) for name, amount in units.items())
            and all(self._index(name).left(now) > -self._backlog for name in indexes)
            and self._table.admits(now, sum(units.values()))
        )

    @property
    def _backlog(self) -> float:
        return self._limits.index_backlog_seconds * self._limits.index_write_units

    def _take(self, collection: str, units: float, indexes: Mapping[str, float]) -> None:
        now = self._clock.now
        self.partition(collection).writes.take(now, units)
        self._table.take(now, units)
        for name, amount in indexes.items():
            self._index(name).take(now, amount)

    def _cancel(self, units: Mapping[str, float]) -> None:
        """Takes what a cancelled transaction has consumed before it was refused."""
        for name, amount in units.items():
            left = max(0.0, self.partition(name).writes.left(self._clock.now))
            wasted = self._limits.cancelled_share * min(left, amount / 2)
            self._take(name, wasted, {})
            self.wasted += wasted

    def _refuse(self, *collections: str) -> Process[None]:
        for name in collections:
            self.partition(name).refused += 1
        yield self._clock.spread(self._times.refused)
        raise Throttled

    def _conflict(self) -> Process[None]:
        yield self._clock.spread(self._times.refused)
        raise Conflict

    def _index(self, name: str) -> Rate:
        if name not in self._indexes:
            self._indexes[name] = Rate(self._limits.index_write_units, self._limits.burst_seconds)
        return self._indexes[name]

    def _placed(self) -> Partition:
        if self._limits.partitions is None:
            partition = self._new_partition()
            self.partitions.append(partition)
            return partition
        if self._limits.even:
            return min(self.partitions, key=lambda partition: len(partition.collections))
        return self._clock.random.choice(self.partitions)

    def _new_partition(self) -> Partition:
        limits = self._limits
        return Partition(Rate(limits.write_units, limits.burst_seconds), Rate(limits.read_units, limits.burst_seconds))

    def _split(self) -> None:
        """Splits the partitions that have been throttled for long enough. A new half starts empty."""
        assert self._limits.split_after is not None
        now = self._clock.now
        for partition in list(self.partitions):
            if not partition.refused:
                partition.hot_since = None
            elif partition.hot_since is None:
                partition.hot_since = now
            elif now - partition.hot_since >= self._limits.split_after:
                self._halve(partition)
            partition.refused = 0
        self._clock.after(SPLIT_CHECK_SECONDS, self._split)

    def _halve(self, partition: Partition) -> None:
        names = sorted(partition.collections)
        if len(names) == 1 and not self._limits.splits_collections:
            return
        partition.hot_since = None
        if len(names) == 1:  # its keys are spread over both halves, which share its load evenly
            partition.writes.per_second *= 2
            partition.writes.depth *= 2
            return
        half = self._new_partition()
        half.collections = set(names[::2])
        partition.collections -= half.collections
        self._places.update(dict.fromkeys(half.collections, half))
        self.partitions.append(half)
