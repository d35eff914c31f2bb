"""The queues between the functions, and how often a message is tried before it is set aside.

A message that fails becomes visible again when its visibility timeout is over, and until then its group waits. So the
timeouts are short: a window that cannot be applied holds its shard for `WINDOW_TRIES` times `VISIBLE_AGAIN`, three
minutes, and is then set aside for the dead letter function, which lets the shard go on.
"""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_sqs as sqs
from constructs import Construct

CONSUMER_TIMEOUT = Duration.seconds(30)
"""What a function that reads a queue may take. A window takes well under a second, ten settled messages a few; the rest
is for retries inside the function when a table throttles."""

VISIBLE_AGAIN = Duration.seconds(45)
"""The function's time and 15 s for Lambda to delete the message. The six-fold that is usual waits for throttled calls;
here calls are held below the account's limit by the mapping, and a window that is delivered twice is applied once."""

WINDOW_TRIES = 4
"""Faults that pass are retried inside the function as well, so four deliveries stand for dozens of tries."""

SETTLED_TRIES = 20
"""A settled message is never wrong in itself: if it fails, DynamoDB or EventBridge does. A quarter of an hour of that
is waited out before an operator is called, because a message set aside means an upload that never ends."""

KEPT_ASIDE = Duration.days(14)
"""SQS's most: the time to find the cause and send a message again."""


class Ingest(Construct):
    """The two FIFO queues, encrypted and TLS only, each with a queue for what could not be processed."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        self.windows_dead = self._queue("WindowsDead", retention=KEPT_ASIDE)
        self.windows = self._queue("Windows", dead=self.windows_dead, tries=WINDOW_TRIES)
        self.settled_dead = self._queue("SettledDead", retention=KEPT_ASIDE)
        self.settled = self._queue("Settled", dead=self.settled_dead, tries=SETTLED_TRIES)

    def _queue(
        self, name: str, *, retention: Duration = KEPT_ASIDE, dead: sqs.Queue | None = None, tries: int = 1
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            name,
            fifo=True,
            # Ordering, deduplication and throughput by message group: shards do not share one limit.
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
            visibility_timeout=VISIBLE_AGAIN,
            retention_period=retention,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=tries) if dead else None,
            removal_policy=RemovalPolicy.DESTROY,
        )
