"""Gives up windows that the apply function failed to apply in every attempt, so that the windows' uploads settle."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

import functions.runtime  # noqa: F401 - logs the runtime's versions
from tidemark.aws.backend import SHORT_PATIENCE_SECONDS, Backend
from tidemark.domain.windows import Window
from tidemark.recovery.giving_up import give_up
from tidemark.uploads import tallies

logger = Logger()
tracer = Tracer()
metrics = Metrics()
backend = Backend.from_environment(patience=SHORT_PATIENCE_SECONDS)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Gives up the windows in a batch of messages. Returns the messages that failed, which stay in the queue."""
    processor = SqsFifoPartialProcessor(skip_group_on_error=True)
    processor.raise_on_entire_batch_failure = False
    return process_partial_response(event, _give_up, processor, context)


def _give_up(record: SQSRecord) -> None:
    window = Window.model_validate_json(record.body)
    with logger.append_context_keys(upload=window.upload, window=window.id, dataset=window.dataset):
        settled = give_up(backend, window)
        tallies.report(backend, window, settled)
        logger.error("window given up", extra=settled.model_dump(include={"applied", "dropped", "failed"}))
    metrics.add_metric("WindowsGivenUp", MetricUnit.Count, 1)
