"""Delivered windows: applies a window, or gives it up after too many attempts, and reports its outcome."""

from tidemark.aws.backend import Backend
from tidemark.aws.transient import is_transient
from tidemark.domain.windows import FencingToken, Window, WindowSettled
from tidemark.recovery import giving_up
from tidemark.shards import attempts
from tidemark.shards.apply import apply_window
from tidemark.uploads import tallies

UNCOUNTED_DELIVERIES = 2
"""Number of a window's first deliveries whose attempts are not counted, since counting costs a write and nearly every
window is applied in its first delivery."""
MAX_ATTEMPTS = 8
"""Most counted attempts at a window. With the uncounted ones and 105 seconds after each failure, a window that cannot
be applied holds up its shard for a quarter of an hour: time to fix a deployment that went wrong."""


def settle(backend: Backend, window: Window, token: FencingToken, *, receives: int) -> WindowSettled:
    """Applies a window that SQS has delivered `receives` times, and reports its outcome. Returns the outcome.

    Gives the window up after `MAX_ATTEMPTS` attempts in a row that failed for reasons other than transient errors
    (R21). Raises what `apply_window` raises.
    """
    is_counted = receives > UNCOUNTED_DELIVERIES
    try:
        if is_counted and attempts.begin(backend, window, receives) > MAX_ATTEMPTS:
            outcome = giving_up.give_up(backend, window)
        else:
            outcome = apply_window(backend, window, token)
        tallies.report(backend, window, outcome)
    except Exception as error:
        if is_counted and is_transient(error):
            attempts.clear(backend, window)
        raise
    return outcome
