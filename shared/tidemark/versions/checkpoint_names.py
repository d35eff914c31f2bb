"""Checkpoints in the table: by name what is frozen, written once; by time the record, which may be edited.

A reader who names a checkpoint thus reads one small item, which may be remembered for ever, and a list is a query.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.table import Contended, Item, Key, dataset_pk
from tidemark.catalog import project_records, schema_records
from tidemark.domain.checkpoints import Checkpoint, CheckpointRef
from tidemark.domain.frames.class_map import ClassMap
from tidemark.domain.frames.schema import Schema

M = TypeVar("M", bound=BaseModel)


def create(backend: Backend, uid: str, checkpoint: Checkpoint, request: str | None) -> Checkpoint | None:
    """Write a new checkpoint, for a request that is named if it may be repeated.

    Answers the checkpoint, the one from before if the same request made it; None if the name is taken.
    """
    frozen = {
        "version": checkpoint.version,
        "place": sort_key(checkpoint),
        "request": request,
    }
    writes = [
        table.creation(backend, _frozen_key(uid, checkpoint.name), frozen),
        table.creation(backend, _record_key(uid, sort_key(checkpoint)), _record(checkpoint, 1)),
    ]
    try:
        table.transact(backend, writes)
    except table.TransactionRefused:
        existing = table.get(backend, _frozen_key(uid, checkpoint.name)) or {}
        made_by_this = request is not None and existing.get("request") == request
        return find(backend, uid, checkpoint.name) if made_by_this else None
    return checkpoint


def ref(backend: Backend, uid: str, name: str) -> CheckpointRef | None:
    """What a checkpoint's name stands for, or None. No request where this process has read it before."""
    known = backend.memory.checkpoint_refs.get((uid, name))
    if known is None:
        item = table.get(backend, _frozen_key(uid, name))
        if item is None:
            return None
        known = CheckpointRef(int(item["version"]), item["place"])
        backend.memory.checkpoint_refs[uid, name] = known
    return known


def find(backend: Backend, uid: str, name: str) -> Checkpoint | None:
    """A checkpoint as it is now, or None."""
    item = _find(backend, uid, name)
    return _checkpoint(item) if item else None


def change(backend: Backend, uid: str, name: str, edit: Callable[[Checkpoint], Checkpoint]) -> Checkpoint | None:
    """Replace a checkpoint's record by what `edit` makes of it; None where there is no such checkpoint.

    `edit` is called again where somebody else has changed the record meanwhile, so that no change gets lost. A record
    that stays as it is is not written. Raises what `edit` raises, and Unavailable.
    """
    return table.contention(backend)(_try_change, backend, uid, name, edit)


def schema(backend: Backend, uid: str, name: str) -> Schema:
    """The schema that the files of a checkpoint go by: the one that its dataset had when this was first asked. It has
    all fields of the frozen frames, and never changes, so that a file that is written again is the same."""

    def known() -> Schema:
        return schema_records.schema(backend, uid, fresh=True)[0]

    return _kept(backend, Key(dataset_pk(uid), f"CS#{name}"), Schema, known)


def class_map(backend: Backend, uid: str, name: str, project: str) -> ClassMap:
    """The class map that the files of a checkpoint go by: the one that the project had when this was first asked."""

    def known() -> ClassMap:
        return project_records.class_map(backend, project, fresh=True)[0]

    return _kept(backend, Key(dataset_pk(uid), f"CC#{name}"), ClassMap, known)


def _kept(backend: Backend, key: Key, shape: type[M], known: Callable[[], M]) -> M:
    """What is kept under a key: what is `known` when it is first asked for."""
    item = table.get(backend, key)
    if item is None:
        table.put_new(backend, key, {"kept": known().model_dump_json()})
        item = table.get(backend, key)
    if item is None:
        raise LookupError(f"{key} was written and is gone")
    return shape.model_validate_json(item["kept"])


def newest(backend: Backend, uid: str, after: str | None, *, at_once: int) -> Iterator[Checkpoint]:
    """The checkpoints of a dataset: newest first, from the one after the sort key `after`. A query of `at_once` of them
    whenever those before are used up."""
    pk, low = dataset_pk(uid), _record_key(uid, "").sk
    high: str | None = _record_key(uid, after or "~").sk
    while high is not None:
        items, stopped = table.query(backend, pk, low, high, forward=False, limit=at_once + 1)
        yield from (_checkpoint(item) for item in items if item["SK"] != high)  # the one before is passed over
        high = stopped


def sort_key(checkpoint: Checkpoint) -> str:
    """Where a checkpoint stands among those of its dataset; later ones come after it."""
    return f"{checkpoint.created_at.isoformat(timespec='microseconds')}#{checkpoint.name}"


def _try_change(backend: Backend, uid: str, name: str, edit: Callable[[Checkpoint], Checkpoint]) -> Checkpoint | None:
    item = _find(backend, uid, name)
    if item is None:
        return None
    before, revision = _checkpoint(item), int(item["revision"])
    after = edit(before)
    if after == before:
        return before
    write = {
        "TableName": backend.table,
        "Item": table.put(_record_key(uid, sort_key(after)), _record(after, revision + 1)),
        "ConditionExpression": "revision = :seen",
        "ExpressionAttributeValues": {":seen": {"N": str(revision)}},
    }
    try:
        table.put_if(backend, write)
    except table.TransactionRefused:
        raise Contended from None
    return after


def _find(backend: Backend, uid: str, name: str) -> Item | None:
    known = ref(backend, uid, name)
    if known is None:
        return None
    return table.get(backend, _record_key(uid, known.sort_key))


def _record(checkpoint: Checkpoint, revision: int) -> dict[str, Any]:
    return {"checkpoint": checkpoint.model_dump_json(), "revision": revision}


def _checkpoint(item: Item) -> Checkpoint:
    return Checkpoint.model_validate_json(item["checkpoint"])


def _frozen_key(uid: str, name: str) -> Key:
    return Key(dataset_pk(uid), f"CP#{name}")


def _record_key(uid: str, where: str) -> Key:
    return Key(dataset_pk(uid), f"CT#{where}")
