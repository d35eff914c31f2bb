"""The measurements of an operation: usage by function and seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.bench.process import Usage
from tests.bench.scenario import Operation

Run = Mapping[str, Usage]
"""The usage of each function in one run of an operation."""


@dataclass(frozen=True)
class Measured:
    """One line of the report."""

    operation: Operation
    functions: Run
    seconds: float
    """Seconds on the emulator, from the request to the response or the settled upload."""

    @property
    def total(self) -> Usage:
        """The usage of all functions together."""
        return sum(self.functions.values(), Usage())

    def requests(self, kind: str) -> int:
        """Returns the number of requests of a kind."""
        return self.total.tally.requests[kind]


def representative(runs: list[Run]) -> Run:
    """Returns the run with the fewest requests, so that refreshing a function's caches does not count.

    The CPU time and the round trips of each function are the least of all runs. On a busy machine, the rest is noise.
    """
    warm = min(runs, key=lambda run: sum(usage.tally.requests.total() for usage in run.values()))
    return {
        name: replace(
            usage,
            cpu=min((run[name].cpu for run in runs), key=lambda cpu: cpu.ours),
            round_trips=min(run[name].round_trips for run in runs),
        )
        for name, usage in warm.items()
    }
