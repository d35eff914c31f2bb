"""Applies windows from the windows queue to their shards, and reports their outcomes to publish."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

import functions.runtime  # noqa: F401 - logs the runtime's versions
from functions.failures import Policy, log_failure, redelivered
from tidemark.aws.backend import PATIENCE_SECONDS, Backend
from tidemark.aws.deliveries import WINDOWS_PACE, Delivery, postpone
from tidemark.aws.transient import is_transient
from tidemark.domain.windows import FencingToken, Window, WindowSettled
from tidemark.recovery import delivered

logger = Logger()
tracer = Tracer()
metrics = Metrics()
MAX_UNREADABLE_RECEIVES = 10
"""Number of deliveries from which on a message that is no window is set aside, so that its shard goes on: after a
quarter of an hour, since SQS delivers a failed message every 105 seconds. During a deployment, such a message may be a
window of the newer release."""

MAX_ATTEMPTS = 3
"""Most attempts of the AWS clients at a request. If AWS hangs, two requests in a row still fail within the function's
timeout: the second clears the window's count of attempts, so that a hanging AWS never gives a window up."""

backend = Backend.from_environment(patience=PATIENCE_SECONDS, attempts=MAX_ATTEMPTS)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Applies the windows in a batch of messages, in order within each shard. Returns the messages to redeliver.

    After a failure, the remaining windows of the same shard are not applied; windows of other shards are.
    """
    processor = SqsFifoPartialProcessor(skip_group_on_error=True)
    processor.raise_on_entire_batch_failure = False
    return process_partial_response(event, _apply, processor, context)


def _apply(record: SQSRecord) -> None:
    delivery = Delivery.of_record(record)
    policy = Policy(backend.windows_queue_url, backend.windows_dead_queue_url, WINDOWS_PACE, MAX_UNREADABLE_RECEIVES)
    try:
        window = Window.model_validate_json(record.body)
    except ValidationError as error:
        logger.exception("message not understood", extra={"message_id": delivery.id})
        if redelivered(backend, logger, policy, [delivery], error):
            raise
        return
    attributes = record["attributes"]
    token = FencingToken(int(attributes["SequenceNumber"]), int(attributes["SentTimestamp"]))
    with logger.append_context_keys(upload=window.upload, window=window.id, dataset=window.dataset):
        try:
            settled = delivered.settle(backend, window, token, receives=delivery.receives)
        except Exception as error:
            log_failure(logger, "window not applied", error)
            # A window counts its own attempts, so its message is never set aside.
            if is_transient(error):
                postpone(backend, policy.queue_url, policy.pace, [delivery])
            raise
        _record(settled)


def _record(settled: WindowSettled) -> None:
    """Logs and counts the outcome of a window."""
    counts = settled.model_dump(include={"applied", "dropped", "failed"})
    if settled.given_up:
        logger.error("window given up", extra=counts)
        metrics.add_metric("WindowsGivenUp", MetricUnit.Count, 1)
    else:
        logger.info("window settled", extra=counts)
    metrics.add_metric("RowsApplied", MetricUnit.Count, settled.applied)
    metrics.add_metric("RowsDropped", MetricUnit.Count, settled.dropped)
    metrics.add_metric("RowsFailed", MetricUnit.Count, settled.failed)
    # Not by Powertools' decorator, which warns of each call without metrics, such as a throttled one.
    metrics.flush_metrics()
