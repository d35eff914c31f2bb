"""The queues between the functions, and how often a message is tried before it is set aside.

A message that fails becomes visible again when its visibility timeout is over, and until then its group waits. All
failures count alike, a table that does not answer as well as a window that can never be applied. The first kind is far
more frequent, so both queues wait out a quarter of an hour before they set a message aside.
"""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_sqs as sqs
from constructs import Construct

APPLY_TIMEOUT = Duration.seconds(90)
"""Three times what the largest window that is allowed takes on one core."""

CONSUMER_TIMEOUT = Duration.seconds(30)
"""What the other functions that read a queue may take. Ten messages take well under a second; the rest is for retries
inside the function when a table throttles."""

MARGIN = Duration.seconds(15)
"""For Lambda to delete a message after its function's time, before it is visible again. A visibility timeout of six
times the function's, which is usual, waits for throttled calls; here calls are held below the account's limit by the
mapping, and a window that is delivered twice is applied once."""

WINDOW_TRIES = 10
SETTLED_TRIES = 20
"""Each makes a quarter of an hour. A settled message is never wrong in itself, and one that is set aside means an
upload that never ends; a window that is set aside means accepted rows that fail."""

KEPT = Duration.days(14)
"""SQS's most: the time to find the cause and send a message again."""


class Ingest(Construct):
    """The two FIFO queues, encrypted and TLS only, each with a queue for what could not be processed."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        self.windows_dead = self._queue("WindowsDead", CONSUMER_TIMEOUT)
        self.windows = self._queue("Windows", APPLY_TIMEOUT, dead=self.windows_dead, tries=WINDOW_TRIES)
        self.settled_dead = self._queue("SettledDead", CONSUMER_TIMEOUT)
        self.settled = self._queue("Settled", CONSUMER_TIMEOUT, dead=self.settled_dead, tries=SETTLED_TRIES)

    def _queue(self, name: str, timeout: Duration, dead: sqs.Queue | None = None, tries: int = 0) -> sqs.Queue:
        """A queue whose consumer ends after `timeout`. What failed `tries` times goes to the queue `dead`."""
        return sqs.Queue(
            self,
            name,
            fifo=True,
            # Ordering, deduplication and throughput by message group: shards do not share one limit.
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
            visibility_timeout=timeout.plus(MARGIN),
            retention_period=KEPT,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=tries) if dead else None,
            removal_policy=RemovalPolicy.DESTROY,
        )
