"""The figures of a simulated load that the tables show."""

from dataclasses import dataclass

from tests.capacity.scenarios import Run


@dataclass(frozen=True)
class Figures:
    """What a load came to."""

    rows_per_second: float
    """Rows applied a second, from the start until everything had settled."""
    seconds: float
    used: float | None
    """Share of the table's write capacity that was used for good under full load; None if the load never was full."""
    stalls: int
    longest_wait: float
    """Longest time from the first delivery of a window until it was applied."""
    longest_age: float
    """Longest time from sending a window until it was applied."""
    given_up: int
    """Windows whose rows failed because AWS was busy."""
    dropped_files: int
    stopped_transfers: int
    accepted: int
    """Requests that the API accepted."""
    refused: int
    """Requests refused because too much was in flight."""
    unavailable: int
    """Requests that failed because AWS was busy."""
    failed_for_conflicts: int
    """Calls that failed because they met conflicts for too long."""
    is_done: bool
    binds: str

    @property
    def loses_nothing(self) -> bool:
        """Whether every row was applied and every file read, without anyone's help."""
        return self.is_done and not (self.given_up or self.dropped_files or self.stopped_transfers)


def figures(run: Run) -> Figures:
    """Returns the figures of a simulation that has ended."""
    ledger = run.service.ledger
    return Figures(
        rows_per_second=run.rows_per_second,
        seconds=run.seconds,
        used=run.capacity_used,
        stalls=run.stalls,
        longest_wait=ledger.longest_wait,
        longest_age=ledger.longest_age,
        given_up=ledger.given_up,
        dropped_files=run.dropped_files,
        stopped_transfers=ledger.stopped_transfers,
        accepted=ledger.accepted,
        refused=ledger.refused,
        unavailable=ledger.unavailable,
        failed_for_conflicts=ledger.calls_failed["Conflict"],
        is_done=run.is_done,
        binds=run.binds,
    )
