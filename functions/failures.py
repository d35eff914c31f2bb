"""What becomes of work that failed: how it is logged, and when SQS delivers its message again."""

from collections.abc import Sequence
from typing import NamedTuple

from aws_lambda_powertools import Logger

from tidemark.aws.backend import Backend
from tidemark.aws.deliveries import Delivery, Pace, postpone, set_aside
from tidemark.aws.transient import is_transient


class Policy(NamedTuple):
    """How a function treats the messages of a queue that failed."""

    queue_url: str
    dead_queue_url: str
    pace: Pace
    max_receives: int
    """Number of deliveries from which on a message is set aside that failed for a reason of its own."""


def log_failure(logger: Logger, text: str, error: Exception) -> None:
    """Logs the exception that is being handled: as a warning if it is transient, otherwise as an error."""
    if is_transient(error):
        logger.warning(text, exc_info=error)
    else:
        logger.error(text, exc_info=error)


def redelivered(
    backend: Backend, logger: Logger, policy: Policy, deliveries: Sequence[Delivery], error: Exception
) -> list[Delivery]:
    """Returns the failed messages that SQS is to deliver again. The others are in the dead-letter queue then.

    Messages that failed for a transient reason are postponed, and never set aside. Raises botocore's errors.
    """
    if is_transient(error):
        postpone(backend, policy.queue_url, policy.pace, deliveries)
        return [*deliveries]
    spent = [delivery for delivery in deliveries if delivery.receives >= policy.max_receives]
    for delivery in spent:
        logger.error("message set aside", extra={"message_id": delivery.id})
        set_aside(backend, policy.dead_queue_url, delivery)
    return [delivery for delivery in deliveries if delivery not in spent]
