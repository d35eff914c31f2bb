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
    """A schema extended by what new rows use."""

    schema: Schema
    seen: int
    """The revision of the schema that the rows were validated against."""


class SchemaConflict(Exception):
    """Raised when another request extended the schema after rows were validated; they need validating again."""


def schema(backend: Backend, uid: str, *, staged: str = "", fresh: bool = False) -> tuple[Schema, int]:
    """Returns a dataset's schema and its revision. With `fresh`, reads it even if this process remembers it.

    `staged` names an upload that is applied whole or not at all (R22). It has a schema of its own, which starts empty,
    at revision 0. Raises NotFound.
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
    """Makes `others` and the schema update in one transaction, so that a schema has only fields of recorded rows.

    `staged` names the upload whose staged schema is updated. Raises ConditionFailed if a condition of `others` does not
    hold, otherwise SchemaConflict if the schema has changed.
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
    """The write that stores a new dataset's schema."""
    return _write(backend, uid, "", SchemaUpdate(first, 0))


def _write(backend: Backend, uid: str, staged: str, update: SchemaUpdate) -> Write:
    item = {"schema": update.schema.model_dump_json()}
    return writes.revised(backend, _key(uid, staged), item, update.seen)


def _key(uid: str, staged: str) -> Key:
    return Key(dataset_pk(uid), f"SCHEMA#{staged}" if staged else "SCHEMA")
