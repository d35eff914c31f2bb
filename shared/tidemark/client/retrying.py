"""Repeating a request that may succeed on the next attempt."""

import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

MAX_ATTEMPTS = 12
"""Attempts at a request to a server that has responded before: they outlast an outage of two minutes."""
MAX_PAUSE = 20.0
"""Seconds between two attempts, at most."""

T = TypeVar("T")

pause = time.sleep


class Transient(Exception):
    """A failure that may be over on the next attempt: no response, or one that says so."""

    def __init__(self, failure: Exception, seconds: float = 0) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.seconds = seconds
        """How long the server asks to wait."""


def with_retries(
    attempt: Callable[[], T],
    *,
    attempts: Callable[[], int] = lambda: MAX_ATTEMPTS,
    wait: Callable[[float], None] | None = None,
) -> T:
    """Calls `attempt` until it does not raise Transient, and returns its result.

    `attempts` returns the limit, and is asked after each failure. `wait` pauses for some seconds between two attempts.
    Raises the failure inside the last Transient when it gives up.
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
    except Transient as transient:
        raise transient.failure from transient.failure.__cause__


_exponential = wait_exponential_jitter(multiplier=0.25, max=MAX_PAUSE, jitter=0.25)


def _seconds(state: RetryCallState) -> float:
    """Returns the seconds to the next attempt: more after each one, and never fewer than the server asks for."""
    failure = state.outcome.exception() if state.outcome else None
    asked = failure.seconds if isinstance(failure, Transient) else 0
    return max(asked, _exponential(state))
