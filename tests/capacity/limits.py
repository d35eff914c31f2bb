"""AWS's limits and service times, as the simulation assumes them: every figure with its source.

`ASSUMPTIONS` in `text.py` lists the ones that AWS does not document, and how to check them.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class TableLimits:
    """DynamoDB's limits. Sources: the developer guide's pages `bp-partition-key-design`, `burst-adaptive-capacity`,
    `warm-throughput`, `on-demand-capacity-mode`, `ServiceQuotas`, `transaction-apis` and `gsi-throttling`."""

    partitions: int | None = 4
    """Partitions among which the table's item collections are spread. A new on-demand table takes 4,000 write units a
    second (`warm-throughput`), which are four partitions. None: each collection has a partition of its own, as in a
    table that earlier loads have split."""
    even: bool = True
    """Whether each partition has as many collections as any other, or they are placed at random, as hashes do."""
    write_units: float = 1000
    """Write units that a partition takes a second (`bp-partition-key-design`)."""
    read_units: float = 3000
    """Read units that a partition takes a second (`bp-partition-key-design`)."""
    burst_seconds: float = 1
    """Seconds of unused capacity that a partition keeps. DynamoDB keeps up to 300 but does not promise any
    (`burst-adaptive-capacity`), and a partition's maximum holds in a burst too."""
    table_write_units: float = 40_000
    """Write units that a table takes a second by default (`ServiceQuotas`); a quota that can be raised."""
    split_after: float | None = None
    """Seconds of throttling after which a partition is split between its collections; None: never. DynamoDB splits hot
    partitions but does not document how soon."""
    splits_collections: bool = False
    """Whether a split may also divide an item collection. DynamoDB cannot do that usefully where keys only ascend, as
    the commits of a shard and most frame ids do."""
    cancelled_share: float = 0.5
    """Share of the units that a throttled transaction has consumed when it is cancelled, at most half of its units.
    Preparing an item takes half of its units (`transaction-apis`), and the items are prepared side by side: when one is
    refused, some of the others are done."""
    index_write_units: float = 1000
    """Write units that one partition of a global secondary index takes a second (`gsi-throttling`)."""
    index_backlog_seconds: float = 5
    """Seconds of writes that an index may lag behind before writes to its table are throttled (`gsi-throttling`
    describes the back-pressure, without a figure)."""


@dataclass(frozen=True, kw_only=True)
class QueueLimits:
    """SQS's limits. Source: the developer guide's pages `quotas-fifo` and `quotas-messages`."""

    batch: int = 10
    """Most messages in a call."""
    group_calls: float = 300
    """Calls a second of each kind for one message group, in high-throughput mode."""
    horizon: int = 120_000
    """Messages from the head of a FIFO queue among which SQS looks for groups, and most messages in flight."""


@dataclass(frozen=True, kw_only=True)
class FunctionLimits:
    """Lambda's limits. Source: the developer guide's pages `gettingstarted-limits`, `services-sqs-scaling`,
    `invocation-recursion` and `configuration-memory`."""

    concurrency: int = 1000
    """Executions of the account at once. New accounts may have 10."""
    max_hops: int = 16
    """Invocations of a function in one chain of events. The next one is dropped, unless the function may loop."""
    core_memory: float = 1769
    """Megabytes of memory with which a function has one core."""


@dataclass(frozen=True, kw_only=True)
class BucketLimits:
    """S3's limits. Source: the user guide's page `optimizing-performance`."""

    puts: float = 3500
    """PUT requests a second for each prefix."""
    gets: float = 5500
    """GET requests a second for each prefix."""
    split_after: float = 600
    """Seconds of refused requests after which S3 has split a prefix, which doubles both. S3 documents that it splits,
    not how soon."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """Mean service times in seconds, as a function sees them. AWS documents "single-digit milliseconds" for DynamoDB
    and nothing for the others; these are figures that users report. `Clock.spread` adds chance."""

    read: float = 0.005
    """GetItem, BatchGetItem and Query of a few items."""
    query_item: float = 0.00003
    """More for each item that a Query returns."""
    write: float = 0.006
    """PutItem and UpdateItem."""
    transaction: float = 0.012
    """TransactWriteItems."""
    transaction_item: float = 0.0002
    """More for each item of a transaction."""
    refused: float = 0.006
    """A request that DynamoDB throttles, or refuses for a conflict."""
    send: float = 0.010
    """SendMessageBatch and ChangeMessageVisibility."""
    put: float = 0.035
    """PutObject of a megabyte."""
    get: float = 0.025
    """GetObject of a range."""
    events: float = 0.015
    """PutEvents."""
    poll: float = 0.040
    """From the end of a call until the same group's next message reaches the function: Lambda deletes the old message,
    receives the next one and invokes the function."""
    cold_start: float = 1.2
    """Starting an environment: the runtime's start and the function's imports."""
    state: float = 0.050
    """A state of Step Functions."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """All limits and service times of a simulation."""

    table: TableLimits = field(default_factory=TableLimits)
    queues: QueueLimits = field(default_factory=QueueLimits)
    functions: FunctionLimits = field(default_factory=FunctionLimits)
    bucket: BucketLimits = field(default_factory=BucketLimits)
    times: Times = field(default_factory=Times)
