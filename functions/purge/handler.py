"""Deletes a dataset for good: the steps of the purge workflow."""

from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import TypeAdapter

from tidemark.domain.purges import PurgeWork
from tidemark.domain.workflows import FailStep, Progress, ShardStep, Step
from tidemark.services import purge_steps, purging
from tidemark.store.backend import Backend

logger = Logger()
tracer = Tracer()
backend = Backend.from_environment()

STEP: TypeAdapter[Step[PurgeWork]] = TypeAdapter(Step[PurgeWork])
ENOUGH_MILLISECONDS = 60_000
"""Time left in which another page is begun: a thousand items or objects, which usually take a second or two."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a step: delete from a shard, or what is left, as long as there is time; or record a failure."""
    step = STEP.validate_python(event)

    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > ENOUGH_MILLISECONDS

    with logger.append_context_keys(dataset=step.work.uid, attempt=step.work.attempt, step=step.step):
        done = True
        if isinstance(step, ShardStep):
            done = purge_steps.delete_shard(backend, step.work, step.shard, has_time)
        elif isinstance(step, FailStep):
            logger.error("purge failed", extra={"error": step.failure.error, "cause": step.failure.cause})
            purging.record_failure(backend, step.work, step.failure)
        else:
            done = purge_steps.finish(backend, step.work, has_time)
        logger.info("step taken", extra={"done": done})
    return Progress(done=done).model_dump()
