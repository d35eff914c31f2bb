"""Schemas of datasets: the metadata fields and embedding sources that their rows have used so far (R3, R4)."""

from collections.abc import Sequence
from typing import NamedTuple

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key, dataset_pk
from tidemark.aws.writes import Write
from tidemark.domain.errors import NotFound
from tidemark.domain.frames.schema import Schema


class SchemaUpdate(NamedTuple):
    """A schema, extended by the fields and sources that new rows use."""

    schema: Schema
    seen: int
    """The stored schema's revision when the rows were validated."""


class SchemaConflict(Exception):
    """Raised when another request extended the schema after rows were validated. The rows must be validated again."""


def schema(backend: Backend, uid: str, *, staged: str = "", fresh: bool = False) -> tuple[Schema, int]:
    """Returns a dataset's schema and the schema's revision, from this process's cache unless `fresh`.

    `staged` is the id of an upload that is applied as a whole or not at all (R22). Such an upload has a staged schema
    of its own, which starts empty at revision 0. Raises NotFound.
    """
    known = None if fresh else backend.memory.schemas.get((uid, staged))
    if known is None:
        item = table.get(backend, _key(uid, staged))
        if item is not None:
            known = Schema.model_validate_json(item["schema"]), int(item["revision"])
        elif staged:
            known = Schema(), 0
        else:
            raise NotFound(f"There is no dataset with uid {uid!r}.", code="unknown_dataset")
        backend.memory.schemas[uid, staged] = known
    return known


def write_with_schema(
    backend: Backend, uid: str, others: Sequence[Write], update: SchemaUpdate | None, staged: str = ""
) -> None:
    """Makes `others` and a schema update in one transaction, so that a schema has only fields that stored rows use.

    `update` may be None. `staged` is the id of the upload whose staged schema is updated; if it is empty, the dataset's
    schema is. Raises ConditionFailed if a condition of `others` fails, otherwise SchemaConflict if the schema has
    changed.
    """
    if update is None:
        table.transact(backend, others)
        return
    try:
        table.transact(backend, [*others, _write(backend, uid, staged, update)])
    except table.ConditionFailed as refused:
        if any(refused.failed[:-1]):
            raise
        raise SchemaConflict from None
    backend.memory.schemas[uid, staged] = update.schema, update.seen + 1


def new(backend: Backend, uid: str, first: Schema) -> Write:
    """Returns the write that stores a new dataset's schema, on condition that there is none."""
    return _write(backend, uid, "", SchemaUpdate(first, 0))


def _write(backend: Backend, uid: str, staged: str, update: SchemaUpdate) -> Write:
    item = {"schema": update.schema.model_dump_json()}
    return writes.revised(backend, _key(uid, staged), item, update.seen)


def _key(uid: str, staged: str) -> Key:
    return Key(dataset_pk(uid), f"SCHEMA#{staged}" if staged else "SCHEMA")
