"""Schedules by seeds: some of them here, thousands in `make faults`; and that they are what they say."""

import os
import subprocess
import sys

import pytest

from tests.faults.planted import PLANTS
from tests.faults.schedules import run
from tests.faults.shrinking import shrunk

SEEDS = range(8)
REGRESSIONS = {
    223: "the API answered 500 where a write of one item met a transaction",
}
"""Seeds that found something once, and what."""
CAUGHT = {"head": 61, "marker": 0, "sent": 18, "reads": 0, "publish": 13}
"""A seed that finds each planted fault."""


@pytest.mark.parametrize("seed", [*SEEDS, *REGRESSIONS])
def test_a_schedule_keeps_the_invariants(seed: int) -> None:
    outcome = run(seed)
    schedule = "\n".join(outcome.trace)
    assert outcome.violation is None, f"python -m tests.faults --seed {seed}: {outcome.violation}\n{schedule}"


def test_a_seed_replays_the_same_schedule_in_any_process() -> None:
    command = [sys.executable, "-m", "tests.faults", "--seed", "3", "--digest"]
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(["shared", "."])}
    other = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    first, second = run(3), run(3)
    assert first.trace == second.trace
    assert other.stdout.strip() == first.digest


@pytest.mark.parametrize("name", CAUGHT)
def test_a_planted_fault_is_found(name: str) -> None:
    assert run(CAUGHT[name], plant=PLANTS[name][1]).violation


def test_a_schedule_that_finds_something_is_shrunk() -> None:
    _, plant = PLANTS["marker"]
    whole = run(0, plant=plant)
    shorter = shrunk(whole, plant, most_runs=8)
    assert shorter.violation
    assert len(shorter.moves) < len(whole.moves)
