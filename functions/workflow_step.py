"""Runs one step of a workflow, for the functions that state machines call."""

from collections.abc import Callable
from typing import Any, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidemark.domain.workflows import FailStep, FinishStep, Progress, ShardStep

Step = TypeVar("Step", bound=ShardStep[Any] | FinishStep[Any] | FailStep[Any])

MIN_MILLISECONDS = 60_000
"""Milliseconds that must be left for a step to start more work. That is enough to delete a thousand items or objects,
to read and record a page, or to write a page or a part of a file, however slowly AWS responds: the largest page of an
export takes a third of this time."""


def run_step(
    logger: Logger,
    context: LambdaContext,
    step: Step,
    run: Callable[[Step, Callable[[], bool]], bool],
    **log_keys: Any,
) -> dict[str, Any]:
    """Runs a step and returns its `Progress` as JSON; `log_keys` identify the work in the log.

    `run` takes the step and a callback that returns whether there is time for more work. `run` returns whether the step
    is done. Exceptions from `run` are logged and raised again, for the state machine to retry.
    """
    with logger.append_context_keys(**log_keys, step=step.step):
        if isinstance(step, FailStep):
            logger.error("workflow failed", extra={"error": step.failure.error})
        try:
            done = run(step, lambda: context.get_remaining_time_in_millis() > MIN_MILLISECONDS)
        except Exception:
            logger.exception("step failed")
            raise
        logger.info("step done" if done else "step done in part")
    return Progress(done=done).model_dump()
