"""Checkpoints in the table, two items each: a reference, which never changes, and a record, which can be edited.

The reference is stored under the checkpoint's name and holds its version. Resolving a name therefore reads one small
item, which a process remembers for good. The records are sorted by creation time, so that a query lists them.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from pydantic import BaseModel

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, dataset_pk
from tidemark.catalog import project_records, schema_records
from tidemark.domain.checkpoints import Checkpoint, CheckpointRef
from tidemark.domain.frames.class_map import ClassMap
from tidemark.domain.frames.schema import Schema

M = TypeVar("M", bound=BaseModel)


def create(backend: Backend, uid: str, checkpoint: Checkpoint, request: str | None) -> Checkpoint | None:
    """Stores a new checkpoint and returns it. Returns None if the name is taken.

    `request` identifies a request with an idempotency key: its repeat returns the checkpoint that the first created.
    """
    ref_key = _ref_key(uid, checkpoint.name)
    reference = {"version": checkpoint.version, "place": sort_key(checkpoint), "request": request}
    record = {"checkpoint": checkpoint.model_dump_json()}
    try:
        table.transact(
            backend,
            [
                writes.new(backend, ref_key, reference),
                writes.revised(backend, _record_key(uid, sort_key(checkpoint)), record, 0),
            ],
        )
    except table.ConditionFailed:
        existing = table.get(backend, ref_key) or {}
        is_repeat = request is not None and existing.get("request") == request
        return find(backend, uid, checkpoint.name) if is_repeat else None
    return checkpoint


def ref(backend: Backend, uid: str, name: str) -> CheckpointRef | None:
    """Returns the reference of the checkpoint with this name, or None. No read if this process remembers it."""
    known = backend.memory.checkpoint_refs.get((uid, name))
    if known is None:
        item = table.get(backend, _ref_key(uid, name))
        if item is None:
            return None
        known = CheckpointRef(int(item["version"]), item["place"])
        backend.memory.checkpoint_refs[uid, name] = known
    return known


def find(backend: Backend, uid: str, name: str) -> Checkpoint | None:
    """Returns the current record of the checkpoint with this name, or None."""
    known = ref(backend, uid, name)
    item = table.get(backend, _record_key(uid, known.sort_key)) if known else None
    return _checkpoint(item) if item else None


def edit(backend: Backend, uid: str, name: str, change: Callable[[Checkpoint], Checkpoint]) -> Checkpoint | None:
    """Replaces a checkpoint's record with the result of `change`, and returns the result. None for an unknown name.

    This is a compare-and-set: if another writer is faster, `change` is called again with the new record. Raises
    Unavailable, and any error of `change`.
    """
    known = ref(backend, uid, name)
    if known is None:
        return None
    return table.edit(
        backend,
        _record_key(uid, known.sort_key),
        "checkpoint",
        Checkpoint,
        lambda before: change(before) if before else None,
    )


def schema(backend: Backend, uid: str, name: str) -> Schema:
    """Returns the schema for a checkpoint's files: a copy of the dataset's schema, stored at the first call.

    The copy has all fields of the checkpoint's frames and never changes, so writing a file again writes the same bytes.
    """

    def current() -> Schema:
        return schema_records.schema(backend, uid, fresh=True)[0]

    return _frozen_model(backend, Key(dataset_pk(uid), f"CS#{name}"), Schema, current)


def class_map(backend: Backend, uid: str, name: str, project: str) -> ClassMap:
    """Returns the class map for a checkpoint's files: a copy of the project's class map, stored at the first call."""

    def current() -> ClassMap:
        return project_records.class_map(backend, project, fresh=True)[0]

    return _frozen_model(backend, Key(dataset_pk(uid), f"CC#{name}"), ClassMap, current)


def _frozen_model(backend: Backend, key: Key, model: type[M], current: Callable[[], M]) -> M:
    """Returns the model stored under a table key. If there is none, stores the result of `current` there first."""
    item = table.get(backend, key)
    if item is None:
        table.put_new(backend, key, {"kept": current().model_dump_json()})
        item = table.get(backend, key)
    if item is None:
        raise LookupError(f"{key} was written, but no longer exists")
    return model.model_validate_json(item["kept"])


def newest(backend: Backend, uid: str, after: str | None, *, at_once: int) -> Iterator[Checkpoint]:
    """Yields a dataset's checkpoints, newest first, from the first that follows the sort key `after`; None for all.

    Each query reads about `at_once` checkpoints.
    """
    pk, low = dataset_pk(uid), _record_key(uid, "").sk
    high: str | None = _record_key(uid, after or "~").sk
    while high is not None:
        items, stopped = table.query(backend, pk, low, high, forward=False, limit=at_once + 1)
        yield from (_checkpoint(item) for item in items if item["SK"] != high)  # the item at `high` was yielded before
        high = stopped


def sort_key(checkpoint: Checkpoint) -> str:
    """Returns a checkpoint's sort key, which sorts a dataset's checkpoints by creation time, then by name."""
    return f"{checkpoint.created_at.isoformat(timespec='microseconds')}#{checkpoint.name}"


def _checkpoint(item: Item) -> Checkpoint:
    return Checkpoint.model_validate_json(item["checkpoint"])


def _ref_key(uid: str, name: str) -> Key:
    return Key(dataset_pk(uid), f"CP#{name}")


def _record_key(uid: str, position: str) -> Key:
    return Key(dataset_pk(uid), f"CT#{position}")
