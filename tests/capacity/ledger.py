"""What happened in a simulation: rows, waits, losses and what was busy."""

from collections import Counter
from dataclasses import dataclass, field
from math import inf

LOADED_SHARE = 0.9
"""Share of the rows after which a load is no longer counted as full: shards run dry one after another."""


@dataclass
class Ledger:
    """The figures of one run."""

    asked_rows: float = inf
    """Rows that clients want to be applied, if that is known."""
    rows: int = 0
    """Rows applied."""
    failed_rows: int = 0
    """Rows of windows that were given up."""
    windows: int = 0
    given_up: int = 0
    longest_wait: float = 0
    """Longest time from the first delivery of a window until it was applied."""
    longest_age: float = 0
    """Longest time from sending a window until it was applied."""
    first_applied: float | None = None
    last_applied: float = 0
    loaded_at: float | None = None
    """When `LOADED_SHARE` of the rows were applied."""
    written: float = 0
    """Write units of all writes that had taken effect then, in the partitions with shards' logs."""
    calls_failed: Counter[str] = field(default_factory=Counter)
    """Calls that failed because AWS was busy, by the name of the exception that ended them."""
    stopped_transfers: int = 0
    accepted: int = 0
    """Requests that the API accepted."""
    refused: int = 0
    """Requests that the API refused because too much was in flight."""
    unavailable: int = 0
    """Requests that failed because a function was throttled or the table was busy."""
    longest_settling: float = 0
    """Longest time from accepting a request until it had settled."""

    def applied(self, now: float, rows: int, sent_at: float, received_at: float) -> bool:
        """Counts a window that is applied now. Returns whether it is the one that brings the rows to `LOADED_SHARE`."""
        self.rows += rows
        self.windows += 1
        self.longest_wait = max(self.longest_wait, now - received_at)
        self.longest_age = max(self.longest_age, now - sent_at)
        self.first_applied = now if self.first_applied is None else self.first_applied
        self.last_applied = now
        if self.loaded_at is not None or self.rows < LOADED_SHARE * self.asked_rows:
            return False
        self.loaded_at = now
        return True

    def failed(self, error: Exception) -> None:
        """Counts a call that failed because AWS was busy."""
        self.calls_failed[type(error).__name__] += 1
