"""The page docs/capacity.md: tables of the simulated loads, and the text around them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.capacity.design import AFTER, BEFORE, IMPATIENT, PUBLISH_BY_WINDOW, RECURSION_FORBIDDEN
from tests.capacity.figures import Figures
from tests.capacity.loads import (
    CLONE_FRESH,
    CLONE_WARM,
    COMPARED,
    FRESH_16,
    FRESH_64,
    FRESH_SIX,
    ONE_ROW,
    OTHERWISE,
    QUOTA,
    SMALL,
    SMALL_SIZED,
    WARM_16,
    WARM_64,
    Job,
)
from tests.capacity.text import ASSUMPTIONS, BINDS, COMPARED_NOTE, HEADER, OTHERWISE_NOTE, PLANTED_NOTE, RAISING

PLANTED = (
    Job(FRESH_16, RECURSION_FORBIDDEN),
    Job(CLONE_WARM, IMPATIENT),
    Job(WARM_64, PUBLISH_BY_WINDOW),
)
"""Defects that the simulation must show."""
COMPARISON = (*(Job(load, design) for load in COMPARED for design in (BEFORE, AFTER)), Job(SMALL_SIZED, AFTER))
JOBS = (
    *COMPARISON,
    *PLANTED,
    *(Job(load, AFTER) for load in OTHERWISE),
)
Results = Mapping[Job, Figures]


class Target(NamedTuple):
    """A figure that the design must reach."""

    name: str
    measured: str
    met: bool


def targets(results: Results) -> list[Target]:
    """Returns the targets and whether they are met."""
    after = {load: results[Job(load, AFTER)] for load in (*COMPARED, SMALL_SIZED)}
    fresh = [after[load] for load in (FRESH_16, FRESH_64, FRESH_SIX, CLONE_FRESH)]
    used = [found.used or 0 for found in fresh]
    waits = [found.longest_wait for found in fresh]
    warm_16, warm_64 = after[WARM_16].rows_per_second, after[WARM_64].rows_per_second
    lost = sum(not found.loses_nothing for found in after.values())
    return [
        Target("loads that lose a row or a file: 0", f"{lost}", lost == 0),
        Target("longest wait of a window, fresh table: under 180 s", f"{max(waits):.0f} s", max(waits) < 180),
        Target("capacity used, fresh table: 90% at least", _percent(min(used)), min(used) >= 0.9),
        Target("warm table, 16 shards: 7,000 rows/s", f"{warm_16:,.0f}", warm_16 >= 7_000),
        Target("warm table, 64 shards: 20,000 rows/s", f"{warm_64:,.0f}", warm_64 >= 20_000),
        Target("10 executions: all rows applied", f"{after[SMALL].rows_per_second:,.0f} rows/s", after[SMALL].is_done),
        *(_planted(job, results[job], after[job.load]) for job in PLANTED),
    ]


def _planted(job: Job, found: Figures, sound: Figures) -> Target:
    """Returns whether a planted defect shows: something is lost, calls fail for conflicts, or the load is less than
    half as fast."""
    shown = [
        f"{found.dropped_files} files dropped" if found.dropped_files > sound.dropped_files else "",
        f"{found.failed_for_conflicts} calls failed" if found.failed_for_conflicts > sound.failed_for_conflicts else "",
        f"{found.rows_per_second:,.0f} rows/s" if found.rows_per_second < sound.rows_per_second / 2 else "",
    ]
    text = ", ".join(filter(None, shown))
    return Target(f"planted: {job.design.name} shows", text or "nothing", bool(text))


def page(results: Results) -> str:
    """Returns the page in Markdown."""
    sections = [
        HEADER,
        "## Before and after",
        _table(COLUMNS, (_row(job, results[job]) for job in COMPARISON)),
        COMPARED_NOTE,
        _one_row_note(results),
        "## What binds",
        _table(("size", "binds first", "rows/s"), _binds(results)),
        RAISING,
        "## Targets",
        _table(
            ("target", "simulated", "result"),
            ((target.name, target.measured, "met" if target.met else "MISSED") for target in targets(results)),
        ),
        "## Planted defects",
        _table(("load", "defect", *COLUMNS[2:]), (_row(job, results[job]) for job in PLANTED)),
        PLANTED_NOTE,
        "## If AWS does otherwise",
        _table(("if", *COLUMNS[2:]), ([load.name, *_figures(results[Job(load, AFTER)])] for load in OTHERWISE)),
        OTHERWISE_NOTE,
        "## What AWS might still do otherwise",
        _table(("assumption", "source", "how to check"), ASSUMPTIONS),
    ]
    return "\n".join(_spaced(sections))


def _binds(results: Results) -> list[tuple[str, str, str]]:
    """Returns what binds first at each size, with the simulated rows a second."""
    found = [results[Job(load, AFTER)] for load in (FRESH_16, WARM_16, WARM_64, QUOTA, CLONE_WARM, ONE_ROW, SMALL)]
    return [(size, what, f"{item.rows_per_second:,.0f}") for (size, what), item in zip(BINDS, found, strict=True)]


def _one_row_note(results: Results) -> str:
    found = results[Job(ONE_ROW, AFTER)]
    return (
        f"Of the requests of one row, {found.accepted:,} were accepted, {found.refused:,} refused with 429 because "
        f"10,000 windows were in flight, and {found.unavailable:,} failed because AWS was busy."
    )


COLUMNS = (
    "load",
    "design",
    "rows/s",
    "capacity used",
    "stalls",
    "longest wait",
    "oldest window",
    "given up",
    "files dropped",
    "binds",
)
TEXT_COLUMNS = frozenset(
    {
        "assumption",
        "binds",
        "binds first",
        "defect",
        "design",
        "how to check",
        "if",
        "load",
        "result",
        "size",
        "source",
        "target",
    }
)
"""Columns of all tables that hold text. They are aligned to the left, all others to the right."""


def _row(job: Job, found: Figures) -> list[str]:
    return [job.load.name, job.design.name, *_figures(found)]


def _figures(found: Figures) -> list[str]:
    return [
        f"{found.rows_per_second:,.0f}" + ("" if found.is_done else " (not done)"),
        "-" if found.used is None else _percent(found.used),
        f"{found.stalls:,}",
        f"{found.longest_wait:,.0f} s",
        f"{found.longest_age:,.0f} s",
        f"{found.given_up:,}",
        f"{found.dropped_files:,}",
        found.binds,
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"


def _table(columns: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---" if column in TEXT_COLUMNS else "--:" for column in columns], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _spaced(sections: Sequence[str]) -> Iterator[str]:
    for section in sections:
        yield section.strip("\n")
        yield ""
