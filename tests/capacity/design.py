"""Designs of the service: how it was before it met AWS's limits, how it is now, and defects to plant."""

from dataclasses import dataclass, replace
from enum import Enum, auto
from random import Random
from typing import NamedTuple


class Reports(Enum):
    """What apply reports to publish."""

    WINDOWS = auto()
    """Every window."""
    CHUNKS = auto()
    """Every chunk whose windows all have an outcome."""


class Waits(NamedTuple):
    """Waits that grow from failure to failure: each a random time between a share of a bound and the bound."""

    first: float
    """The first bound, in seconds."""
    growth: float
    """Factor by which the bound grows, or shrinks if it is below 1."""
    most: float
    """The largest bound."""
    least_share: float = 0.5
    """The least share of the bound that is waited."""
    least: float = 0.0
    """The smallest bound, for a factor below 1."""

    def seconds(self, failures: int, random: Random) -> float:
        """Returns the wait after so many failures, one or more."""
        bound = max(self.least, min(self.most, self.first * self.growth ** min(failures - 1, 60)))
        return random.uniform(bound * self.least_share, bound)


@dataclass(frozen=True, kw_only=True)
class Design:
    """What distinguishes one design from another, under load."""

    name: str
    rows_per_shard: int | None
    """Rows of a file's chunk for each shard of its dataset; None: `chunk_rows` at any number of shards."""
    chunk_rows: int
    """Most rows of a chunk, if `rows_per_shard` is None."""
    page_rows: int
    """Frames of a page of a clone."""
    reports: Reports
    shared_totals: bool
    """Whether an upload's record is in the transactions of everybody who adds to its totals."""
    postponement: Waits | None
    """How long a message waits after a transient failure; None: its visibility timeout."""
    counts_transient: bool
    """Whether receives that end with a transient failure count towards giving up."""
    publish_postponement: Waits | None
    """The same for messages to publish and tasks of intake."""
    tries: int
    """Most tries at a throttled window in one call."""
    throttle_wait: Waits
    """Waits between the tries at a throttled window."""
    conflict_seconds: float | None
    """How long a write is repeated while it meets conflicts; None: eight times, which takes about a second."""
    pause: tuple[float, float]
    """Least and most seconds for which the reading of a file pauses."""
    file_quota: int
    """Rows in flight at which the reading of files pauses. A fiftieth of it bounds the windows."""
    may_loop: bool
    """Whether intake may send messages to its own queue without end."""
    waits_in_steps: bool
    """Whether a step of a workflow goes on after a transient error."""
    side_by_side: bool
    """Whether publish and intake make independent requests side by side."""
    publish_memory: float

    def rows_of_chunk(self, shards: int) -> int:
        """Returns the most rows of a file's chunk."""
        return self.chunk_rows if self.rows_per_shard is None else self.rows_per_shard * shards


BEFORE = Design(
    name="before",
    rows_per_shard=None,
    chunk_rows=1000,
    page_rows=1000,
    reports=Reports.WINDOWS,
    shared_totals=True,
    postponement=None,
    publish_postponement=None,
    throttle_wait=Waits(0.02, 2, 1, 0),
    counts_transient=True,
    tries=8,
    conflict_seconds=None,
    pause=(30, 30),
    file_quota=250_000,
    may_loop=False,
    waits_in_steps=False,
    side_by_side=False,
    publish_memory=512,
)
"""The release before this simulation existed."""

AFTER = Design(
    name="after",
    rows_per_shard=82,
    chunk_rows=1000,
    page_rows=960,
    reports=Reports.CHUNKS,
    shared_totals=False,
    postponement=Waits(30, 0.7, 30, least=10),
    publish_postponement=Waits(2, 1.5, 20),
    throttle_wait=Waits(1, 5, 5),
    counts_transient=False,
    tries=3,
    conflict_seconds=30,
    pause=(10, 10),
    file_quota=250_000,
    may_loop=True,
    waits_in_steps=True,
    side_by_side=True,
    publish_memory=1024,
)
"""The service as it is."""

RECURSION_FORBIDDEN = replace(AFTER, name="recursion forbidden", may_loop=False)
IMPATIENT = replace(AFTER, name="conflicts repeated for a second", shared_totals=True, conflict_seconds=None)
PUBLISH_BY_WINDOW = replace(AFTER, name="publish by window", reports=Reports.WINDOWS)
