"""Exports of checkpoints in the table: a record for each format that was asked for."""

from collections.abc import Callable
from typing import Any

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.table import Contended, Key, dataset_pk
from tidemark.domain.exports import Export, ExportFormat


def find(backend: Backend, uid: str, checkpoint: str, form: ExportFormat) -> Export | None:
    """An export as it is now, or None."""
    item = table.get(backend, _key(uid, checkpoint, form))
    return Export.model_validate_json(item["export"]) if item else None


def find_all(backend: Backend, uid: str, checkpoint: str) -> list[Export]:
    """All exports of a checkpoint, in the order of their formats: one request."""
    keys = [_key(uid, checkpoint, form) for form in ExportFormat]
    found = table.get_many(backend, keys)
    return [Export.model_validate_json(found[key]["export"]) for key in keys if key in found]


def change(
    backend: Backend, uid: str, checkpoint: str, form: ExportFormat, edit: Callable[[Export | None], Export]
) -> Export:
    """Replace the record of an export by what `edit` makes of it, or of None where there is none.

    `edit` is called again where somebody else has changed the record meanwhile. A record that stays as it is is not
    written. Raises what `edit` raises, and Unavailable.
    """
    return table.contention(backend)(_try_change, backend, uid, checkpoint, form, edit)


def _try_change(
    backend: Backend, uid: str, checkpoint: str, form: ExportFormat, edit: Callable[[Export | None], Export]
) -> Export:
    key = _key(uid, checkpoint, form)
    item = table.get(backend, key)
    before = Export.model_validate_json(item["export"]) if item else None
    revision = int(item["revision"]) if item else 0
    after = edit(before)
    if after == before:
        return after
    condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(PK)"}
    if revision:
        seen = {":seen": {"N": str(revision)}}
        condition = {"ConditionExpression": "revision = :seen", "ExpressionAttributeValues": seen}
    record = {"export": after.model_dump_json(), "revision": revision + 1}
    try:
        table.put_if(backend, {"TableName": backend.table, "Item": table.put(key, record), **condition})
    except table.TransactionRefused:
        raise Contended from None
    return after


def _key(uid: str, checkpoint: str, form: ExportFormat) -> Key:
    return Key(dataset_pk(uid), f"E#{checkpoint}#{form}")
