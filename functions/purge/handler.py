"""Deletes a dataset for good: the steps of the purge workflow."""

from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.workflow_step import taken
from tidemark.aws.backend import Backend
from tidemark.domain.workflows import PURGE_STEP, FailStep, FinishStep, PurgeStep, ShardStep
from tidemark.retention import purge, purge_steps

logger = Logger()
tracer = Tracer()
backend = Backend.from_environment()

ENOUGH_MILLISECONDS = 60_000
"""Time in which a thousand items or objects are deleted, however slow the answers; with less left, none are begun."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do a step of the workflow; answers whether the shard, or the whole, is gone."""
    step = PURGE_STEP.validate_python(event)
    return taken(logger, step, lambda: _do(step, context), dataset=step.work.uid, attempt=step.work.attempt)


def _do(step: PurgeStep, context: LambdaContext) -> bool:
    match step:
        case ShardStep():
            return purge_steps.delete_shard(backend, step.work, step.shard, lambda: _has_time(context))
        case FinishStep():
            return purge_steps.finish(backend, step.work, lambda: _has_time(context))
        case FailStep():
            purge.record_failure(backend, step.work, step.failure)
    return True


def _has_time(context: LambdaContext) -> bool:
    return context.get_remaining_time_in_millis() > ENOUGH_MILLISECONDS
