"""Counts sequential round trips: the longest chain of requests of a call in which none begins before the last ended.

Requests side by side on threads count once, as they take the time of one.
"""

import threading
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

LATENCY = 0.01
"""Seconds that a request is held up, so that requests which are made side by side overlap in time on the emulator too,
whichever thread is first."""


class Interval(NamedTuple):
    """The time of a request, in seconds."""

    began: float
    ended: float


class RoundTrips:
    """Takes the times of the requests of every client created from a session after `attach`."""

    def __init__(self) -> None:
        self.delays = False
        """Whether requests are held up by `LATENCY`. Otherwise the chains are not to be relied on."""
        self._intervals: list[Interval] = []
        self._lock = threading.Lock()

    def attach(self, session: Any) -> None:
        """Adds hooks to a boto3 session, before all other hooks of a request that is being sent."""
        session.events.register_first("before-call", self._began)
        session.events.register_first("after-call", self._ended)

    def take(self) -> int:
        """Returns the length of the longest chain since the last call, and forgets the requests."""
        taken, self._intervals = self._intervals, []
        return longest_chain(taken)

    def _began(self, context: dict[str, Any], **_: Any) -> None:
        context["sent_at"] = time.monotonic()
        if self.delays:
            time.sleep(LATENCY)

    def _ended(self, context: dict[str, Any], **_: Any) -> None:
        with self._lock:
            self._intervals.append(Interval(context["sent_at"], time.monotonic()))


def longest_chain(intervals: Iterable[Interval]) -> int:
    """Returns the most intervals of which none overlaps another."""
    length, free_from = 0, float("-inf")
    for interval in sorted(intervals, key=lambda interval: interval.ended):
        if interval.began >= free_from:
            length += 1
            free_from = interval.ended
    return length
