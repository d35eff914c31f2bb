"""Retries of AWS requests after transient errors."""

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from tidemark.aws.backend import Backend

MAX_WAIT_SECONDS = 1
"""Longest wait between two attempts, in seconds. The API must respond within 28 s."""

Errors = type[Exception] | tuple[type[Exception], ...]


def retrying(
    backend: Backend, error: type[Exception], *, attempts: int, multiplier: float, patient_with: Errors = ()
) -> Retrying:
    """Returns a retry policy: repeats a request while it raises `error`, then raises the last attempt's error.

    The waits between attempts are random. Their upper bound starts at `multiplier` seconds and doubles each time, up to
    `MAX_WAIT_SECONDS`. After `attempts` attempts, only the errors in `patient_with` are repeated, until the waits add
    up to the backend's `patience`.
    """

    def is_over(state: RetryCallState) -> bool:
        last = state.outcome.exception() if state.outcome else None
        is_patient = isinstance(last, patient_with) and state.idle_for < backend.patience
        return state.attempt_number >= attempts and not is_patient

    return Retrying(
        retry=retry_if_exception_type(error),
        stop=is_over,
        wait=wait_random_exponential(multiplier=multiplier, max=MAX_WAIT_SECONDS),
        sleep=backend.sleep,
        reraise=True,
    )
