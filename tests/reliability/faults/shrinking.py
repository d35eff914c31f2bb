"""Shrinking schedules: leaving out moves that a violation does not need."""

from tests.reliability.faults.planted import Plant
from tests.reliability.faults.schedules import Outcome, run

MOST_RUNS = 150
"""Schedules that are tried to find a shorter one."""


def shrunk(failed: Outcome, plant: Plant | None = None, *, most_runs: int = MOST_RUNS) -> Outcome:
    """A shorter schedule of the same seed that violates something, too."""
    best, left_out, runs = failed, frozenset[int](), 0
    size = len(best.moves) // 2
    while size and runs < most_runs:
        start = 0
        while start < len(best.moves) and runs < most_runs:
            without = left_out | set(best.moves[start : start + size])
            outcome = run(failed.seed, leave_out=without, plant=plant)
            runs += 1
            if outcome.violation:
                best, left_out = outcome, without
            else:
                start += size
        size //= 2
    return best
