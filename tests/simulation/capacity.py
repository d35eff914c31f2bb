"""DynamoDB's capacity by partition: how many request units each partition key may use, and which keys are throttled.

Each partition key of the table, and each of an index, has a bucket of units that refills every second. A request is
admitted while its bucket is not empty, and then takes what it needs, as DynamoDB does: a large request may leave a
debt. Writes of index entries are not counted.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""

from dataclasses import dataclass
from datetime import datetime
from math import inf


@dataclass
class _Bucket:
    units: float
    at: datetime


@dataclass
class _Block:
    """A partition that refuses requests: the next `requests` of them, or all `until` a time."""

    requests: float
    until: datetime | None
    reads: bool
    """Whether it refuses reads, rather than writes."""

    def refuses(self, now: datetime) -> bool:
        if self.until is not None:
            return now < self.until
        self.requests -= 1
        return self.requests >= 0


class Capacity:
    """The request units that each partition key may use. Without limits, as it starts, it throttles nothing.

    A partition is named by its key, such as `S#uid#0`, and one of an index by the index and its key, such as
    `unsettled/u#0`.
    """

    def __init__(self) -> None:
        self.write_units = self.read_units = inf
        """Units per second and partition key."""
        self.burst_seconds = 1.0
        """Seconds of unused units that a partition keeps."""
        self.used = 0.0
        """Units that all requests have used, those of cancelled transactions included."""
        self.refused = 0
        """Number of throttled requests."""
        self._buckets: dict[tuple[str, bool], _Bucket] = {}
        self._blocks: dict[str, _Block] = {}

    @property
    def is_limited(self) -> bool:
        """Whether any request may be throttled."""
        return bool(self._blocks) or min(self.write_units, self.read_units) < inf

    def throttle(
        self, partition: str, *, requests: int = 0, until: datetime | None = None, reads: bool = False
    ) -> None:
        """Throttles the next `requests` writes, or reads, of a partition, or all of them `until` a time."""
        self._blocks[partition] = _Block(requests, until, reads)

    def release(self) -> None:
        """Ends all throttling by name."""
        self._blocks.clear()

    def admits(self, partition: str, now: datetime, *, write: bool) -> bool:
        """Returns whether a partition takes a request now. Counts the request against `throttle`."""
        block = self._blocks.get(partition)
        if block is not None and block.reads != write and block.refuses(now):
            return False
        return self._bucket(partition, now, write=write).units > 0

    def use(self, partition: str, units: float, now: datetime, *, write: bool) -> None:
        """Takes the units of an admitted request."""
        self.used += units
        self._bucket(partition, now, write=write).units -= units

    def _bucket(self, partition: str, now: datetime, *, write: bool) -> _Bucket:
        rate = self.write_units if write else self.read_units
        full = rate * self.burst_seconds
        bucket = self._buckets.setdefault((partition, write), _Bucket(full, now))
        if rate < inf:
            bucket.units = min(full, bucket.units + rate * (now - bucket.at).total_seconds())
        bucket.at = now
        return bucket
