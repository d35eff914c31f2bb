"""The figures of a soak on a stack of its own, for `docs/reliability.md`."""

import tempfile
import time
from datetime import date
from pathlib import Path

from infra.local.server import free_port
from infra.local.stack import up
from tests.reliability.report import Findings, Table
from tests.reliability.soak.soak import PLACES_OF_SENDERS, READERS, soak
from tests.reliability.soak.tally import Tally

FIRST_PORT = 15566
SECONDS = 600.0
COUNTED = (
    "requests",
    "requests of rows",
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
    "versions read whole",
    "versions read by time",
    "versions read by checkpoint",
    "frames verified",
    "histories counted",
    "requests of intruders",
    "requests of the key that floods",
    "429 to the key that floods",
    "429 to those who do no harm",
    "5xx of the gateway",
)
NEVER = (
    "lost",
    "doubled",
    "snapshot",
    "counts",
    "versions",
    "foreign data",
    "unexpected answer",
    "no answer",
    "ended early",
    "5xx of the API",
)
TIMED = ("send", "to settle", "read", "read a page", "poll")


def find(seconds: float = SECONDS, seed: int | None = None) -> Findings:
    """Run a soak on a stack that is started for it and ended after it."""
    seed = int(time.time()) if seed is None else seed
    with tempfile.TemporaryDirectory() as home:
        stack = up(Path(home), free_port(FIRST_PORT))
        try:
            tally = soak(stack, seconds, seed)
        finally:
            stack.stop()
    again = f"python -m tests.reliability.soak --seconds {seconds:.0f} --seed {seed}"
    return Findings(
        tables=_tables(tally, seconds, seed), violations=[f"{line} (see: {again})" for line in tally.told()]
    )


def _tables(tally: Tally, seconds: float, seed: int) -> list[Table]:
    found: list[tuple[str | int, ...]] = [(name, tally.counts[name]) for name in COUNTED]
    wrong: list[tuple[str | int, ...]] = [(name, len(tally.violations[name])) for name in NEVER]
    timed: list[tuple[str | int, ...]] = [
        (name, len(tally.seconds[name]), f"{tally.share(name, 0.5):.2f}", f"{tally.share(name, 0.99):.2f}")
        for name in TIMED
    ]
    note = (
        f"{date.today():%d %B %Y}: {seconds:.0f} seconds, {len(PLACES_OF_SENDERS)} senders, {READERS} readers, four "
        f"datasets in two projects, seed {seed}."
    )
    return [
        Table(name="soak", columns=("what", "times"), rows=found, note=note),
        Table(name="soak violations", columns=("what must not be", "times"), rows=wrong),
        Table(name="soak seconds", columns=("what", "times", "median, s", "99%, s"), rows=timed),
    ]
