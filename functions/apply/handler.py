"""Applies windows from the windows queue to their shards, then sends a message for each settled window."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidemark.aws import queues
from tidemark.aws.backend import Backend
from tidemark.domain.windows import FencingToken, Window, WindowSettled
from tidemark.shards.apply import apply_window

logger = Logger()
tracer = Tracer()
metrics = Metrics()
backend = Backend.from_environment()


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Applies the windows in a batch of messages, in order within each shard. Returns the messages to redeliver.

    After a failure, the remaining windows of the same shard are not applied; windows of other shards are.
    """
    settled: list[WindowSettled] = []
    processor = SqsFifoPartialProcessor(skip_group_on_error=True)
    processor.raise_on_entire_batch_failure = False
    response = process_partial_response(event, lambda record: settled.append(_apply(record)), processor, context)
    # A window is done only when its settled message is sent. If sending fails, the batch is redelivered, and the
    # windows' markers keep the windows from being applied twice.
    queues.send_settled(backend, settled)
    return response


def _apply(record: SQSRecord) -> WindowSettled:
    window = Window.model_validate_json(record.body)
    attributes = record["attributes"]
    token = FencingToken(int(attributes["SequenceNumber"]), int(attributes["SentTimestamp"]))
    with logger.append_context_keys(upload=window.upload, window=window.id, dataset=window.dataset):
        try:
            settled = apply_window(backend, window, token)
        except Exception:
            logger.exception("window not applied")
            raise
        logger.info("window settled", extra=settled.model_dump(include={"applied", "dropped", "failed"}))
    metrics.add_metric("RowsApplied", MetricUnit.Count, settled.applied)
    metrics.add_metric("RowsDropped", MetricUnit.Count, settled.dropped)
    metrics.add_metric("RowsFailed", MetricUnit.Count, settled.failed)
    return settled
