"""Measures hostile input for `docs/reliability.md`.

Everything follows from fixed seeds, except the coverage-guided fuzzing, which prints the input of a crash.
"""

import io
import json
import time
from collections.abc import Iterator
from contextlib import redirect_stdout

import pytest

from functions.api import handler
from infra.local.server import ROOT
from tests.integration.api import conftest
from tests.reliability.hostile import fuzzing
from tests.reliability.hostile.bodies import bodies
from tests.reliability.hostile.costs import MAX_SECONDS, Cost, cost_of
from tests.reliability.hostile.deployed import FIRST_PORT, ROUNDS, drive_by_description, send_envelopes
from tests.reliability.hostile.described import Driven
from tests.reliability.hostile.envelopes import ENVELOPES
from tests.reliability.hostile.restoring import check_restore
from tests.reliability.report import Findings, Table
from tests.simulation.gateway import Client
from tests.support.temporary_stack import temporary_stack

FUZZED_SECONDS = 30
"""Seconds for each fuzz target."""
DETAILS = ROOT / "build" / "hostile.json"
"""The file with the number of requests by operation."""
AGAIN = "reproduce with `make faults PART=hostile`"

Line = tuple[str | int, ...]


def find() -> Findings:
    """Tries everything, in about ten minutes, on a stack of its own."""
    costs = dict(_costs())
    violations = [
        f"hostile: {name}: {complaint}; {AGAIN}" for name, cost in costs.items() if (complaint := cost.complaint())
    ]
    lines: list[Line] = [("costly bodies of 4 MiB", len(costs), len(violations))]
    for part in (_deployed, _fuzzed):
        rows, failures = part()
        lines += rows
        violations += [f"hostile: {failure}; {AGAIN}" for failure in failures]
    return Findings(tables=[_tried(lines), _table_of_costs(costs)], violations=violations)


def _costs() -> Iterator[tuple[str, Cost]]:
    """Yields the cost of each body, sent to a dataset of its own, on moto."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()):  # metrics go to stdout
        patch.setattr(handler.logger.registered_handler, "stream", io.StringIO())
        for _ in conftest.deployed(patch):
            client = Client()
            client.post("/projects", {"name": "birds", "classes": [{"name": "heron"}, {"name": "stork"}]})
            for number, (name, body) in enumerate(bodies().items()):
                client.post("/projects/birds/datasets", {"name": f"d{number}", "shards": 2})
                yield name, cost_of(client, body, f"/projects/birds/datasets/d{number}")


def _deployed() -> tuple[list[Line], list[str]]:
    with temporary_stack(FIRST_PORT) as stack:
        driven = drive_by_description(stack)
        taken = send_envelopes(stack)
        read, changed = check_restore(stack)
    _write_details(driven)
    lines: list[Line] = [
        (f"requests generated from the API description: {what}", each.total, len(each.failures))
        for what, each in driven.items()
    ]
    lines.append(("bodies that contradict their headers", len(ENVELOPES), len(taken)))
    lines.append(("versions read, before and after a table is restored", read, len(changed)))
    return lines, [failure for each in driven.values() for failure in each.failures] + taken + changed


def _write_details(driven: dict[str, Driven]) -> None:
    DETAILS.parent.mkdir(exist_ok=True)
    details = {
        what: {"requests": each.requests, "statuses": each.statuses, "failures": each.failures}
        for what, each in driven.items()
    }
    DETAILS.write_text(json.dumps(details, indent=2) + "\n")


def _fuzzed() -> tuple[list[Line], list[str]]:
    if not fuzzing.is_here():
        return [(f"coverage-guided fuzzing: {name}", "not run here", 0) for name in fuzzing.TARGETS], []
    lines: list[Line] = []
    crashes = []
    for name in fuzzing.TARGETS:
        fuzzed = fuzzing.fuzz(name, FUZZED_SECONDS)
        lines.append((f"coverage-guided fuzzing: {name}", fuzzed.runs, int(fuzzed.crash is not None)))
        crashes += [f"{name}: {fuzzed.crash}"] if fuzzed.crash else []
    return lines, crashes


def _tried(lines: list[Line]) -> Table:
    seconds = ", ".join(str(each.seconds) for each in ROUNDS)
    note = (
        f"Measured on {time.strftime('%Y-%m-%d')}, limits: requests generated from the API description for "
        f"{seconds} s, coverage-guided fuzzing for {FUZZED_SECONDS} s per target."
    )
    return Table(name="hostile", columns=("tried", "inputs", "violations"), rows=lines, note=note)


def _table_of_costs(costs: dict[str, Cost]) -> Table:
    rows: list[Line] = [
        (name, f"{cost.status} {cost.code}".strip(), f"{cost.seconds:.2f}", cost.bytes)
        for name, cost in sorted(costs.items(), key=lambda each: -each[1].seconds)
    ]
    return Table(
        name="hostile-bodies",
        columns=("body of 4 MiB", "response", "CPU time, s", "response bytes"),
        rows=rows,
        note=f"The limit is {MAX_SECONDS:.0f} s. CPU time includes moto, which simulates AWS.",
    )
