"""Applies windows from the windows queue to their shards, and reports their outcomes to publish."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from functions.failures import log_failure
from tidemark.aws.backend import PATIENCE_SECONDS, Backend
from tidemark.aws.deliveries import WINDOWS_PACE, Delivery, postpone, set_aside
from tidemark.aws.transient import is_transient
from tidemark.domain.windows import FencingToken, Window
from tidemark.recovery import delivered

logger = Logger()
tracer = Tracer()
metrics = Metrics()
MAX_UNREADABLE_RECEIVES = 10
"""Number of deliveries from which on a message that is no window is set aside, so that its shard goes on: after a
quarter of
an hour, since SQS delivers a failed message every 105 seconds. During a deployment, such a message may be a window of
the newer release."""

backend = Backend.from_environment(patience=PATIENCE_SECONDS)


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
    try:
        window = Window.model_validate_json(record.body)
    except ValidationError:
        logger.exception("message not understood", extra={"message_id": delivery.id})
        if delivery.receives < MAX_UNREADABLE_RECEIVES:
            raise
        set_aside(backend, backend.windows_dead_queue_url, delivery)
        return
    attributes = record["attributes"]
    token = FencingToken(int(attributes["SequenceNumber"]), int(attributes["SentTimestamp"]))
    with logger.append_context_keys(upload=window.upload, window=window.id, dataset=window.dataset):
        try:
            settled = delivered.settle(backend, window, token, receives=delivery.receives)
        except Exception as error:
            log_failure(logger, "window not applied", error)
            if is_transient(error):
                postpone(backend, backend.windows_queue_url, WINDOWS_PACE, [delivery])
            raise
        log = logger.error if settled.given_up else logger.info
        log(
            "window given up" if settled.given_up else "window settled",
            extra=settled.model_dump(include={"applied", "dropped", "failed"}),
        )
    metrics.add_metric("RowsApplied", MetricUnit.Count, settled.applied)
    metrics.add_metric("RowsDropped", MetricUnit.Count, settled.dropped)
    metrics.add_metric("RowsFailed", MetricUnit.Count, settled.failed)
    if settled.given_up:
        metrics.add_metric("WindowsGivenUp", MetricUnit.Count, 1)
    metrics.flush_metrics()
