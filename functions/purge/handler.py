"""Runs the steps of the purge workflow, which deletes a dataset for good."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

import functions.runtime  # noqa: F401 - logs the runtime's versions
from functions.workflow_step import run_step
from tidemark.aws.backend import PATIENCE_SECONDS, Backend
from tidemark.domain.workflows import PURGE_STEP, FailStep, FinishStep, PurgeStep, ShardStep
from tidemark.retention import purge, purge_steps

logger = Logger()
tracer = Tracer()
backend = Backend.from_environment(patience=PATIENCE_SECONDS)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Runs one step. Returns whether the step's shard, or the whole dataset, is deleted."""
    step = PURGE_STEP.validate_python(event)
    return run_step(backend, logger, context, step, _run, dataset=step.work.uid, attempt=step.work.attempt)


def _run(step: PurgeStep, has_time: Callable[[], bool]) -> bool:
    match step:
        case ShardStep():
            return purge_steps.delete_shard(backend, step.work, step.shard, has_time)
        case FinishStep():
            return purge_steps.finish(backend, step.work, has_time)
        case FailStep():
            purge.record_failure(backend, step.work, step.failure)
    return True
