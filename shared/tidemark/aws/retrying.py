"""Retries of AWS requests after transient errors."""

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from tidemark.aws.backend import Backend

MAX_WAIT_SECONDS = 1
"""Longest wait between two attempts, in seconds. The API must respond within 28 s."""


def retrying(backend: Backend, error: type[Exception], *, attempts: int, multiplier: float) -> Retrying:
    """Returns a retry policy: repeats a request while it raises `error`, then raises the last attempt's error.

    The waits between attempts are random. Their upper bound starts at `multiplier` seconds and doubles each time, up to
    `MAX_WAIT_SECONDS`.
    """
    return Retrying(
        retry=retry_if_exception_type(error),
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=multiplier, max=MAX_WAIT_SECONDS),
        sleep=backend.sleep,
        reraise=True,
    )
