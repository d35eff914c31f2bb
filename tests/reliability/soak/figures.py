"""Measures a soak for `docs/reliability.md`, on a stack of its own."""

import time
from datetime import date

from tests.reliability.report import Findings, Table
from tests.reliability.soak.soak import PLACES_OF_SENDERS, READERS, soak
from tests.reliability.soak.tally import Tally
from tests.support.temporary_stack import temporary_stack

FIRST_PORT = 15566
SECONDS = 600.0
COUNTED = (
    "requests",
    "requests with rows",
    "repeats",
    "files by signed URL",
    "dropped files",
    "retries",
    "roll backs",
    "checkpoints",
    "exports",
    "clones",
    "uploads",
    "rows",
    "versions published",
    "versions read in full",
    "versions read by time",
    "versions read by checkpoint",
    "frames verified",
    "histories counted",
    "requests by intruders",
    "requests by the flooding key",
    "429 to the flooding key",
    "429 to other keys",
    "5xx of the gateway",
)
NEVER = (
    "lost",
    "doubled",
    "snapshot",
    "counts",
    "versions",
    "foreign data",
    "unexpected response",
    "no response",
    "ended early",
    "5xx of the API",
)
TIMED = ("send", "to settle", "read", "read a page", "poll")


def find(seconds: float = SECONDS, seed: int | None = None) -> Findings:
    """Runs a soak on a temporary stack."""
    seed = int(time.time()) if seed is None else seed
    with temporary_stack(FIRST_PORT) as stack:
        tally = soak(stack, seconds, seed)
    again = f"python -m tests.reliability.soak --seconds {seconds:.0f} --seed {seed}"
    return Findings(
        tables=_tables(tally, seconds, seed), violations=[f"{line} (reproduce with {again})" for line in tally.lines()]
    )


def _tables(tally: Tally, seconds: float, seed: int) -> list[Table]:
    counts: list[tuple[str | int, ...]] = [(name, tally.counts[name]) for name in COUNTED]
    wrong: list[tuple[str | int, ...]] = [(name, len(tally.violations[name])) for name in NEVER]
    timed: list[tuple[str | int, ...]] = [
        (name, len(tally.seconds[name]), f"{tally.quantile(name, 0.5):.2f}", f"{tally.quantile(name, 0.99):.2f}")
        for name in TIMED
    ]
    note = (
        f"{date.today():%d %B %Y}: {seconds:.0f} seconds, {len(PLACES_OF_SENDERS)} senders, {READERS} readers, four "
        f"datasets in two projects, seed {seed}."
    )
    return [
        Table(name="soak", columns=("what", "count"), rows=counts, note=note),
        Table(name="soak violations", columns=("violation", "count"), rows=wrong),
        Table(name="soak seconds", columns=("what", "count", "median, s", "99%, s"), rows=timed),
    ]
