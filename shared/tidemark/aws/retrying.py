"""Retries of requests to AWS that met a transient error."""

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from tidemark.aws.backend import Backend

MAX_WAIT_SECONDS = 1
"""Longest wait between two attempts. The API has 28 s in all to respond."""


def retrying(backend: Backend, error: type[Exception], *, attempts: int, multiplier: float) -> Retrying:
    """Returns the attempts at a request, repeated while it raises `error`. The last attempt's error is raised.

    The waits between attempts are random. Their upper limit starts at `multiplier` seconds and doubles each time.
    """
    return Retrying(
        retry=retry_if_exception_type(error),
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=multiplier, max=MAX_WAIT_SECONDS),
        sleep=backend.sleep,
        reraise=True,
    )
