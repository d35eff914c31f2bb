"""The schema of a dataset, which new rows extend (R3, R4)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.table import Key, dataset_pk
from tidemark.domain.errors import NotFound
from tidemark.domain.frames.schema import Schema

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


class SchemaUpdate(NamedTuple):
    """What rows write_with_schema a dataset."""

    schema: Schema
    """The schema with what is new in the rows."""
    seen: int
    """Revision of the schema that they were judged by."""


class SchemaConflict(Exception):
    """Another request has taught the dataset since rows were judged, and they may be wrong by what it knows now."""


def schema(backend: Backend, uid: str, *, staged: str = "", fresh: bool = False) -> tuple[Schema, int]:
    """What a dataset has learned of its metadata and embeddings (R3, R4), and the revision of that knowledge.

    `staged` is an upload that may come to nothing as a whole (R22): it learns apart, from nothing, at revision 0.
    """
    found = None if fresh else backend.memory.schemas.get((uid, staged))
    if found is None:
        item = table.get(backend, _schema_key(uid, staged))
        if item is not None:
            found = Schema.model_validate_json(item["schema"]), int(item["revision"])
        elif staged:
            found = Schema(), 0
        else:
            raise NotFound(f"There is no dataset with uid {uid!r}.", code="unknown_dataset")
        backend.memory.schemas[uid, staged] = found
    return found


def write_with_schema(
    backend: Backend,
    uid: str,
    writes: "Sequence[TransactWriteItemTypeDef]",
    schema_update: SchemaUpdate | None,
    staged: str = "",
) -> None:
    """Make `writes` and grow the dataset's schema with them, or a staged schema's, all or nothing; a dataset learns from what
    is recorded.

    Raises TransactionRefused where a condition of `writes` does not hold, else SchemaConflict where another request has
    taught the dataset meanwhile.
    """
    if schema_update is None:
        table.transact(backend, writes)
        return
    try:
        table.transact(backend, [*writes, {"Put": _schema_write(backend, uid, staged, schema_update)}])
    except table.TransactionRefused as refused:
        if any(refused.failed[:-1]):
            raise
        raise SchemaConflict from None
    backend.memory.schemas[uid, staged] = schema_update.schema, schema_update.seen + 1


def _schema_write(backend: Backend, uid: str, staged: str, schema_update: SchemaUpdate) -> Any:
    put = {
        "TableName": backend.table,
        "Item": table.put(_schema_key(uid, staged), item(schema_update.schema, schema_update.seen + 1)),
    }
    if schema_update.seen == 0:
        return put | {"ConditionExpression": "attribute_not_exists(PK)"}
    return put | {
        "ConditionExpression": "revision = :seen",
        "ExpressionAttributeValues": {":seen": {"N": str(schema_update.seen)}},
    }


def item(schema_update: Schema, revision: int) -> dict[str, Any]:
    return {"schema": schema_update.model_dump_json(), "revision": revision}


def _schema_key(uid: str, staged: str = "") -> Key:
    return Key(dataset_pk(uid), f"SCHEMA#{staged}" if staged else "SCHEMA")
