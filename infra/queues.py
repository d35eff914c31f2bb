"""The queues between the functions, and how often a message is received before it moves to a dead letter queue.

A failed message becomes visible again after its visibility timeout; until then its message group waits. All failures
count alike: a table that does not respond as much as a window that can never be applied. The first kind is far more
frequent, so all queues keep retrying for a quarter of an hour.
"""

from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

APPLY_TIMEOUT = Duration.seconds(90)
"""Three times what the largest window allowed takes on one core."""

CONSUMER_TIMEOUT = Duration.seconds(30)
"""The timeout of the other functions that read a queue. Ten messages take well under a second; the rest is for retries
inside the function when a table throttles."""

INTAKE_TIMEOUT = Duration.minutes(5)
"""The timeout of intake, which then continues a file in another call. Long, because a gzip file is read from its
beginning again to continue it. No longer, because after a crash a file waits this long before it is continued."""

MARGIN = Duration.seconds(15)
"""The time for Lambda to delete a message after its function's timeout, before the message becomes visible again.

Usual is a visibility timeout of six times the function's, to wait for throttled calls. Here the event source mapping
keeps calls below the account's limit, and a window that is delivered twice is applied once."""

WINDOW_ATTEMPTS = 10
SETTLED_ATTEMPTS = 20
FILES_ATTEMPTS = 4
"""Each amounts to a quarter of an hour from the first attempt to the last. A settled message is never wrong in itself.
A settled message or an intake task in its dead letter queue means an upload that waits for the sweep; a window there
means accepted rows that fail until they are retried."""

SWEEP_INTERVAL = Duration.minutes(15)
"""The time between two sweeps. `tidemark.recovery.resume` depends on it."""

RETENTION = Duration.days(14)
"""SQS's maximum: the time to find the cause of a failure and send the message again."""


class Queues(Construct):
    """The three queues, encrypted and TLS only, each with a dead letter queue.

    Windows and settled messages need their order, so their queues are FIFO. Files are read in parallel. EventBridge
    would also put the events of all dropped files into one message group.
    """

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        self.windows_dead = self._ordered("WindowsDead", CONSUMER_TIMEOUT)
        self.windows = self._ordered("Windows", APPLY_TIMEOUT, dead=self.windows_dead, attempts=WINDOW_ATTEMPTS)
        self.settled_dead = self._ordered("SettledDead", CONSUMER_TIMEOUT)
        self.settled = self._ordered("Settled", CONSUMER_TIMEOUT, dead=self.settled_dead, attempts=SETTLED_ATTEMPTS)
        self.files_dead = self._queue("FilesDead", CONSUMER_TIMEOUT)
        self.files = self._queue("Files", INTAKE_TIMEOUT, dead=self.files_dead, attempts=FILES_ATTEMPTS)
        events.Rule(
            self,
            "Sweep",
            description="Makes Tidemark look for stalled uploads",
            schedule=events.Schedule.rate(SWEEP_INTERVAL),
            targets=[
                targets.SqsQueue(
                    self.files,
                    message=events.RuleTargetInput.from_object({"kind": "sweep", "at": events.EventField.time}),
                    dead_letter_queue=self.files_dead,
                )
            ],
        )

    def _ordered(self, name: str, timeout: Duration, dead: sqs.Queue | None = None, attempts: int = 0) -> sqs.Queue:
        """Creates a FIFO queue; see `_queue`."""
        return self._queue(
            name,
            timeout,
            dead,
            attempts,
            fifo=True,
            # Deduplication and throughput are counted by message group, so that shards do not share one limit.
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
        )

    def _queue(
        self, name: str, timeout: Duration, dead: sqs.Queue | None = None, attempts: int = 0, **options: Any
    ) -> sqs.Queue:
        """Creates a queue for a consumer with a `timeout`. After `attempts` failures a message moves to `dead`."""
        return sqs.Queue(
            self,
            name,
            visibility_timeout=timeout.plus(MARGIN),
            retention_period=RETENTION,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=attempts) if dead else None,
            removal_policy=RemovalPolicy.DESTROY,
            **options,
        )
