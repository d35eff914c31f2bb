"""Schedules by seed: a few here, many more in `make faults`. Also checks that seeds replay and bugs are found."""

import os
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, cast

import pytest

from tests.reliability.faults.operations import OPERATIONS, Operation, check_recovery, faulted
from tests.reliability.faults.planted import PLANTS
from tests.reliability.faults.schedules import run
from tests.reliability.faults.shrinking import shrunk

if TYPE_CHECKING:
    from tests.simulation.deployment import Deployment

SEEDS = range(5)
CAUGHT = {"head": 109, "marker": 0, "reads": 0, "publish": 13}
"""For each planted bug, a seed that finds it."""


@pytest.mark.parametrize("seed", SEEDS)
def test_a_schedule_keeps_the_invariants(seed: int) -> None:
    outcome = run(seed)
    schedule = "\n".join(outcome.trace)
    assert outcome.violation is None, (
        f"python -m tests.reliability.faults --seed {seed}: {outcome.violation}\n{schedule}"
    )


def test_a_seed_replays_the_same_schedule_in_any_process() -> None:
    command = [sys.executable, "-m", "tests.reliability.faults", "--seed", "3", "--digest"]
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(["shared", "."])}
    other = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    first, second = run(3), run(3)
    assert first.trace == second.trace
    assert other.stdout.strip() == first.digest


@pytest.mark.parametrize("name", CAUGHT)
def test_a_planted_fault_is_found(name: str) -> None:
    assert run(CAUGHT[name], plant=PLANTS[name][1]).violation


def _crash_everywhere(operation: Operation) -> None:
    for case in faulted(operation, None):
        check_recovery(case, operation)


def test_windows_that_are_sent_before_their_upload_is_recorded_are_found_by_a_crash_in_between() -> None:
    operation, no_world = OPERATIONS["submit, and no more"], cast("Deployment", None)
    with ExitStack() as stack:
        PLANTS["sent"][1](stack, no_world)
        with pytest.raises(AssertionError, match="is not stored"):
            _crash_everywhere(operation)


def test_a_schedule_that_finds_something_is_shrunk() -> None:
    _, plant = PLANTS["marker"]
    outcome = run(0, plant=plant)
    shrunk_outcome = shrunk(outcome, plant, max_runs=8)
    assert shrunk_outcome.violation
    assert len(shrunk_outcome.moves) < len(outcome.moves)
