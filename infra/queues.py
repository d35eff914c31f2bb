"""The queues between the functions, and how often a message is tried before it is set aside.

A message that fails becomes visible again when its visibility timeout is over, and until then its group waits. All
failures count alike, a table that does not answer as well as a window that can never be applied. The first kind is far
more frequent, so all queues wait out a quarter of an hour before they set a message aside.
"""

from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

APPLY_TIMEOUT = Duration.seconds(90)
"""Three times what the largest window that is allowed takes on one core."""

CONSUMER_TIMEOUT = Duration.seconds(30)
"""What the other functions that read a queue may take. Ten messages take well under a second; the rest is for retries
inside the function when a table throttles."""

INTAKE_TIMEOUT = Duration.minutes(5)
"""A stretch of a file: what is not read by then is asked for again. Long, because to go on with a gzip file it is read
from its beginning; no longer, because a file whose reading dies waits for as long before it is read further."""

MARGIN = Duration.seconds(15)
"""For Lambda to delete a message after its function's time, before it is visible again. A visibility timeout of six
times the function's, which is usual, waits for throttled calls; here calls are held below the account's limit by the
mapping, and a window that is delivered twice is applied once."""

WINDOW_TRIES = 10
SETTLED_TRIES = 20
FILES_TRIES = 4
"""Each makes a quarter of an hour from the first try to the last. A settled message is never wrong in itself, and one
that is set aside means an upload that waits for the sweep, as does an order to read a file; a window that is set aside
means accepted rows that fail until they are retried."""

SWEPT_EVERY = Duration.minutes(15)
"""From one sweep to the next. `tidemark.recovery.resume` counts on it."""

KEPT = Duration.days(14)
"""SQS's most: the time to find the cause and send a message again."""


class Ingest(Construct):
    """The three queues, encrypted and TLS only, each with a queue for what could not be processed.

    Windows and what settled are in order, so these queues are FIFO. Files are read side by side; and EventBridge, which
    tells of those in the drop folder, would have them all in one group.
    """

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        self.windows_dead = self._ordered("WindowsDead", CONSUMER_TIMEOUT)
        self.windows = self._ordered("Windows", APPLY_TIMEOUT, dead=self.windows_dead, tries=WINDOW_TRIES)
        self.settled_dead = self._ordered("SettledDead", CONSUMER_TIMEOUT)
        self.settled = self._ordered("Settled", CONSUMER_TIMEOUT, dead=self.settled_dead, tries=SETTLED_TRIES)
        self.files_dead = self._queue("FilesDead", CONSUMER_TIMEOUT)
        self.files = self._queue("Files", INTAKE_TIMEOUT, dead=self.files_dead, tries=FILES_TRIES)
        events.Rule(
            self,
            "Sweep",
            description="Has Tidemark look for uploads that were left lying",
            schedule=events.Schedule.rate(SWEPT_EVERY),
            targets=[
                targets.SqsQueue(
                    self.files,
                    message=events.RuleTargetInput.from_object({"kind": "sweep", "at": events.EventField.time}),
                    dead_letter_queue=self.files_dead,
                )
            ],
        )

    def _ordered(self, name: str, timeout: Duration, dead: sqs.Queue | None = None, tries: int = 0) -> sqs.Queue:
        """A FIFO queue; see `_queue`."""
        return self._queue(
            name,
            timeout,
            dead,
            tries,
            fifo=True,
            # Ordering, deduplication and throughput by message group: shards do not share one limit.
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
        )

    def _queue(
        self, name: str, timeout: Duration, dead: sqs.Queue | None = None, tries: int = 0, **options: Any
    ) -> sqs.Queue:
        """A queue whose consumer ends after `timeout`. What failed `tries` times goes to the queue `dead`."""
        return sqs.Queue(
            self,
            name,
            visibility_timeout=timeout.plus(MARGIN),
            retention_period=KEPT,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=tries) if dead else None,
            removal_policy=RemovalPolicy.DESTROY,
            **options,
        )
