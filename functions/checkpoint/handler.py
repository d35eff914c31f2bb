"""Runs the steps of the checkpoint workflow, which writes manifests and exports of checkpoints."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import TypeAdapter

import functions.runtime  # noqa: F401 - logs the runtime's versions
from functions.workflow_step import run_step
from tidemark.aws.backend import PATIENCE_SECONDS, Backend
from tidemark.checkpoints.model import CheckpointStep
from tidemark.checkpoints.workflow import take_step
from tidemark.domain.exports import ExportFormat
from tidemark.domain.workflows import FinishStep

logger = Logger()
tracer = Tracer()
metrics = Metrics()
backend = Backend.from_environment(patience=PATIENCE_SECONDS)

STEP: TypeAdapter[CheckpointStep] = TypeAdapter(CheckpointStep)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Runs one step. Returns whether the step's shard, or the whole manifest or export, is written."""
    step = STEP.validate_python(event)
    work = step.work
    progress = run_step(backend, logger, context, step, _run, dataset=work.uid, work=work.name, attempt=work.attempt)
    if isinstance(step, FinishStep) and progress["done"]:
        _count(work.format)
    return progress


def _run(step: CheckpointStep, has_time: Callable[[], bool]) -> bool:
    return take_step(backend, step, has_time)


def _count(export_format: ExportFormat | None) -> None:
    metrics.add_metric("ExportsWritten" if export_format else "CheckpointsWritten", MetricUnit.Count, 1)
    metrics.flush_metrics()
