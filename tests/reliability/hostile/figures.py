"""What `make faults` tells of hostile input: what was tried, how much of it, and what it found.

All of it is drawn from fixed seeds but for the fuzzing by coverage, which shows the input that it found.
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
from tests.reliability.hostile.deployed import ROUNDS, deployed, drive_by_description, send_envelopes
from tests.reliability.hostile.described import Driven
from tests.reliability.hostile.envelopes import ENVELOPES
from tests.reliability.hostile.restoring import put_back
from tests.reliability.report import Findings, Table
from tests.simulation.gateway import Client

FUZZED_SECONDS = 30
"""Of each target."""
DETAILS = ROOT / "build" / "hostile.json"
"""The requests by operation."""
AGAIN = "see it again by `make faults PART=hostile`"

Line = tuple[str | int, ...]


def find() -> Findings:
    """Try all of it: some ten minutes, on a stack of its own."""
    costs = dict(_costs())
    violations = [f"hostile: {name}: {told}; {AGAIN}" for name, cost in costs.items() if (told := cost.complaint())]
    lines: list[Line] = [("bodies of 4 MiB, made to be costly", len(costs), len(violations))]
    for part in (_deployed, _fuzzed):
        tried, found = part()
        lines += tried
        violations += [f"hostile: {what}; {AGAIN}" for what in found]
    return Findings(tables=[_tried(lines), _table_of_costs(costs)], violations=violations)


def _costs() -> Iterator[tuple[str, Cost]]:
    """Each body in a dataset of its own, on moto."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()):  # where metrics go
        patch.setattr(handler.logger.registered_handler, "stream", io.StringIO())
        for _ in conftest.deployed(patch):
            client = Client()
            client.post("/projects", {"name": "birds", "classes": [{"name": "heron"}, {"name": "stork"}]})
            for number, (name, body) in enumerate(bodies().items()):
                client.post("/projects/birds/datasets", {"name": f"d{number}", "shards": 2})
                yield name, cost_of(client, body, f"/projects/birds/datasets/d{number}")


def _deployed() -> tuple[list[Line], list[str]]:
    with deployed() as stack:
        driven = drive_by_description(stack)
        taken = send_envelopes(stack)
        read, changed = put_back(stack)
    _keep(driven)
    lines: list[Line] = [
        (f"requests drawn from the description: {what}", each.total, len(each.failures))
        for what, each in driven.items()
    ]
    lines.append(("bodies that are not what they are said to be", len(ENVELOPES), len(taken)))
    lines.append(("versions read, before and after a table is put back in time", read, len(changed)))
    return lines, [failure for each in driven.values() for failure in each.failures] + taken + changed


def _keep(driven: dict[str, Driven]) -> None:
    DETAILS.parent.mkdir(exist_ok=True)
    kept = {
        what: {"requests": each.requests, "statuses": each.statuses, "failures": each.failures}
        for what, each in driven.items()
    }
    DETAILS.write_text(json.dumps(kept, indent=2) + "\n")


def _fuzzed() -> tuple[list[Line], list[str]]:
    if not fuzzing.is_here():
        return [(f"bytes, by coverage: {name}", "not run here", 0) for name in fuzzing.TARGETS], []
    lines: list[Line] = []
    crashes = []
    for name in fuzzing.TARGETS:
        fuzzed = fuzzing.fuzz(name, FUZZED_SECONDS)
        lines.append((f"bytes, by coverage: {name}", fuzzed.runs, int(fuzzed.crash is not None)))
        crashes += [f"{name}: {fuzzed.crash}"] if fuzzed.crash else []
    return lines, crashes


def _tried(lines: list[Line]) -> Table:
    seconds = ", ".join(str(each.seconds) for each in ROUNDS)
    note = (
        f"Measured on {time.strftime('%Y-%m-%d')}, bounded: requests drawn from the description for {seconds} s, "
        f"fuzzing by coverage for {FUZZED_SECONDS} s a line."
    )
    return Table(name="hostile", columns=("tried", "inputs", "violations"), rows=lines, note=note)


def _table_of_costs(costs: dict[str, Cost]) -> Table:
    rows: list[Line] = [
        (name, f"{cost.status} {cost.code}".strip(), f"{cost.seconds:.2f}", cost.bytes)
        for name, cost in sorted(costs.items(), key=lambda each: -each[1].seconds)
    ]
    return Table(
        name="hostile-bodies",
        columns=("body of 4 MiB", "answer", "CPU time, s", "bytes of the answer"),
        rows=rows,
        note=f"At most {MAX_SECONDS:.0f} s may be taken. The work of moto, which stands in for AWS, is in it.",
    )
