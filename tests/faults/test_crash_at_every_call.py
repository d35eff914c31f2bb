"""One crash, at every AWS call of every operation in turn, before it and after it took effect."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults import model
from tests.faults.model import DatasetModel
from tests.faults.oracle import Row
from tests.faults.world import Invocation, World, new_world
from tidemark.services import files

FRAMES = [f"f{number}" for number in range(6)]


def _label(class_name: str) -> dict[str, str]:
    return {"id": "l0", "type": "CLASSIFICATION_2D", "class": class_name}


def _add(frame_id: str, class_name: str = "car") -> Row:
    frame = {"frame_id": frame_id, "metadata": {"city": "Oslo"}, "labels": [_label(class_name)]}
    return {"op": "ADD", "frame": frame}


FIRST = [_add(frame_id) for frame_id in FRAMES]
SECOND: list[Row] = [
    {"op": "MODIFY", "frame": {"frame_id": "f0", "labels": [_label("dog")]}},
    {"op": "MODIFY", "frame": {"frame_id": "f1", "metadata": {"weather": "rain"}}, "remove_labels": ["l0"]},
    {"op": "DELETE", "frame_id": "f2"},
    {"op": "DELETE", "frame_id": "nowhere"},
    _add("f3", "dog"),
    _add("f4", "unicorn"),
]
THIRD: list[Row] = [
    {"op": "ADD", "frame": {"frame_id": "f0", "metadata": {"city": "Rome"}, "labels": []}},
    {"op": "MODIFY", "frame": {"frame_id": "f1", "metadata": {"weather": "sun"}}},
    {"op": "ADD", "frame": {"frame_id": "f2", "labels": []}},
]


def _submit(world: World, dataset: DatasetModel) -> Invocation:
    return model.start_submit(world, dataset, SECOND, "second")


def _apply(world: World, dataset: DatasetModel) -> Invocation:
    _submit(world, dataset).run()
    return world.start_apply(world.windows.groups()[0])


def _publish(world: World, dataset: DatasetModel) -> Invocation:
    _apply(world, dataset).run()
    return world.start_publish(dataset.uid, 10)


def _give_up(world: World, dataset: DatasetModel) -> Invocation:
    _submit(world, dataset).run()
    message = world.first_window(world.windows.groups()[0])
    world.bury(message)
    return world.start_give_up(message)


def _send_file(world: World, dataset: DatasetModel) -> Invocation:
    return model.start_file(world, dataset, SECOND, "second")


def _read_file(world: World, dataset: DatasetModel) -> Invocation:
    _send_file(world, dataset).run()
    return world.start_order(world.orders[0])


def _settle_file(world: World, dataset: DatasetModel) -> Invocation:
    _read_file(world, dataset).run()
    for _ in range(len(world.windows.waiting[f"{dataset.uid}#0"])):
        world.start_apply(f"{dataset.uid}#0").run()
    return world.start_publish(dataset.uid, 10)


FILE_OPERATIONS: dict[str, Callable[[World, DatasetModel], Invocation]] = {
    "send file": _send_file,
    "read file": _read_file,
    "publish file": _settle_file,
}
OPERATIONS: dict[str, Callable[[World, DatasetModel], Invocation]] = {
    "submit": _submit,
    "apply": _apply,
    "publish": _publish,
    "give up": _give_up,
}
"""Each brings a dataset that holds `FIRST` to the moment of the operation, and starts it."""


def _dataset(world: World) -> DatasetModel:
    dataset = model.create_dataset(world, "ours", "train", 1)
    model.start_submit(world, dataset, FIRST, "first").run()
    world.drain()
    return dataset


def _calls(operation: str) -> list[str]:
    with new_world() as world:
        invocation = (OPERATIONS | FILE_OPERATIONS)[operation](world, _dataset(world)).run()
        assert invocation.error is None
        return invocation.calls


def _crashed(operation: str, after: bool) -> Iterator[tuple[World, DatasetModel]]:
    """A world for each call of an operation, in which it crashed there."""
    calls = _calls(operation)
    assert calls, "an operation that calls nothing proves nothing"
    for position, call in enumerate(calls):
        with new_world() as world:
            dataset = _dataset(world)
            invocation = (OPERATIONS | FILE_OPERATIONS)[operation](world, dataset)
            for _ in range(position):
                invocation.step()
            invocation.crash(after=after)
            assert invocation.crashed, f"no crash at call {position}, {call}"
            yield world, dataset


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_crash_at_any_call_loses_and_doubles_nothing(operation: str, after: bool) -> None:
    for world, dataset in _crashed(operation, after):
        model.check(world, dataset)
        _submit(world, dataset).run()
        world.drain()
        model.check(world, dataset)
        model.check_all_settled(world, dataset)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_sender_that_repeats_itself_late_undoes_nothing(after: bool) -> None:
    for world, dataset in _crashed("submit", after):
        model.start_submit(world, dataset, THIRD, "third").run()
        world.drain()
        model.check(world, dataset)
        world.let_five_minutes_pass()
        _submit(world, dataset).run()
        world.drain()
        model.check(world, dataset)
        model.check_all_settled(world, dataset)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", FILE_OPERATIONS)
def test_a_crash_while_a_file_is_taken_loses_and_doubles_nothing(
    monkeypatch: pytest.MonkeyPatch, operation: str, after: bool
) -> None:
    monkeypatch.setattr(files, "PART_ROWS", 4)
    for world, dataset in _crashed(operation, after):
        model.check(world, dataset)
        world.let_five_minutes_pass()
        _send_file(world, dataset).run()
        world.drain()
        model.check(world, dataset)
        model.check_all_settled(world, dataset)
