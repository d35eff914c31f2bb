"""Shrinks schedules by removing moves that a violation does not need."""

from tests.reliability.faults.planted import Plant
from tests.reliability.faults.schedules import Outcome, run

MAX_RUNS = 150
"""Most schedules tried to find a shorter one."""


def shrunk(failed: Outcome, plant: Plant | None = None, *, max_runs: int = MAX_RUNS) -> Outcome:
    """Returns a shorter schedule of the same seed that also ends in a violation."""
    best, left_out, runs = failed, frozenset[int](), 0
    size = len(best.moves) // 2
    while size and runs < max_runs:
        start = 0
        while start < len(best.moves) and runs < max_runs:
            without = left_out | set(best.moves[start : start + size])
            outcome = run(failed.seed, leave_out=without, plant=plant)
            runs += 1
            if outcome.violation:
                best, left_out = outcome, without
            else:
                start += size
        size //= 2
    return best
