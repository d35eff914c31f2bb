"""Applies windows from the queue to their shards, then tells their datasets that they have settled."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor
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
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:  # noqa: ARG001 - Lambda's signature
    """Apply the windows of a batch, each shard's in order; a shard stops at its first failure, the others go on."""
    settled: list[WindowSettled] = []
    processor = SqsFifoPartialProcessor(skip_group_on_error=True)
    processor.raise_on_entire_batch_failure = False
    with processor(event["Records"], handler=lambda record: settled.append(_apply(record))):
        processor.process()
    # A window counts as done only once its dataset knows: if this fails, the batch comes back and finds its markers.
    queues.send_settled(backend, settled)
    return processor.response()


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
