"""A step of a workflow, as the functions that workflows call take it: logged, and answered by how far it is."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger

from tidemark.domain.workflows import FailStep, FinishStep, Progress, ShardStep


def taken(
    logger: Logger, step: ShardStep[Any] | FinishStep[Any] | FailStep[Any], take: Callable[[], bool], **keys: Any
) -> dict[str, Any]:
    """Take a step by `take`, which tells whether it is done; `keys` name its work in the log. What `take` raises is
    logged, and the state machine's to try again."""
    with logger.append_context_keys(**keys, step=step.step):
        if isinstance(step, FailStep):
            logger.error("workflow failed", extra={"error": step.failure.error})
        try:
            done = take()
        except Exception:
            logger.exception("step failed")
            raise
        logger.info("step done" if done else "step done in part")
    return Progress(done=done).model_dump()
