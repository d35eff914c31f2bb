"""The hand-written text of docs/capacity.md."""

HEADER = """\
# Capacity

*`make capacity` writes this page from `tests/capacity/`; edit it there.*

How much Tidemark takes at once, what limits it, and how to raise that. The figures are simulated, not measured on AWS:
a model of the functions' requests runs against a model of AWS with its limits. A test compares the model's requests
and write units with those of the real functions. Service times and limits are in `tests/capacity/limits.py`, each with
its source. The same seed gives the same figures.

Two tables are simulated. A *fresh* one is a new on-demand table: 4,000 write units a second in four partitions, with
the shards spread evenly, and it never grows. A *warm* one has a partition for each shard, as after loads that made
DynamoDB split the table, and its quota is raised. "Before" is the code as it was before these limits were simulated,
"after" is the code as it is."""

COMPARED_NOTE = """\
- *Rows/s*: from the first message until the last upload has settled, end to end.
- *Capacity used*: write units of writes that took effect, as a share of what the shards' partitions give, until 90% of
  the rows are applied. The rest goes to cancelled transactions, and to waiting.
- *Stalls*: calls of `apply` and `publish` after which a message group had to wait.
- *Longest wait*: from the first delivery of a window until it is applied. *Oldest window*: from sending it. The alarm
  WindowsLate (an hour) is about the second.
- *Given up*: windows whose rows failed although nothing was wrong with them.
- *Files dropped*: files whose messages ended in the dead-letter queue. A sweep reads such files on half an hour
  later."""

BINDS = (
    ("a fresh table, the whole deployment", "the table: 4,000 write units a second, 2.1 for each row"),
    ("a dataset of 16 shards, warm table", "its shards' partitions: 1,000 write units a second each; ids only ascend"),
    ("a dataset of 64 shards, warm table", "its shards' partitions"),
    (
        "a dataset of 64 shards, warm table, default quota",
        "40,000 write units a second for the whole table, and the waits of throttled windows",
    ),
    (
        "a clone, warm table",
        "intake, which waits for the workflow, then sends the windows: shards apply one window at a time",
    ),
    ("requests of one row, one dataset", "`publish`, which is serial for each dataset"),
    ("an account with 10 executions", "the executions; Lambda refuses calls, whose messages then wait"),
)
"""What binds first, for each size."""

RAISING = """\
## How to raise it

1. *Warm throughput.* A deployment has its table prepared for 16,000 write units a second
   ([operations](operations.md#what-the-table-takes)). Raise `warm_write_units` before a larger load: DynamoDB then has
   the partitions at once. It is charged once. Shards are placed at random, so some partitions get several: see
   "pre-warmed" below.
2. *The table's quota.* Ask for more than 40,000 write units a second (Service Quotas, DynamoDB, "Table-level write
   throughput limit") if several datasets load at once, or one of more than 40 shards.
3. *Lambda's quota.* `aws lambda get-account-settings` shows the executions at once. Ask for 1,000. Until then, deploy
   with the context value `concurrency`: Lambda then refuses hardly any call.
4. *Shards.* More shards make a dataset faster, up to what the table gives. On a fresh table they change nothing."""

PLANTED_NOTE = """\
Each line is the design "after" with one defect, which the simulation must show. If Lambda drops looping invocations,
the files stand still until the sweep reads them on; the alarm on `RecursiveInvocationsDropped` reports it. If conflicts
are repeated for only a second, pages of the clone fail; its workflow then waits and goes on."""

OTHERWISE_NOTE = """\
All of them with the design "after" and 20 files x 200,000 rows, 64 shards unless stated. With 300 s of unused capacity,
or with partitions that split, the share can exceed 100%, since it is of the table's first capacity."""

DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide"
LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg"
SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide"

ASSUMPTIONS = (
    (
        "A partition takes 1,000 write and 3,000 read units a second",
        f"[DynamoDB: warm throughput]({DYNAMODB}/warm-throughput-scenarios.html); sure",
        "load a dataset of one shard: `ConsumedWriteCapacityUnits` a second",
    ),
    (
        "A new on-demand table has four partitions, and a pre-warmed one as many as its thousands of write units",
        f"4,000 units: [warm throughput]({DYNAMODB}/warm-throughput.html); the partitions follow from it; fairly sure",
        "the first large load: rows/s",
    ),
    (
        "A throttled transaction consumes half of what was left, at most half of its units",
        f"preparing takes half: [transactions]({DYNAMODB}/transaction-apis.html); the share is a guess",
        "throttle one shard: consumed units minus those of applied windows",
    ),
    (
        "A partition keeps one second of unused capacity",
        f"up to 300 s, not promised: [burst capacity]({DYNAMODB}/burst-adaptive-capacity.html); a cautious guess",
        "apply the largest window, 6,400 units, to an idle shard",
    ),
    (
        "Hot partitions of a fresh table are never split",
        "DynamoDB splits them, after a time that it does not document; the cautious extreme",
        "load for an hour: rows/s by the minute",
    ),
    (
        "A shard's item collection cannot be split usefully",
        f"keys ascend: [partition keys]({DYNAMODB}/bp-partition-key-design.html); fairly sure for commits",
        "load a dataset of one shard for an hour",
    ),
    (
        "A transaction holds its items for 12 ms and 0.2 ms more for each item; whatever meets it fails",
        f"the conflict: [transactions]({DYNAMODB}/transaction-apis.html); the times are guesses",
        "`SuccessfulRequestLatency` of TransactWriteItems; `TransactionConflict`",
    ),
    (
        "An index lags at most five seconds before it throttles writes to the table",
        f"the back-pressure: [index throttling]({DYNAMODB}/gsi-throttling.html); the time is a guess",
        "`WriteThrottleEvents` of the indexes",
    ),
    (
        "From the end of a call until the same message group's next one takes 40 ms",
        "reports of users; a guess",
        "X-Ray: the gaps between calls for one shard under load",
    ),
    (
        "A message group takes 300 calls a second of each kind",
        f"[FIFO quotas]({SQS}/quotas-messages.html); fairly sure",
        "errors of SendMessageBatch in the log of `apply`",
    ),
    (
        "SQS looks for groups among the first 120,000 messages",
        f"[FIFO quotas]({SQS}/quotas-fifo.html) say so of messages in flight; fairly sure",
        "fill the queue with one dataset, then load another",
    ),
    (
        "A call that Lambda refuses waits for the rest of the visibility timeout",
        f"[SQS and Lambda]({LAMBDA}/services-sqs-configure.html); Lambda may retry earlier; the cautious extreme",
        "an account with 10 executions: the age of the oldest message",
    ),
    (
        "Lambda stops a function after 16 invocations in one chain, unless it may loop",
        f"[recursive loops]({LAMBDA}/invocation-recursion.html); sure",
        "`RecursiveInvocationsDropped` stays 0 in a load of an hour",
    ),
    (
        "Step Functions retries a step anew after each success",
        "the retrier counts for one state at a time; sure",
        "the history of a clone's execution",
    ),
    (
        "A function has CPU in proportion to its memory, and one core at 1,769 MB",
        f"[memory]({LAMBDA}/configuration-memory.html); sure",
        "the duration of `publish` at two sizes",
    ),
)
"""What the simulation assumes of AWS: the assumption, its source with how sure it is, and how to check it."""
