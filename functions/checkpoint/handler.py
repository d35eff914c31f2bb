"""Writes manifests and exports of checkpoints: the steps of the checkpoint workflow."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import TypeAdapter

from functions.workflow_step import taken
from tidemark.aws.backend import Backend
from tidemark.checkpoints.model import CheckpointStep
from tidemark.checkpoints.workflow import take_step
from tidemark.domain.exports import ExportFormat
from tidemark.domain.workflows import FinishStep

logger = Logger()
tracer = Tracer()
metrics = Metrics()
backend = Backend.from_environment()

STEP: TypeAdapter[CheckpointStep] = TypeAdapter(CheckpointStep)
PAGE_MILLISECONDS = 60_000
"""Time that a page, or a part of a file, is given: the largest takes a third of it."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a step: write pages of a shard as long as there is time, finish the whole, or record a failure."""
    step = STEP.validate_python(event)
    work = step.work

    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > PAGE_MILLISECONDS

    answer = taken(
        logger,
        step,
        lambda: take_step(backend, step, has_time),
        dataset=work.uid,
        work=work.name,
        attempt=work.attempt,
    )
    if isinstance(step, FinishStep) and answer["done"]:
        _count(work.format)
    return answer


def _count(form: ExportFormat | None) -> None:
    if form is None:
        metrics.add_metric("CheckpointsWritten", MetricUnit.Count, 1)
    else:
        metrics.add_metric("ExportsWritten", MetricUnit.Count, 1)
    metrics.flush_metrics()
