"""The queues between the functions, each with a dead letter queue.

A failed message becomes visible again after its visibility timeout, or earlier if its function says so; until then its
message group waits. SQS counts every receive alike: of a window that can never be applied, of one whose table was busy,
and even of one that Lambda did not deliver because the account had no calls left. The functions can distinguish these,
so they decide when to give a message up, and SQS's own count is only a backstop.
"""

from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

APPLY_TIMEOUT = Duration.seconds(90)
"""Timeout of the apply function: three times as long as the largest allowed window takes on one core."""

CONSUMER_TIMEOUT = Duration.seconds(30)
"""Timeout of the publish and dead_letter functions. Ten messages take well under a second; the rest is for retries
inside the function when a table throttles."""

INTAKE_TIMEOUT = Duration.minutes(5)
"""Timeout of the intake function, which continues an unfinished file in another call. It is long, because continuing a
gzip file means reading the file from its beginning again. It is no longer, because after a crash a file waits this long
until another call continues it."""

MARGIN = Duration.seconds(15)
"""Time by which a queue's visibility timeout exceeds its function's timeout. In this time Lambda deletes the message,
before the message would become visible again.

AWS advises a visibility timeout of six times the function's timeout, so that throttled calls do not use up receives.
Here throttled calls may use up receives, since `MAX_RECEIVES` is only a backstop, and a window that is delivered twice
is applied once."""

MAX_RECEIVES = 1000
"""Receives of a message before SQS moves it to its dead letter queue: SQS's maximum. A function gives a message up much
earlier, if the message failed for reasons of its own. This count catches only what crashes its function every time,
after hours or days."""

SWEEP_INTERVAL = Duration.minutes(15)
"""Time between two sweeps for stalled uploads. `tidemark.recovery.resume` depends on this value."""

RETENTION = Duration.days(14)
"""How long a queue keeps a message: SQS's maximum, as time to find a failure's cause and send the message again."""


class Queues(Construct):
    """The queues for windows, settled messages and files, encrypted and TLS only, each with a dead letter queue.

    Windows and settled messages must keep their order, so their queues are FIFO. The files queue is not: files are read
    in parallel, and EventBridge would put the events of all dropped files into one message group.
    """

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        self.windows_dead = self._ordered("WindowsDead", CONSUMER_TIMEOUT)
        self.windows = self._ordered("Windows", APPLY_TIMEOUT, dead=self.windows_dead)
        self.settled_dead = self._ordered("SettledDead", CONSUMER_TIMEOUT)
        self.settled = self._ordered("Settled", CONSUMER_TIMEOUT, dead=self.settled_dead)
        self.files_dead = self._queue("FilesDead", CONSUMER_TIMEOUT)
        self.files = self._queue("Files", INTAKE_TIMEOUT, dead=self.files_dead)
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

    def _ordered(self, name: str, timeout: Duration, dead: sqs.Queue | None = None) -> sqs.Queue:
        """Creates a FIFO queue. Its arguments are those of `_queue`."""
        return self._queue(
            name,
            timeout,
            dead,
            fifo=True,
            # Deduplication and throughput are counted by message group, so that shards do not share one limit.
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
        )

    def _queue(self, name: str, timeout: Duration, dead: sqs.Queue | None = None, **options: Any) -> sqs.Queue:
        """Creates a queue for a function with a `timeout`. After `MAX_RECEIVES` a message moves to `dead`."""
        return sqs.Queue(
            self,
            name,
            visibility_timeout=timeout.plus(MARGIN),
            retention_period=RETENTION,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=MAX_RECEIVES) if dead else None,
            removal_policy=RemovalPolicy.DESTROY,
            **options,
        )
