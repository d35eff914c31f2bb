"""One crash, at every AWS call of every operation of roll backs and clones. Nobody repeats what he began."""

from collections.abc import Callable

import pytest

from tests.faults import invariants, model
from tests.faults.crashing import crashed
from tests.faults.invocation import Invocation
from tests.faults.model import DatasetModel
from tests.faults.oracle import Row
from tests.faults.world import World
from tidemark.domain.errors import NotFound
from tidemark.domain.windows import Window
from tidemark.services import clones, transfers

FRAMES = [f"f{number}" for number in range(4)]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard takes several pages."""
    monkeypatch.setattr(transfers, "PAGE_ROWS", 2)


def _add(frame_id: str, **metadata: str) -> Row:
    return {"op": "ADD", "frame": {"frame_id": frame_id, "metadata": metadata, "labels": []}}


def _dataset(world: World) -> DatasetModel:
    """A dataset at version 2: all frames were added, then three changed."""
    dataset = model.create_dataset(world, "ours", "train", 1)
    later: list[Row] = [_add("f0", city="Rome"), {"op": "DELETE", "frame_id": "f1"}, _add("new")]
    for number, rows in enumerate(([_add(frame_id) for frame_id in FRAMES], later)):
        model.start_submit(world, dataset, rows, f"key-{number}").run()
        world.drain()
    return dataset


def _roll_back(world: World, dataset: DatasetModel) -> Invocation:
    return model.start_rollback(world, dataset, 1)


def _read_shard(world: World, dataset: DatasetModel) -> Invocation:
    _roll_back(world, dataset).run()
    return world.start_step(world.transfers()[0], 0)


def _finish(world: World, dataset: DatasetModel) -> Invocation:
    _read_shard(world, dataset).run()
    return world.start_step(world.transfers()[0], None)


def _fail(world: World, dataset: DatasetModel) -> Invocation:
    _read_shard(world, dataset).run()
    return world.start_failure(world.transfers()[0])


def _send(world: World, dataset: DatasetModel) -> Invocation:
    _finish(world, dataset).run()
    return world.start_order(world.orders[0])


def _restore(world: World, dataset: DatasetModel) -> Invocation:
    """The last window, which finds what was changed while the roll back began."""
    _read_shard(world, dataset).run()
    model.start_submit(world, dataset, [_add("f3", city="Oslo"), _add("newer")], "meanwhile").run()
    world.start_apply(world.windows.groups()[0]).run()
    _finished_and_sent(world)
    while not _first_window(world).plan.restore:
        world.start_apply(world.windows.groups()[0]).run()
    return world.start_apply(world.windows.groups()[0])


def _finished_and_sent(world: World) -> None:
    world.start_step(world.transfers()[0], None).run()
    world.start_order(world.orders[0]).run()


def _first_window(world: World) -> Window:
    return Window.model_validate_json(world.first_window(world.windows.groups()[0]).body)


def _publish(world: World, dataset: DatasetModel) -> Invocation:
    _restore(world, dataset).run()
    return world.start_publish(dataset.uid, 10)


ROLLBACKS: dict[str, Callable[[World, DatasetModel], Invocation]] = {
    "roll back": _roll_back,
    "read shard": _read_shard,
    "finish": _finish,
    "fail": _fail,
    "send": _send,
    "restore": _restore,
    "publish": _publish,
}


@pytest.mark.parametrize("operation", ROLLBACKS)
def test_a_roll_back_in_which_something_crashed_is_made_whole_or_not_at_all(operation: str) -> None:
    for world, dataset in crashed(ROLLBACKS[operation], _dataset):
        invariants.check(world, dataset)
        world.drain()
        model.sweep_and_drain(world)
        invariants.check(world, dataset)
        invariants.check_all_settled(world, dataset)
        backend = world.process()
        last = model.read(backend, dataset, model.latest(world, dataset))
        assert last in (model.read(backend, dataset, 1), model.read(backend, dataset, 2))


def _clone(world: World, dataset: DatasetModel) -> Invocation:
    backend, where = world.process(), dataset.where()

    def operation() -> object:
        return clones.clone(
            backend, **where, version="1", into=None, name="copy", description="", actor="ann", request="once"
        )

    return Invocation("clone", operation)


def _read_clone(world: World, dataset: DatasetModel) -> Invocation:
    _clone(world, dataset).run()
    return world.start_step(world.transfers()[0], 0)


def _finish_clone(world: World, dataset: DatasetModel) -> Invocation:
    _read_clone(world, dataset).run()
    return world.start_step(world.transfers()[0], None)


CLONES: dict[str, Callable[[World, DatasetModel], Invocation]] = {
    "clone": _clone,
    "read shard": _read_clone,
    "finish": _finish_clone,
}


@pytest.mark.parametrize("operation", CLONES)
def test_a_clone_in_which_something_crashed_is_made_whole_or_is_not_there(operation: str) -> None:
    for world, dataset in crashed(CLONES[operation], _dataset):
        world.drain()
        model.sweep_and_drain(world)
        copy = DatasetModel(dataset.project, "copy", "", 1)
        backend = world.process()
        try:
            last = model.latest(world, copy)
        except NotFound:
            assert operation == "clone"
        else:
            assert model.read(backend, copy, last) == model.read(backend, dataset, 1)


def test_a_clone_whose_answer_got_lost_is_found_by_a_repeat() -> None:
    for world, dataset in crashed(_clone, _dataset):
        assert _clone(world, dataset).run().error is None
        world.drain()
        copy = DatasetModel(dataset.project, "copy", "", 1)
        backend = world.process()
        assert model.read(backend, copy, 1) == model.read(backend, dataset, 1)
