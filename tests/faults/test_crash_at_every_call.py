"""One crash, at every AWS call of every operation in turn: before the first, and after each has taken effect.

To crash before a call is to crash after the one before it: what AWS holds is the same.
"""

from collections.abc import Callable

import pytest

from tests.faults import invariants, model
from tests.faults.crashing import crashed
from tests.faults.invocation import Invocation
from tests.faults.model import DatasetModel
from tests.faults.oracle import Row
from tests.faults.world import World
from tidemark.domain.datasets import Mode
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


def _retry(world: World, dataset: DatasetModel) -> Invocation:
    _give_up(world, dataset).run()
    world.drain()
    return model.start_retry(world, dataset, next(reversed(dataset.submissions)))


def _retry_file(world: World, dataset: DatasetModel) -> Invocation:
    _read_file(world, dataset).run()
    while world.windows.groups():
        world.bury(world.first_window(world.windows.groups()[0]))
    world.drain()
    return model.start_retry(world, dataset, next(reversed(dataset.submissions)))


def _reopen_file(world: World, dataset: DatasetModel) -> Invocation:
    _retry_file(world, dataset).run()
    return world.start_order(world.orders[0])


def _resume_file(world: World, dataset: DatasetModel) -> Invocation:
    _read_file(world, dataset).run()
    world.windows.waiting.clear()
    world.let_five_minutes_pass()
    model.resume(world, dataset, next(reversed(dataset.submissions)))
    return world.start_order(world.orders[0])


RESUMED: dict[str, Callable[[World, DatasetModel], Invocation]] = {
    "retry": _retry,
    "retry file": _retry_file,
    "reopen file": _reopen_file,
    "resume file": _resume_file,
}
"""Of these nobody repeats what he began: the sweep has to find it."""

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
ALL = OPERATIONS | FILE_OPERATIONS | RESUMED


def _dataset(world: World) -> DatasetModel:
    dataset = model.create_dataset(world, "ours", "train", 1)
    model.start_submit(world, dataset, FIRST, "first").run()
    world.drain()
    return dataset


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_crash_at_any_call_loses_and_doubles_nothing(operation: str) -> None:
    for world, dataset in crashed(ALL[operation], _dataset):
        invariants.check(world, dataset)
        _submit(world, dataset).run()
        world.drain()
        invariants.check(world, dataset)
        invariants.check_all_settled(world, dataset)


def test_a_sender_that_repeats_itself_late_undoes_nothing() -> None:
    for world, dataset in crashed(_submit, _dataset):
        model.start_submit(world, dataset, THIRD, "third").run()
        world.drain()
        invariants.check(world, dataset)
        world.let_five_minutes_pass()
        _submit(world, dataset).run()
        world.drain()
        invariants.check(world, dataset)
        invariants.check_all_settled(world, dataset)


@pytest.mark.parametrize("operation", FILE_OPERATIONS)
def test_a_crash_while_a_file_is_taken_loses_and_doubles_nothing(
    monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    monkeypatch.setattr(files, "PART_ROWS", 4)
    for world, dataset in crashed(ALL[operation], _dataset):
        invariants.check(world, dataset)
        world.let_five_minutes_pass()
        _send_file(world, dataset).run()
        world.drain()
        invariants.check(world, dataset)
        invariants.check_all_settled(world, dataset)


@pytest.mark.parametrize("operation", ["submit", "read file", *RESUMED])
def test_what_a_crash_leaves_lying_is_finished_by_the_sweep(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    monkeypatch.setattr(files, "PART_ROWS", 4)
    for world, dataset in crashed(ALL[operation], _dataset):
        invariants.check(world, dataset)
        world.drain()
        model.sweep_and_drain(world)
        invariants.check(world, dataset)
        invariants.check_all_settled(world, dataset)


# BATCH datasets

BATCH_ROWS = [*FIRST, _add("f0", "dog")]


def _batch_submit(world: World, dataset: DatasetModel) -> Invocation:
    return model.start_submit(world, dataset, FIRST, "batch")


def _batch_apply(world: World, dataset: DatasetModel) -> Invocation:
    _batch_submit(world, dataset).run()
    return world.start_apply(world.windows.groups()[0])


def _batch_read(world: World, dataset: DatasetModel) -> Invocation:
    model.start_file(world, dataset, BATCH_ROWS, "batch").run()
    return world.start_order(world.orders[0])


def _batch_release(world: World, dataset: DatasetModel) -> Invocation:
    _batch_read(world, dataset).run()
    return world.start_order(world.orders[0])


def _batch_publish(world: World, dataset: DatasetModel) -> Invocation:
    _batch_release(world, dataset).run()
    while world.windows.groups():
        world.start_apply(world.windows.groups()[0]).run()
    return world.start_publish(dataset.uid, 10)


BATCH_OPERATIONS: dict[str, Callable[[World, DatasetModel], Invocation]] = {
    "submit": _batch_submit,
    "apply": _batch_apply,
    "read file": _batch_read,
    "release": _batch_release,
    "publish": _batch_publish,
}


def _batch(world: World) -> DatasetModel:
    return model.create_dataset(world, "ours", "golden", 1, Mode.BATCH)


@pytest.mark.parametrize("operation", BATCH_OPERATIONS)
def test_a_crash_while_a_batch_dataset_is_filled_leaves_it_empty_or_has_it_filled_whole(
    monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    monkeypatch.setattr(files, "PART_ROWS", 3)
    for world, dataset in crashed(BATCH_OPERATIONS[operation], _batch):
        world.drain()
        model.sweep_and_drain(world)
        invariants.check(world, dataset)
        invariants.check_all_settled(world, dataset)
        latest = model.latest(world, dataset)
        assert latest in (0, 1)
        assert len(model.read(world.process(), dataset, latest)) == (len(FRAMES) if latest else 0)
