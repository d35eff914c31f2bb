"""The measured operations, in an order in which each finds the data that it needs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from tests.bench.door import Dataset, Door
from tests.bench.rows import CLASSES, added, file, frame_id, relabelled

BULK, VERSIONS = 1000, 500
FILE = 10_000
BULK_TIMES, SINGLE_TIMES, FILE_TIMES = 3, 10, 2
LISTED, CHANGING, LONG_LIVED = "listed", "changing", "long-lived"
CHANGES = 4
"""Versions of the long-lived dataset after the first, each with `BULK` changed frames."""
TWICE = 2
ADD_BULK, MODIFY_BULK = f"ADD {BULK:,} frames", f"MODIFY {BULK:,} frames"
ADD_ONE, MODIFY_ONE = "ADD one frame", "MODIFY one frame"
ADD_FILE, DROP_ONE = f"ADD {FILE:,} frames, a file", "ADD one frame, dropped"
READ_OF_ONE, READ_OF_MANY = "read a frame, 1 version", f"read a frame, {VERSIONS} versions"
READ_LATEST = "read a frame, LATEST"
ROLL_BACK, CLONE = f"roll {CHANGES * BULK:,} frames back", f"clone {FILE:,} frames"
CHECKPOINT, EXPORT = f"describe a checkpoint of {FILE:,} frames", f"export {FILE:,} frames, "
FORMATS = {"jsonl": "JSONL", "parquet": "Parquet", "coco": "COCO"}
LIST, HISTORY = f"list {BULK:,} frames", f"history of {VERSIONS} versions"


@dataclass(frozen=True)
class Operation:
    """One line of the benchmark, run `times` times with numbers from 0."""

    name: str
    frames: int
    """Number of frames that it writes or returns."""
    times: int
    run: Callable[[int], object]

    @property
    def is_of_one_frame(self) -> bool:
        """Whether it writes or reads a single frame, so that a person may be waiting for it."""
        return self.frames == 1


def prepare(door: Door) -> None:
    """Creates the datasets that operations only read."""
    listed = _new_dataset(door, LISTED)
    listed.upload(*map(added, range(1, BULK)))
    changing = _new_dataset(door, CHANGING)
    uploads = [changing.send(relabelled(0, time)) for time in range(1, VERSIONS)]
    changing.settle(uploads[-1])
    long_lived = _new_dataset(door, LONG_LIVED)
    long_lived.upload_file("first.jsonl.gz", file(range(1, FILE)))
    for time in range(1, CHANGES + 1):
        long_lived.upload(*map(relabelled, range(BULK * time, BULK * (time + 1))))


def operations(door: Door, project: str) -> Iterator[Operation]:
    """Yields the operations. Those that write use a dataset in `project`, which this creates."""
    written = _new_dataset(door, project)

    def bulk(number: int) -> range:
        return range(1 + BULK * number, 1 + BULK * (number + 1))

    def single(number: int) -> int:
        return bulk(BULK_TIMES).start + number

    yield Operation(ADD_BULK, BULK, BULK_TIMES, lambda time: written.upload(*map(added, bulk(time))))
    yield Operation(MODIFY_BULK, BULK, BULK_TIMES, lambda time: written.upload(*map(relabelled, bulk(time))))
    yield Operation(ADD_ONE, 1, SINGLE_TIMES, lambda time: written.upload(added(single(time))))
    yield Operation(MODIFY_ONE, 1, SINGLE_TIMES, lambda time: written.upload(relabelled(7, 2 + time)))

    def filed(number: int) -> range:
        return range(FILE * (1 + number), FILE * (2 + number))

    def dropped(number: int) -> range:
        first = filed(FILE_TIMES).start + number
        return range(first, first + 1)

    yield Operation(ADD_FILE, FILE, FILE_TIMES, lambda time: written.upload_file("day.jsonl.gz", file(filed(time))))
    yield Operation(DROP_ONE, 1, SINGLE_TIMES, lambda time: written.drop(f"{time}.jsonl.gz", file(dropped(time))))

    yield from _workflows(Dataset(door, LONG_LIVED), project)
    listed, changing = Dataset(door, LISTED), Dataset(door, CHANGING)
    full, middle = listed.latest(), changing.latest() // 2
    yield Operation(READ_OF_ONE, 1, SINGLE_TIMES, lambda _: _only(listed.frame(frame_id(7), full)))
    yield Operation(READ_OF_MANY, 1, SINGLE_TIMES, lambda _: _only(changing.frame(frame_id(0), middle)))
    yield Operation(READ_LATEST, 1, SINGLE_TIMES, lambda _: _only(changing.frame(frame_id(0), "LATEST")))
    yield Operation(LIST, BULK, BULK_TIMES, lambda _: _all(listed.frames(full, BULK), BULK))
    yield Operation(HISTORY, 1, BULK_TIMES, lambda _: _all(changing.history(frame_id(0), VERSIONS), VERSIONS))


def _workflows(dataset: Dataset, run: str) -> Iterator[Operation]:
    """Yields the workflow operations on a dataset of `FILE` frames. `run` keeps the names of several runs apart."""
    first, last = 2, 2 + CHANGES  # version 1 has a single frame
    yield Operation(ROLL_BACK, CHANGES * BULK, TWICE, lambda time: dataset.roll_back((first, last)[time]))
    yield Operation(CLONE, FILE, TWICE, lambda time: dataset.clone(f"clone-{run}-{time}", last))
    yield Operation(CHECKPOINT, FILE, TWICE, lambda time: dataset.checkpoint(f"{run}-{time}", last))
    for form, name in FORMATS.items():
        yield Operation(EXPORT + name, FILE, TWICE, partial(_export, dataset, run, form))


def _export(dataset: Dataset, run: str, form: str, time: int) -> None:
    dataset.export(f"{run}-{time}", form)


def _new_dataset(door: Door, project: str) -> Dataset:
    """Creates a dataset of 16 shards with a schema and one frame, so that one-time costs are not measured."""
    dataset = Dataset(door, project)
    dataset.create(CLASSES)
    dataset.upload(added(0))
    return dataset


def _all(items: list[dict[str, object]], expected: int) -> None:
    if len(items) != expected:
        raise AssertionError(f"{len(items)} items instead of {expected}, so the figures would be wrong")


def _only(frame: dict[str, object]) -> None:
    _all([frame] if "frame" in frame else [], 1)
