"""Measures the fault harness: schedules by seed, one fault at every request, and planted bugs."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count
from typing import Any, NamedTuple

from tests.reliability.faults.injection import Fault
from tests.reliability.faults.operations import OPERATIONS, check_recovery, faulted
from tests.reliability.faults.planted import PLANTS
from tests.reliability.faults.schedules import Outcome, run
from tests.reliability.report import Findings, Table

SECONDS = 420
"""Time for the schedules. As many run as fit."""
PLANTED_SECONDS = 60
"""Time for each planted bug."""
MOST_PLANTED = 200
"""Most seeds for each planted bug."""
SINGLE = (None, Fault.OUTAGE, Fault.LOST_ANSWER, Fault.LOST_FOR_GOOD, Fault.CONFLICT)
"""The faults tried at every request of every operation. None is a crash."""
FIXED = 1
"""Violations that this harness found in the product and that are fixed. `docs/reliability.md` describes them."""


class _Single(NamedTuple):
    name: str
    fault: str
    tried: int
    violations: list[str]


def find() -> Findings:
    """Runs everything, within the times above."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        singles = list(
            pool.map(_single, *zip(*[(name, fault) for name in OPERATIONS for fault in SINGLE], strict=True))
        )
        outcomes = list(_until(pool, time.monotonic() + SECONDS, _seed, ((seed,) for seed in count())))
        planted = {
            name: list(
                _until(pool, time.monotonic() + PLANTED_SECONDS, _seed, ((seed, name) for seed in range(MOST_PLANTED)))
            )
            for name in PLANTS
        }
    violations = [violation for single in singles for violation in single.violations]
    violations += [
        f"python -m tests.reliability.faults --seed {outcome.seed}: {outcome.violation}"
        for outcome in outcomes
        if outcome.violation is not None
    ]
    tables = [
        _schedules(outcomes, singles, len(violations)),
        _injected(outcomes, singles),
        _planted(planted, outcomes),
    ]
    return Findings(tables=tables, violations=violations)


def _seed(seed: int, plant: str | None = None) -> Outcome:
    outcome = run(seed, plant=PLANTS[plant][1] if plant else None)
    outcome.trace.clear()
    return outcome


def _single(name: str, fault: Fault | None) -> _Single:
    operation, tried, violations = OPERATIONS[name], 0, []
    for case in faulted(operation, fault):
        tried += 1
        try:
            check_recovery(case, operation)
        except Exception as violation:  # noqa: BLE001 - every unexpected error is a violation
            violations.append(f"{name}: {fault or 'crash'} at {case.place}: {violation!r}")
    return _Single(name, fault.value if fault else "crash", tried, violations)


def _until(
    pool: ProcessPoolExecutor, end: float, work: Callable[..., Outcome], todo: Iterable[tuple[Any, ...]]
) -> Iterator[Outcome]:
    """Yields the outcomes of the calls that start before `end`, in the order of their seeds."""
    waiting: set[Future[Outcome]] = set()
    done: list[Outcome] = []
    for arguments in todo:
        if time.monotonic() > end:
            break
        waiting.add(pool.submit(work, *arguments))
        if len(waiting) >= 2 * (os.cpu_count() or 1):
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            done += [future.result() for future in finished]
    done += [future.result() for future in waiting]
    yield from sorted(done, key=lambda outcome: outcome.seed)


def _schedules(outcomes: list[Outcome], singles: list[_Single], violations: int) -> Table:
    rows: list[tuple[str | int, ...]] = [
        ("Schedules, one per seed", len(outcomes)),
        ("Moves", sum(len(outcome.moves) for outcome in outcomes)),
        ("HTTP requests to AWS", sum(outcome.requests for outcome in outcomes)),
        ("Switches from one invocation to another", sum(outcome.switches for outcome in outcomes)),
        ("Versions compared with the oracle, page by page", sum(outcome.versions for outcome in outcomes)),
        (
            "Operations run with one fault, at each of their requests",
            sum(single.tried for single in singles),
        ),
        ("Violations found earlier and fixed", FIXED),
        ("Violations found in this run", violations),
    ]
    note = f"Seeds 0 to {len(outcomes) - 1}, on {os.cpu_count()} cores shared with other work."
    return Table(name="schedules", columns=("", "Number"), rows=rows, note=note)


def _injected(outcomes: list[Outcome], singles: list[_Single]) -> Table:
    random = sum((outcome.faults for outcome in outcomes), Counter[str]())
    everywhere = Counter[str]()
    for single in singles:
        everywhere[single.fault] += single.tried
    kinds = [fault.value for fault in Fault]
    kinds += sorted(random.keys() - set(kinds))
    rows: list[tuple[str | int, ...]] = [(kind, random[kind], everywhere[kind]) for kind in kinds]
    rows.append(("crash after each request in turn", 0, everywhere["crash"]))
    rows.append(("all", random.total(), everywhere.total()))
    return Table(name="injected", columns=("Fault", "In schedules", "At every request"), rows=rows)


def _planted(planted: dict[str, list[Outcome]], outcomes: list[Outcome]) -> Table:
    rows: list[tuple[str | int, ...]] = []
    for name, runs in planted.items():
        caught = [outcome for outcome in runs if outcome.violation is not None]
        rows.append((PLANTS[name][0], f"{len(caught)} of {len(runs)}", _invariants(caught)))
    caught = [outcome for outcome in outcomes if outcome.violation is not None]
    rows.append(("none", f"{len(caught)} of {len(outcomes)}", _invariants(caught)))
    return Table(name="planted", columns=("Planted bug", "Schedules that found it", "Violated invariants"), rows=rows)


def _invariants(caught: list[Outcome]) -> str:
    names = Counter(_invariant(outcome.violation or "") for outcome in caught)
    return ", ".join(f"{name} ({times})" for name, times in names.most_common())


def _invariant(violation: str) -> str:
    names = {
        "1": "snapshot", "2": "whole windows", "3": "exactly once", "4": "order", "5": "dense versions",
        "6": "nothing lost", "7": "counts", "8": "isolation",
    }  # fmt: skip
    known = next((number for number in names if f"({number})" in violation), None)
    if known is not None:
        return f"{known}. {names[known]}"
    return "a roll back did not restore its version" if "(R10)" in violation else "an operation failed without a fault"
