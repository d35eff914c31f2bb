"""The figures of the fault harness: schedules by seeds, one fault at every request, and planted faults."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count
from typing import Any, NamedTuple

from tests.reliability.faults.injection import Fault
from tests.reliability.faults.operations import OPERATIONS, disturbed, goes_well
from tests.reliability.faults.planted import PLANTS
from tests.reliability.faults.schedules import Outcome, run
from tests.reliability.report import Findings, Table

SECONDS = 420
"""How long schedules are run; as many as fit."""
PLANTED_SECONDS = 60
"""How long, for each planted fault."""
MOST_PLANTED = 200
"""Seeds for each of them, at most."""
SINGLE = (None, Fault.OUTAGE, Fault.LOST_ANSWER, Fault.LOST_FOR_GOOD, Fault.CONFLICT)
"""What is put at every request of every operation; None is a crash."""
FOUND = 1
"""Violations that came of this harness since it runs the functions; the document tells them."""


class _Single(NamedTuple):
    name: str
    fault: str
    tried: int
    violations: list[str]


def find() -> Findings:
    """Run all of it, bounded by the times above."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
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
    violations = [f"{one}" for single in singles for one in single.violations]
    violations += [
        f"python -m tests.reliability.faults --seed {one.seed}: {one.violation}"
        for one in outcomes
        if one.violation is not None
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
    for case in disturbed(operation, fault):
        tried += 1
        try:
            goes_well(case, operation)
        except Exception as violation:  # noqa: BLE001 - whatever it is, it must not be, and is told
            violations.append(f"{name}: {fault or 'crash'} at {case.place}: {violation!r}")
    return _Single(name, fault.value if fault else "crash", tried, violations)


def _until(
    pool: ProcessPoolExecutor, end: float, work: Callable[..., Outcome], todo: Iterable[tuple[Any, ...]]
) -> Iterator[Outcome]:
    """What comes of the work, in the order of its arguments, as far as it is begun before a time."""
    waiting: set[Future[Outcome]] = set()
    done: list[Outcome] = []
    for arguments in todo:
        if time.monotonic() > end:
            break
        waiting.add(pool.submit(work, *arguments))
        if len(waiting) >= 2 * (os.cpu_count() or 1):
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            done += [one.result() for one in finished]
    done += [one.result() for one in waiting]
    yield from sorted(done, key=lambda outcome: outcome.seed)


def _schedules(outcomes: list[Outcome], singles: list[_Single], violations: int) -> Table:
    rows: list[tuple[str | int, ...]] = [
        ("Schedules, each a seed", len(outcomes)),
        ("Moves in them", sum(len(one.moves) for one in outcomes)),
        ("HTTP requests to AWS, before everything comes to its end and in that", sum(one.requests for one in outcomes)),
        ("Times that another invocation went on than before", sum(one.switches for one in outcomes)),
        ("Versions compared with the oracle, page by page", sum(one.versions for one in outcomes)),
        ("Operations with one fault, at every one of their requests", sum(one.tried for one in singles)),
        ("Violations found while the harness was written, mended since", FOUND),
        ("Violations found now", violations),
    ]
    note = f"Seeds 0 to {len(outcomes) - 1}, on {os.cpu_count()} cores that had other work too."
    return Table(name="schedules", columns=("", "Number"), rows=rows, note=note)


def _injected(outcomes: list[Outcome], singles: list[_Single]) -> Table:
    random = sum((one.faults for one in outcomes), Counter[str]())
    everywhere = Counter[str]()
    for single in singles:
        everywhere[single.fault] += single.tried
    kinds = [fault.value for fault in Fault] + sorted(name for name in random if name.startswith("crash"))
    rows: list[tuple[str | int, ...]] = [(kind, random[kind], everywhere[kind]) for kind in kinds]
    rows.append(("crash after a request, at each in turn", 0, everywhere["crash"]))
    rows.append(("all", random.total(), everywhere.total()))
    return Table(name="injected", columns=("What went wrong", "In schedules", "At every request"), rows=rows)


def _planted(planted: dict[str, list[Outcome]], outcomes: list[Outcome]) -> Table:
    rows: list[tuple[str | int, ...]] = []
    for name, found in planted.items():
        caught = [one for one in found if one.violation is not None]
        rows.append((PLANTS[name][0], f"{len(caught)} of {len(found)}", _invariants(caught)))
    caught = [one for one in outcomes if one.violation is not None]
    rows.append(("none: the code as it is", f"{len(caught)} of {len(outcomes)}", _invariants(caught)))
    return Table(name="planted", columns=("Fault put into the code", "Schedules that found it", "By"), rows=rows)


def _invariants(caught: list[Outcome]) -> str:
    by = Counter(_by(one.violation or "") for one in caught)
    return ", ".join(f"{name} ({times})" for name, times in by.most_common())


def _by(violation: str) -> str:
    names = {
        "1": "snapshot", "2": "whole windows", "3": "exactly once", "4": "order", "5": "dense versions",
        "6": "nothing lost", "7": "counts", "8": "isolation",
    }  # fmt: skip
    known = next((number for number in names if f"({number})" in violation), None)
    if known is not None:
        return f"{known}. {names[known]}"
    return "a roll back that does not restore" if "(R10)" in violation else "an operation that fails undisturbed"
