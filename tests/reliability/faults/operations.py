"""Every operation of the deployment, each run with one fault at each of its requests in turn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import NamedTuple
from unittest.mock import patch

from tests.reliability.faults import invariants, model, requests
from tests.reliability.faults.injection import Fault, OneFault
from tests.reliability.faults.model import DatasetModel
from tests.reliability.faults.oracle import Row
from tests.reliability.faults.schedules import EXPECTED
from tests.simulation.deployment import Deployment, new_deployment
from tests.simulation.invocation import Invocation
from tidemark.domain.datasets import Mode
from tidemark.domain.windows import Window
from tidemark.ingest import file_reader
from tidemark.transfers import workflow

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

Start = Callable[[Deployment, DatasetModel], Invocation]


def _filled(world: Deployment) -> DatasetModel:
    """Creates a dataset with the rows `FIRST`."""
    dataset = model.create_dataset(world, "ours", "train", 1)
    requests.start_submit(world, dataset, FIRST, "first").run()
    world.drain()
    return dataset


def _batch(world: Deployment) -> DatasetModel:
    return model.create_dataset(world, "ours", "golden", 1, Mode.BATCH)


def submit(world: Deployment, dataset: DatasetModel) -> Invocation:
    """Starts a client that sends rows."""
    return requests.start_submit(world, dataset, SECOND, "second")


def _apply(world: Deployment, dataset: DatasetModel) -> Invocation:
    submit(world, dataset).run()
    return world.start_apply(world.windows.groups()[0])


def _publish(world: Deployment, dataset: DatasetModel) -> Invocation:
    _apply(world, dataset).run()
    return world.start_publish(dataset.uid, 10)


def _give_up(world: Deployment, dataset: DatasetModel) -> Invocation:
    submit(world, dataset).run()
    message = world.first_window(world.windows.groups()[0])
    world.bury(message)
    return world.start_give_up(message)


def _send_file(world: Deployment, dataset: DatasetModel) -> Invocation:
    return requests.start_file(world, dataset, SECOND, "second")


def _read_file(world: Deployment, dataset: DatasetModel) -> Invocation:
    _send_file(world, dataset).run()
    return world.start_task(world.tasks[0])


def _settle_file(world: Deployment, dataset: DatasetModel) -> Invocation:
    _read_file(world, dataset).run()
    for _ in range(len(world.windows.waiting[f"{dataset.uid}#0"])):
        world.start_apply(f"{dataset.uid}#0").run()
    return world.start_publish(dataset.uid, 10)


def _retry(world: Deployment, dataset: DatasetModel) -> Invocation:
    _give_up(world, dataset).run()
    world.drain()
    return requests.start_retry(world, dataset, next(reversed(dataset.submissions)))


def _retry_file(world: Deployment, dataset: DatasetModel) -> Invocation:
    _read_file(world, dataset).run()
    while world.windows.groups():
        world.bury(world.first_window(world.windows.groups()[0]))
    world.drain()
    return requests.start_retry(world, dataset, next(reversed(dataset.submissions)))


def _reopen_file(world: Deployment, dataset: DatasetModel) -> Invocation:
    _retry_file(world, dataset).run()
    return world.start_task(world.tasks[0])


def _resume_file(world: Deployment, dataset: DatasetModel) -> Invocation:
    _read_file(world, dataset).run()
    world.windows.waiting.clear()
    world.let_five_minutes_pass()
    model.resume(world, dataset, next(reversed(dataset.submissions)))
    return world.start_task(world.tasks[0])


def _batch_submit(world: Deployment, dataset: DatasetModel) -> Invocation:
    return requests.start_submit(world, dataset, FIRST, "batch")


def _batch_apply(world: Deployment, dataset: DatasetModel) -> Invocation:
    _batch_submit(world, dataset).run()
    return world.start_apply(world.windows.groups()[0])


def _batch_read(world: Deployment, dataset: DatasetModel) -> Invocation:
    requests.start_file(world, dataset, [*FIRST, _add("f0", "dog")], "batch").run()
    return world.start_task(world.tasks[0])


def _batch_release(world: Deployment, dataset: DatasetModel) -> Invocation:
    _batch_read(world, dataset).run()
    return world.start_task(world.tasks[0])


def _batch_publish(world: Deployment, dataset: DatasetModel) -> Invocation:
    _batch_release(world, dataset).run()
    while world.windows.groups():
        world.start_apply(world.windows.groups()[0]).run()
    return world.start_publish(dataset.uid, 10)


def _changed(world: Deployment) -> DatasetModel:
    """Creates a dataset at version 2: all frames were added, then some changed."""
    dataset = _filled(world)
    submit(world, dataset).run()
    world.drain()
    return dataset


def _roll_back(world: Deployment, dataset: DatasetModel) -> Invocation:
    return requests.start_rollback(world, dataset, 1, "back")


def _read_shard(world: Deployment, dataset: DatasetModel) -> Invocation:
    _roll_back(world, dataset).run()
    return world.start_step(world.transfers()[0], 0)


def _finish(world: Deployment, dataset: DatasetModel) -> Invocation:
    _read_shard(world, dataset).run()
    return world.start_step(world.transfers()[0], None)


def _fail(world: Deployment, dataset: DatasetModel) -> Invocation:
    _read_shard(world, dataset).run()
    return world.start_failure(world.transfers()[0])


def _send(world: Deployment, dataset: DatasetModel) -> Invocation:
    _finish(world, dataset).run()
    return world.start_task(world.tasks[0])


def _restore(world: Deployment, dataset: DatasetModel) -> Invocation:
    """Starts the last window, which finds the frames that changed while the roll back started."""
    _read_shard(world, dataset).run()
    requests.start_submit(world, dataset, THIRD, "meanwhile").run()
    world.start_apply(world.windows.groups()[0]).run()
    world.start_step(world.transfers()[0], None).run()
    world.start_task(world.tasks[0]).run()
    group = world.windows.groups()[0]
    while not Window.model_validate_json(world.first_window(group).body).plan.restore:
        world.start_apply(group).run()
    return world.start_apply(group)


def _clone(world: Deployment, dataset: DatasetModel) -> Invocation:
    return requests.start_clone(world, dataset, 1, "copy")


def _read_clone(world: Deployment, dataset: DatasetModel) -> Invocation:
    _clone(world, dataset).run()
    return world.start_step(world.transfers()[0], 0)


def _finish_clone(world: Deployment, dataset: DatasetModel) -> Invocation:
    _read_clone(world, dataset).run()
    return world.start_step(world.transfers()[0], None)


class Operation(NamedTuple):
    """An operation: creates its dataset, starts it and, optionally, repeats what its client did."""

    dataset: Callable[[Deployment], DatasetModel]
    start: Start
    again: Start | None = None


OPERATIONS = {
    "submit": Operation(_filled, submit, submit),
    "apply": Operation(_filled, _apply, submit),
    "publish": Operation(_filled, _publish, submit),
    "give up": Operation(_filled, _give_up, submit),
    "send file": Operation(_filled, _send_file, _send_file),
    "read file": Operation(_filled, _read_file, _send_file),
    "publish file": Operation(_filled, _settle_file, _send_file),
    "submit, and no more": Operation(_filled, submit),
    "read file, and no more": Operation(_filled, _read_file),
    "retry": Operation(_filled, _retry),
    "retry file": Operation(_filled, _retry_file),
    "reopen file": Operation(_filled, _reopen_file),
    "resume file": Operation(_filled, _resume_file),
    "submit to BATCH": Operation(_batch, _batch_submit),
    "apply to BATCH": Operation(_batch, _batch_apply),
    "read file of BATCH": Operation(_batch, _batch_read),
    "release BATCH": Operation(_batch, _batch_release),
    "publish BATCH": Operation(_batch, _batch_publish),
    "roll back": Operation(_changed, _roll_back),
    "read shard": Operation(_changed, _read_shard),
    "finish roll back": Operation(_changed, _finish),
    "fail roll back": Operation(_changed, _fail),
    "send roll back": Operation(_changed, _send),
    "restore": Operation(_changed, _restore),
    "clone": Operation(_changed, _clone),
    "clone, asked for again": Operation(_changed, _clone, _clone),
    "read clone": Operation(_changed, _read_clone),
    "finish clone": Operation(_changed, _finish_clone),
}
"""All operations. Those without a repeat rely on the sweep."""


@dataclass(frozen=True)
class Case:
    """An operation with a fault in one of its requests."""

    world: Deployment
    dataset: DatasetModel
    invocation: Invocation
    place: str

    @property
    def keys(self) -> set[str]:
        """The idempotency keys of all submissions."""
        return {sent.key for sent in self.dataset.submissions.values()}


@contextmanager
def _world() -> Iterator[Deployment]:
    """Yields a world that reads files and shards in several chunks and pages."""
    with (
        patch.object(file_reader, "MAX_CHUNK_ROWS", 4),
        patch.object(workflow, "MAX_CHUNK_ROWS", 2),
        new_deployment() as world,
    ):
        yield world


@cache
def calls_of(operation: Operation) -> list[str]:
    """Returns the requests that an operation makes without a fault."""
    with _world() as world:
        invocation = operation.start(world, operation.dataset(world)).run()
        assert invocation.error is None, f"{invocation.name} failed without a fault: {invocation.error!r}"
        assert invocation.calls, "the operation makes no requests"
        return invocation.calls


def faulted(operation: Operation, fault: Fault | None, *, every: int = 1, first: int = 1) -> Iterator[Case]:
    """Yields a case for each `every`-th request, from the `first` on, with a fault at it; None crashes after it."""
    for position, call in enumerate(calls_of(operation), 1):
        if (position - first) % every or (fault is not None and not fault.fits(call)):
            continue
        with _world() as world:
            dataset = operation.dataset(world)
            invocation = operation.start(world, dataset)
            if fault is not None:
                invocation.trouble = OneFault(world, fault, position)
                invocation.run()
            else:
                for _ in range(position - 1):
                    invocation.step()
                invocation.crash(after=True)
                assert invocation.crashed, f"no crash at request {position}"
            yield Case(world, dataset, invocation, f"request {position}, {call}")


def check_recovery(case: Case, operation: Operation) -> None:
    """Checks the invariants after the fault, and again after the client's repeat or the sweep."""
    world, dataset, error = case.world, case.dataset, case.invocation.error
    assert error is None or isinstance(error, EXPECTED), f"{case.invocation.name} failed: {error!r}"
    invariants.check(world, dataset)
    if operation.again is not None:
        world.let_five_minutes_pass()
        world.now += timedelta(minutes=5)
        again = operation.again(world, dataset).run()
        assert again.error is None, f"{again.name} failed when it was repeated: {again.error!r}"
    world.drain()
    if operation.again is None:
        model.sweep_and_drain(world)
    invariants.check(world, dataset)
    invariants.check_all_settled(world, dataset)
    copy = requests.find_clone(world, dataset, 1, "copy")
    if copy is not None:
        invariants.check(world, copy)
        assert model.latest(world, copy) == 1, "a clone never settled (6)"
    if dataset.rollbacks and model.latest(world, dataset) == 3 and "meanwhile" not in case.keys:
        assert dataset.snapshots[3] == dataset.snapshots[1], "a roll back did not restore its version (R10)"
