"""Retries of AWS requests after transient errors."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from tidemark.aws.backend import Backend

MAX_WAIT_SECONDS = 1
"""Longest wait between two attempts, in seconds. The API must respond within 28 s."""

Errors = type[Exception] | tuple[type[Exception], ...]


class Waits(NamedTuple):
    """Waits that some errors have instead of a policy's usual waits. After the last wait there is one more attempt."""

    errors: Errors
    seconds: Sequence[float]
    """The longest wait before each further attempt, in seconds. Each wait is random, and at least half as long."""


NO_WAITS = Waits((), ())


def retrying(
    backend: Backend,
    error: type[Exception],
    *,
    attempts: int,
    multiplier: float,
    patient_with: Errors = (),
    waits: Waits = NO_WAITS,
) -> Retrying:
    """Returns a retry policy: repeats a request while it raises `error`, then raises the last attempt's error.

    The waits between attempts are random. Their upper bound starts at `multiplier` seconds and doubles each time, up to
    `MAX_WAIT_SECONDS`. After `attempts` attempts, only the errors in `patient_with` are repeated, until the waits add
    up to the backend's `patience`. The errors of `waits` have other waits.
    """
    usual_wait = wait_random_exponential(multiplier=multiplier, max=MAX_WAIT_SECONDS)

    def wait(state: RetryCallState) -> float:
        if not isinstance(_error(state), waits.errors):
            return usual_wait(state)
        longest = waits.seconds[min(state.attempt_number, len(waits.seconds)) - 1]
        return random.uniform(longest / 2, longest)  # noqa: S311 - no secret

    def is_over(state: RetryCallState) -> bool:
        if isinstance(_error(state), waits.errors):
            return state.attempt_number > len(waits.seconds)
        is_patient = isinstance(_error(state), patient_with) and state.idle_for < backend.patience
        return state.attempt_number >= attempts and not is_patient

    return Retrying(retry=retry_if_exception_type(error), stop=is_over, wait=wait, sleep=backend.sleep, reraise=True)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
