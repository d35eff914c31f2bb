"""Throttling: limits an API key's requests, counted by many processes that share a count only now and then."""

from collections.abc import Callable
from dataclasses import dataclass

MAX_KEY_REQUESTS = 1000
"""Requests of an API key in ten seconds, a hundred per second on average. A sender with a thousand rows per request
sends two or three per second. A program that reads single frames, a dozen at a time, sends up to a hundred."""
WINDOW_SECONDS = 10
"""Length of a window in which a key's requests are counted. It is short so that a refused key is soon accepted again.
"""
REPORT_EVERY = 10
"""Requests that a process counts on its own before it adds them to the shared count. A key that is rarely used is never
reported. A key in constant use costs a tenth of a write per request."""


@dataclass
class Meter:
    """Counts the requests of one key in one window, in one process.

    Refuses nothing before all processes together have received `MAX_KEY_REQUESTS` requests. Accepts fewer than
    `REPORT_EVERY` further requests per process after that.
    """

    unreported: int = 0
    """Requests not yet added to the shared count."""
    total: int = 0
    """Requests to all processes, as far as this process knows."""

    def accepts(self, add_to_shared: Callable[[int], int | None]) -> bool:
        """Counts a request and returns whether it is accepted.

        `add_to_shared` adds a number of requests to the shared count and returns the new count, or None if it cannot.
        """
        if self.total >= MAX_KEY_REQUESTS:
            return False
        self.unreported += 1
        if self.unreported < REPORT_EVERY:
            return True
        self.unreported = 0
        shared = add_to_shared(REPORT_EVERY)
        self.total = max(self.total, shared) if shared is not None else self.total + REPORT_EVERY
        return self.total <= MAX_KEY_REQUESTS
