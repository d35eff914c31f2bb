"""Runs one step of a workflow, for the functions that state machines call."""

import random
from collections.abc import Callable
from typing import Any, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.failures import log_failure
from tidemark.aws.backend import Backend
from tidemark.aws.transient import is_transient
from tidemark.domain.workflows import FailStep, FinishStep, Progress, ShardStep

Step = TypeVar("Step", bound=ShardStep[Any] | FinishStep[Any] | FailStep[Any])

MIN_MILLISECONDS = 60_000
"""Milliseconds that must be left for a step to start more work. That is enough to delete a thousand items or objects,
to read and record a page, or to write a page or a part of a file, however slowly AWS responds: the largest page of an
export takes a third of this time."""
MAX_PAUSE_SECONDS = 30
"""Longest pause after a transient error, in seconds. Shards that were throttled together go on at different times."""


def run_step(
    backend: Backend,
    logger: Logger,
    context: LambdaContext,
    step: Step,
    run: Callable[[Step, Callable[[], bool]], bool],
    **log_keys: Any,
) -> dict[str, Any]:
    """Runs a step and returns its `Progress` as JSON; `log_keys` identify the work in the log.

    `run` takes the step and a callback that returns whether there is time for more work. `run` returns whether the step
    is done. After a transient error, such as a throttled table, `run` is called again as long as there is time, since
    the state machine gives up a step whose calls fail. Other exceptions are logged and raised again, for the state
    machine to retry.
    """

    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > MIN_MILLISECONDS

    with logger.append_context_keys(**log_keys, step=step.step):
        if isinstance(step, FailStep):
            logger.error("workflow failed", extra={"error": step.failure.error})
        while True:
            try:
                done = run(step, has_time)
                break
            except Exception as error:
                log_failure(logger, "step failed", error)
                if not is_transient(error) or isinstance(step, FailStep):
                    raise
            backend.sleep(random.uniform(MAX_PAUSE_SECONDS / 2, MAX_PAUSE_SECONDS))  # noqa: S311 - no secret
            if not has_time():
                done = False
                break
        logger.info("step done" if done else "step done in part")
    return Progress(done=done).model_dump()
