"""One crash at every AWS call of each step of a purge in turn: before the first, and after each took effect."""

from collections.abc import Callable, Iterator

import pytest

from tests.simulation.invocation import Invocation
from tests.simulation.world import Execution, World, new_world
from tests.support.frames import State, state
from tests.support.purges import archive_for_purge, begin_purge, items, objects, purges, uid_of
from tests.support.transfers import clone
from tests.support.uploads import DATASET, PROJECT, add, upload
from tidemark.catalog import dataset_records
from tidemark.datasets import datasets, projects
from tidemark.domain.errors import NotFound
from tidemark.domain.frames.class_map import ClassInput
from tidemark.retention import purge

COPY = "copy"


def _world_with_a_clone(world: World) -> tuple[str, State]:
    """Creates a dataset of two packs and a clone that uses one of them, and archives the dataset.

    Returns the dataset's uid and the clone's frames.
    """
    classes = [ClassInput(name="heron")]
    projects.create_project(world.process(), name=PROJECT, description="", classes=classes, actor="admin")
    datasets.create_dataset(world.process(), project=PROJECT, name=DATASET, description="", shards=1, actor="admin")
    upload(world, add("a"), add("b"))
    upload(world, add("a", n=1))
    clone(world, COPY, version="1")
    archive_for_purge(world)
    return uid_of(world), state(world, 1, dataset=COPY)


def _begin(world: World) -> Invocation:
    backend = world.process()
    return Invocation(
        "purge",
        lambda: purge.begin_purge(backend, project=PROJECT, dataset=DATASET, confirmation=DATASET, actor="ann"),
    )


def _execution(world: World) -> Execution:
    begin_purge(world)
    return purges(world)[-1]


def _shard(world: World) -> Invocation:
    return world.start_purge_step(_execution(world), 0)


def _packs(world: World) -> Invocation:
    _shard(world).run()
    return world.start_purge_step(_execution(world), None)


def _records(world: World) -> Invocation:
    _packs(world).run()
    return world.start_purge_step(_execution(world), None)


STEPS: dict[str, Callable[[World], Invocation]] = {
    "begin": _begin,
    "delete shard": _shard,
    "delete packs": _packs,
    "delete records": _records,
}


def _crashed(step: Callable[[World], Invocation]) -> Iterator[tuple[World, str, State]]:
    """Yields a world for each call of a step, in which the step crashed at that call."""
    with new_world() as world:
        _world_with_a_clone(world)
        undisturbed = step(world).run()
    assert undisturbed.error is None
    assert undisturbed.calls
    for position in range(len(undisturbed.calls) + 1):
        with new_world() as world:
            uid, content = _world_with_a_clone(world)
            invocation = step(world)
            for _ in range(position - 1):
                invocation.step()
            invocation.crash(after=position > 0)
            assert invocation.crashed, f"no crash at call {position} of {undisturbed.calls}"
            yield world, uid, content


def _go_on(world: World) -> None:
    """Requests the purge again, if the dataset still exists, and runs the workflow to its end."""
    try:
        dataset_records.definition(world.process(), PROJECT, DATASET)
    except NotFound:
        return
    world.run_purge(_execution(world))


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_call_leaves_nothing_behind_and_the_clone_whole(step: str) -> None:
    for world, uid, content in _crashed(STEPS[step]):
        assert state(world, 1, dataset=COPY) == content
        _go_on(world)
        assert items(world, uid) == [f"R#{uid_of(world, COPY)}"]
        assert len(objects(world, uid)) == 1, "the pack that the clone uses"
        assert state(world, 1, dataset=COPY) == content


@pytest.mark.parametrize("step", ["delete packs", "delete records"])
def test_a_crash_of_the_last_clones_purge_leaves_nothing_of_its_source(step: str) -> None:
    for world, uid, _ in _crashed(STEPS[step]):
        _go_on(world)
        clone = archive_for_purge(world, COPY).uid
        begin_purge(world, COPY)
        world.run_purge(purges(world)[-1])
        assert items(world, uid) == items(world, clone) == []
        assert objects(world, uid) == objects(world, clone) == []
