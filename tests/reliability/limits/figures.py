"""Runs random loads in simulated accounts at length."""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from tests.reliability.limits.deployed import deployed_limits
from tests.reliability.limits.random_loads import Result, run
from tests.reliability.report import Findings, Table

SECONDS = 240
"""Time for the loads. As many run as fit."""


class _Load(NamedTuple):
    result: Result
    violation: str | None


def find() -> Findings:
    """Runs the loads of as many seeds as fit into the time above."""
    ends = time.monotonic() + SECONDS
    processes = os.cpu_count() or 1
    loads: list[_Load] = []
    deployed_limits()  # once, before the processes are forked
    with ProcessPoolExecutor(processes) as pool:
        while time.monotonic() < ends:
            loads += pool.map(_load, range(len(loads), len(loads) + 2 * processes))
    violations = [load.violation for load in loads if load.violation is not None]
    results = [load.result for load in loads]
    rows: list[tuple[str | int, ...]] = [
        ("Loads, one per seed", len(loads)),
        ("Simulated hours", round(sum(result.minutes for result in results) / 60)),
        ("Calls of functions with messages", sum(result.calls for result in results)),
        ("Calls and steps that failed or were killed", sum(result.failures.total() for result in results)),
        ("Calls and steps that Lambda throttled", sum(result.throttled.total() for result in results)),
        ("Requests to throttled partitions", sum(result.refused for result in results)),
        ("Conflicting writes", sum(result.conflicts for result in results)),
        ("Violations found in this run", len(violations)),
    ]
    note = f"Seeds 0 to {len(loads) - 1}, on {processes} cores shared with other work."
    return Findings(tables=[Table(name="limits", columns=("", "Number"), rows=rows, note=note)], violations=violations)


def _load(seed: int) -> _Load:
    try:
        return _Load(run(seed), None)
    except Exception as violation:  # noqa: BLE001 - every error is a violation
        return _Load(Result(), f"python -m tests.reliability.limits {seed}: {violation!r}")
