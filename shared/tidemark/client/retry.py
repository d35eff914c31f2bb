"""Trying again what may succeed at the next try."""

import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

ATTEMPTS = 12
"""Tries at what has worked before: some two minutes of silence are waited out."""
LONGEST_PAUSE = 20.0

T = TypeVar("T")

pause = time.sleep


class Transient(Exception):
    """What may be over at the next try: no answer, or one that says so."""

    def __init__(self, failure: Exception, seconds: float = 0) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.seconds = seconds
        """How long the other side asks to wait."""


def with_retries(
    attempt: Callable[[], T],
    *,
    attempts: Callable[[], int] = lambda: ATTEMPTS,
    wait: Callable[[float], None] | None = None,
) -> T:
    """What `attempt` answers, at the first try at which it does not raise Transient.

    `attempts` says after each try how many there are to be at most. `wait` waits for some seconds between two tries.
    Raises the failure in the last Transient when it gives up.
    """
    retrying = Retrying(
        retry=retry_if_exception_type(Transient),
        stop=lambda state: state.attempt_number >= attempts(),
        wait=_seconds,
        sleep=wait or pause,
        reraise=True,
    )
    try:
        return retrying(attempt)
    except Transient as passing:
        raise passing.failure from passing.failure.__cause__


_exponential = wait_exponential_jitter(multiplier=0.25, max=LONGEST_PAUSE, jitter=0.25)


def _seconds(state: RetryCallState) -> float:
    """Seconds to the next try: longer from try to try, and never less than is asked for."""
    failure = state.outcome.exception() if state.outcome else None
    asked = failure.seconds if isinstance(failure, Transient) else 0
    return max(asked, _exponential(state))
