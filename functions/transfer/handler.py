"""Runs the steps of the transfer workflow, which writes the rows of roll backs and clones."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

import functions.runtime  # noqa: F401 - logs the runtime's versions
from functions.workflow_step import run_step
from tidemark.aws.backend import PATIENCE_SECONDS, Backend
from tidemark.domain.transfers import TRANSFER_STEP, TransferStep
from tidemark.domain.workflows import FailStep, FinishStep, ShardStep
from tidemark.transfers import workflow

logger = Logger()
tracer = Tracer()
backend = Backend.from_environment(patience=PATIENCE_SECONDS)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Runs one step. Returns whether the step's shard, or the whole transfer, is done."""
    step = TRANSFER_STEP.validate_python(event)
    return run_step(backend, logger, context, step, _run, upload=step.work.upload, dataset=step.work.uid)


def _run(step: TransferStep, has_time: Callable[[], bool]) -> bool:
    match step:
        case ShardStep():
            return workflow.read_shard(backend, step.work, step.shard, has_time)
        case FinishStep():
            workflow.finish(backend, step.work)
        case FailStep():
            workflow.record_failure(backend, step.work, step.failure.summary)
    return True
