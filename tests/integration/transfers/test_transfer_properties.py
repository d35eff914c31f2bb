"""Roll backs and clones of random histories, with writes meanwhile (R10, R33)."""

from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.versions.test_diff_properties import a_history, applied, state
from tests.reliability.faults import invariants, model
from tests.reliability.faults.model import DatasetModel
from tests.reliability.faults.rows import UPLOADS
from tests.simulation.world import World
from tests.support import diffs
from tidemark.transfers import clone, workflow

Rows = list[dict[str, Any]]
PICK = st.integers(min_value=0, max_value=1000)
HISTORY = st.lists(UPLOADS, min_size=1, max_size=4)
SHARDS = st.integers(min_value=1, max_value=2)
MEANWHILE = st.lists(st.tuples(PICK, UPLOADS), max_size=3)
"""Uploads sent during a transfer, each with the number of the transfer's steps before it."""
PAGES = st.sampled_from([1, 2, 1000])
FEWER = settings(max_examples=settings.default.max_examples // 4)  # type: ignore[union-attr]
"""Fewer examples, since each one is a whole dataset and takes about a second."""


def go_on(world: World, steps: int) -> None:
    """Runs up to `steps` steps, modulo 6, of what is waiting."""
    for _ in range(steps % 6):
        if world.transfers():
            execution = world.transfers()[0]
            left = [shard for shard in execution.input["shards"] if shard not in world.read[execution.name]]
            world.start_step(execution, left[0] if left else None, 1).run()
        elif world.tasks:
            world.start_task(world.tasks[0]).run()
        elif world.windows.groups():
            world.start_apply(world.windows.groups()[0]).run()


def while_writers_go_on(world: World, dataset: DatasetModel, meanwhile: list[tuple[int, Rows]]) -> None:
    for number, (steps, rows) in enumerate(meanwhile):
        go_on(world, steps)
        model.start_submit(world, dataset, rows, f"meanwhile-{number}").run()
    world.drain()


@FEWER
@given(HISTORY, SHARDS, PICK, PAGES)
def test_a_roll_back_leads_to_the_state_of_its_version(history: list[Rows], shards: int, to: int, rows: int) -> None:
    with a_history(history, shards) as (world, dataset, last), patch.object(workflow, "MAX_CHUNK_ROWS", rows):
        version = to % (last + 1)
        model.start_rollback(world, dataset, version).run()
        world.drain()
        assert state(world, dataset, last + 1) == state(world, dataset, version)


@FEWER
@given(HISTORY, SHARDS, PICK, MEANWHILE)
def test_each_shard_is_restored_whole_at_one_moment_whatever_is_sent_meanwhile(
    history: list[Rows], shards: int, to: int, meanwhile: list[tuple[int, Rows]]
) -> None:
    """The invariants check each shard's state after the last window of the roll back."""
    with a_history(history, shards) as (world, dataset, last), patch.object(workflow, "MAX_CHUNK_ROWS", 2):
        model.start_rollback(world, dataset, to % (last + 1)).run()
        while_writers_go_on(world, dataset, meanwhile)
        invariants.check(world, dataset)
        invariants.check_all_settled(world, dataset)


@FEWER
@given(HISTORY, SHARDS, PICK, MEANWHILE, PAGES)
def test_a_clone_begins_with_the_state_of_its_version(
    history: list[Rows], shards: int, pick: int, meanwhile: list[tuple[int, Rows]], rows: int
) -> None:
    with a_history(history, shards) as (world, dataset, last), patch.object(workflow, "MAX_CHUNK_ROWS", rows):
        if last == 0:
            return
        version = 1 + pick % last
        made, _ = clone.clone(
            world.process(),
            **dataset.where(),
            version=str(version),
            into=None,
            name="copy",
            description="",
            actor="ann",
            request=None,
        )
        while_writers_go_on(world, dataset, meanwhile)
        copy = DatasetModel(dataset.project, "copy", made.uid, shards)
        assert state(world, copy, 1) == state(world, dataset, version)


@FEWER
@given(HISTORY, SHARDS, PICK, PICK)
def test_a_diff_tells_what_a_roll_back_has_undone(history: list[Rows], shards: int, to: int, then: int) -> None:
    with a_history(history, shards) as (world, dataset, last):
        for version in (to % (last + 1), then % (last + 2)):
            model.start_rollback(world, dataset, version).run()
            world.drain()
        items = diffs.diff(world, last, last + 2, **dataset.where())
        assert applied(state(world, dataset, last), items) == state(world, dataset, last + 2)
        assert state(world, dataset, last + 2) == state(world, dataset, then % (last + 2))
