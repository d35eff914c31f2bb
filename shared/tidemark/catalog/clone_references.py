"""Which datasets may use each other's packs: the frame versions of a clone point into the packs of its source.

A clone of a clone may use the packs of both. So a clone has on record all datasets before it, and each of these the
clone. The records of a purged dataset stay as long as there are clones that may use what was left of it.
"""

from typing import Any

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.table import Key, dataset_pk
from tidemark.domain.errors import Conflict

MAX_SOURCES = 50
"""Datasets before a clone: the clone of a clone of a clone, and so on. All are recorded in one transaction."""


def refer(backend: Backend, source_uid: str, clone_uid: str) -> list[Any]:
    """The writes of the transaction that makes a clone, on condition that its source is not being purged.

    They put on record that the clone may use the packs of its source, and of all whose packs the source may use. The
    condition is that of the first write. One read. Raises Conflict (`too_many_clones`).
    """
    before = [source_uid, *sources(backend, source_uid)]
    if len(before) > MAX_SOURCES:
        raise Conflict(
            f"The dataset is a clone of a clone, and so on, {MAX_SOURCES} times over; clone one that came before it.",
            code="too_many_clones",
        )
    unpurged = {
        "TableName": backend.table,
        "Key": Key(dataset_pk(source_uid), "META").attributes(),
        "UpdateExpression": "ADD clones :one",
        "ConditionExpression": "attribute_exists(PK) AND attribute_not_exists(purged)",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    return [
        {"Update": unpurged},
        {"Put": {"TableName": backend.table, "Item": table.put(_sources_key(clone_uid), {"uids": before})}},
        *({"Put": {"TableName": backend.table, "Item": _key(uid, clone_uid).attributes()}} for uid in before),
    ]


def referrers(backend: Backend, uid: str) -> list[str]:
    """The uids of the datasets that may use packs of a dataset, read consistently. A query for each megabyte."""
    low, high = _key(uid, "").sk, _key(uid, "~").sk
    return [item["SK"].removeprefix(low) for item in table.query_all(backend, dataset_pk(uid), low, high)]


def sources(backend: Backend, uid: str) -> list[str]:
    """The uids of the datasets whose packs a dataset may use beside its own, the nearest first; purged ones too."""
    item = table.get(backend, _sources_key(uid))
    return list(item["uids"]) if item else []


def release(backend: Backend, uid: str, source_uid: str) -> None:
    """Put on record that a dataset uses no pack of a source any more; a repeat changes nothing."""
    key = _key(source_uid, uid).attributes()
    table.write_one(backend, backend.dynamodb.delete_item, TableName=backend.table, Key=key)


def _key(source_uid: str, clone_uid: str) -> Key:
    return Key(dataset_pk(source_uid), f"R#{clone_uid}")


def _sources_key(clone_uid: str) -> Key:
    return Key(dataset_pk(clone_uid), "SOURCES")
