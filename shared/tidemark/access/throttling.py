"""Throttling: which requests of an API key are taken, counted by many processes that know little of each other."""

from collections.abc import Callable
from dataclasses import dataclass

from tidemark.domain.limits import MAX_KEY_REQUESTS

WINDOW_SECONDS = 10
"""A window in which the requests of a key are counted. Short, so that a key that was refused is soon taken again."""
TOLD_AT_ONCE = 10
"""Requests that a process counts by itself before it tells the others. A key that is used rarely is never told of; one
that is used all the time costs a tenth of a write for each request."""


@dataclass
class Meter:
    """What one process knows of the requests of one key in one window.

    Refuses nothing before `MAX_KEY_REQUESTS` requests have come to all processes together, and takes less than
    `TOLD_AT_ONCE` more than that for each process.
    """

    untold: int = 0
    """Requests since the others were told."""
    known: int = 0
    """Requests to all processes, as far as this one knows."""

    def takes(self, tell: Callable[[int], int | None]) -> bool:
        """Count a request; tells whether it is taken.

        `tell` adds so many requests to the count that all processes share, and answers it; None where it cannot.
        """
        if self.known >= MAX_KEY_REQUESTS:
            return False
        self.untold += 1
        if self.untold < TOLD_AT_ONCE:
            return True
        self.untold = 0
        shared = tell(TOLD_AT_ONCE)
        self.known = max(self.known, shared) if shared is not None else self.known + TOLD_AT_ONCE
        return self.known <= MAX_KEY_REQUESTS
