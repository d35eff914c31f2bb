"""Makes the rows of roll backs and clones, a stretch of a shard a call."""

from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.workflow_step import taken
from tidemark.aws.backend import Backend
from tidemark.domain.transfers import TRANSFER_STEP, TransferStep
from tidemark.domain.workflows import FailStep, FinishStep, ShardStep
from tidemark.transfers import workflow

logger = Logger()
tracer = Tracer()
backend = Backend.from_environment()

ENOUGH_MILLISECONDS = 60_000
"""Time in which a page is read and recorded, however slow the table answers; with less left, none is begun."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do a step of the workflow; answers whether the shard, or the whole, is done."""
    step = TRANSFER_STEP.validate_python(event)
    return taken(logger, step, lambda: _do(step, context), upload=step.work.upload, dataset=step.work.uid)


def _do(step: TransferStep, context: LambdaContext) -> bool:
    match step:
        case ShardStep():
            return workflow.read_shard(backend, step.work, step.shard, lambda: _has_time(context))
        case FinishStep():
            workflow.finish(backend, step.work)
        case FailStep():
            workflow.record_failure(backend, step.work, step.failure.summary)
    return True


def _has_time(context: LambdaContext) -> bool:
    return context.get_remaining_time_in_millis() > ENOUGH_MILLISECONDS
