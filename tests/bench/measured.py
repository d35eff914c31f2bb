"""What was measured of an operation: its usage by function, and its seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.bench.process import Usage
from tests.bench.scenario import Operation

Run = Mapping[str, Usage]
"""What each function has taken for one run of an operation."""


@dataclass(frozen=True)
class Measured:
    """One line of the report."""

    operation: Operation
    functions: Run
    seconds: float
    """On the emulator, from the request to the answer, or to the settled upload."""

    @property
    def total(self) -> Usage:
        """What all functions have taken together."""
        return sum(self.functions.values(), Usage())

    def requests(self, kind: str) -> int:
        """How many requests of a kind were made."""
        return self.total.tally.requests[kind]


def representative(runs: list[Run]) -> Run:
    """Of several runs the one with the fewest requests, so that what a function remembers for a while does not count.

    The CPU time of each function is the least of all runs: on a machine that does other work, the rest is noise.
    """
    warm = min(runs, key=lambda run: sum(usage.tally.requests.total() for usage in run.values()))
    return {
        name: replace(usage, cpu=min((run[name].cpu for run in runs), key=lambda cpu: cpu.ours))
        for name, usage in warm.items()
    }
