"""Retries with exponential backoff, for requests that may succeed on the next attempt.

`api` and `signed_urls` decide which errors are transient.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

MAX_ATTEMPTS = 12
"""Most attempts at a request, once the server has responded to an earlier one. Enough to outlast a two-minute
outage."""
MAX_PAUSE = 20.0
"""Longest pause between two attempts, in seconds."""

T = TypeVar("T")

pause = time.sleep


class Transient(Exception):
    """Raised by an attempt that may succeed if retried. `failure` is the error to raise when retries are exhausted."""

    def __init__(self, failure: Exception, seconds: float = 0) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.seconds = seconds
        """Seconds that the server asks to wait before the next attempt; 0 if it does not ask."""


def with_retries(
    attempt: Callable[[], T],
    *,
    attempts: Callable[[], int] = lambda: MAX_ATTEMPTS,
    wait: Callable[[float], None] | None = None,
) -> T:
    """Calls `attempt` until it does not raise Transient, and returns its result.

    `attempts` returns the most attempts, and is called after each failure, so the limit may change. `wait` pauses for a
    number of seconds between two attempts. When attempts run out, raises the failure that the last Transient holds.
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
    """Returns the seconds to wait before the next attempt: exponential backoff, but at least what the server asks."""
    failure = state.outcome.exception() if state.outcome else None
    asked = failure.seconds if isinstance(failure, Transient) else 0
    return max(asked, _exponential(state))
