"""Definitions: projects, class maps, datasets by name, and the schema that a dataset has learned."""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.table import Contended, Key, dataset_pk, project_pk
from tidemark.catalog import project_records, records, schema_records
from tidemark.domain.datasets import Clone, Dataset
from tidemark.domain.errors import NotFound
from tidemark.domain.frames.schema import Schema

if TYPE_CHECKING:
    pass


class Definition(NamedTuple):
    """A dataset's definition as it was read, by which it is replaced if nobody was faster."""

    dataset: Dataset
    text: str


class DatasetState(NamedTuple):
    """A dataset's latest version, and what publishing must know of the dataset."""

    project: str
    name: str
    shards: int
    latest: int
    """Number of the latest version; 0 while it has none."""
    latest_at: datetime | None
    filled_by: str | None
    """The upload that fills a BATCH dataset; nothing else may, from then on."""
    rolled_back_by: str | None = None
    """The last roll back of the dataset."""
    clones: int = 0
    """Clones of it that were begun, ever."""


def create_dataset(
    backend: Backend,
    dataset: Dataset,
    request: str | None,
    *,
    schema: Schema | None = None,
    others: Sequence[Any] = (),
) -> Dataset | None:
    """Write a new dataset, empty, at version 0, for a request that is named if it may be repeated; and with it what it
    has learned from another one, and `others`.

    Answers the dataset, the one from before if the same request made it; None if the name is taken.
    """
    pk = dataset_pk(dataset.uid)
    state = {"project": dataset.project, "name": dataset.name, "shards": dataset.shards, "latest": 0}
    state_writes = [
        table.creation(backend, Key(pk, "META"), state),
        table.creation(backend, Key(pk, "SCHEMA"), schema_records.item(schema or Schema(), 1)),
        *others,
    ]
    key = dataset_key(dataset.project, dataset.name)
    kept = records.create(backend, key, dataset.model_dump_json(), request, state_writes)
    return Dataset.model_validate_json(kept) if kept else None


def dataset(backend: Backend, project_name: str, name: str) -> Dataset:
    """The dataset of that name. Raises NotFound, also where the project does not exist, or the dataset is being purged.

    One that is archived is not remembered, so that every process knows at once when it is purged; how long it has to be
    archived before that is for `retention.purge` to say.
    """
    found = backend.memory.datasets.get((project_name, name))
    if found is None:
        found = definition(backend, project_name, name).dataset
        if found.purge is not None:
            raise NotFound(f"Dataset {name!r} is being purged: nothing of it can be read.", code="dataset_purged")
        if found.archived_at is None:
            backend.memory.datasets[project_name, name] = found
    return found


def definition(backend: Backend, project_name: str, name: str) -> Definition:
    """The dataset of that name as it is now, read consistently, also while it is being purged. Raises NotFound, also
    where the project does not exist."""
    item = table.get(backend, dataset_key(project_name, name))
    if item is None:
        project_records.project(backend, project_name)
        raise NotFound(f"There is no dataset {name!r} in project {project_name!r}.", code="unknown_dataset")
    return Definition(Dataset.model_validate_json(item["definition"]), item["definition"])


def datasets(backend: Backend, project_name: str, after: str, limit: int) -> list[Dataset]:
    """Up to `limit` datasets of a project in order of their names, from the one after `after`."""
    low, high = f"DATASET#{after} ", "DATASET#~"
    items = records.list_items(backend, project_pk(project_name), low, high, limit)
    return [Dataset.model_validate_json(item["definition"]) for item in items]


def state(backend: Backend, uid: str) -> DatasetState:
    """What changes about a dataset as it is now, read consistently. Raises NotFound, also from the moment on that it is
    being purged."""
    found = find_state(backend, uid)
    if found is None:
        raise NotFound(f"There is no dataset with uid {uid!r}, or no more.", code="unknown_dataset")
    return found


def find_state(backend: Backend, uid: str) -> DatasetState | None:
    """What changes about a dataset as it is now, read consistently; None from the moment on that it is being purged."""
    item = table.get(backend, Key(dataset_pk(uid), "META"))
    if item is None or "purged" in item:
        return None
    at = item.get("latest_at")
    return DatasetState(
        project=item["project"],
        name=item["name"],
        shards=int(item["shards"]),
        latest=int(item["latest"]),
        latest_at=datetime.fromisoformat(at) if at else None,
        filled_by=item.get("filled_by"),
        rolled_back_by=item.get("rolled_back_by"),
        clones=int(item.get("clones", 0)),
    )


def fill(backend: Backend, uid: str, upload_id: str) -> Any:
    """The write by which an upload becomes the one that fills a BATCH dataset, on condition that no other has."""
    return {
        "TableName": backend.table,
        "Key": Key(dataset_pk(uid), "META").attributes(),
        "UpdateExpression": "SET filled_by = :upload",
        "ConditionExpression": "attribute_not_exists(filled_by) OR filled_by = :upload",
        "ExpressionAttributeValues": {":upload": {"S": upload_id}},
    }


def roll_back(backend: Backend, uid: str, upload_id: str, seen: str | None) -> Any:
    """The write by which an upload becomes the last roll back of a dataset, on condition that `seen` was it."""
    values = {":upload": {"S": upload_id}} | ({":seen": {"S": seen}} if seen else {})
    return {
        "TableName": backend.table,
        "Key": Key(dataset_pk(uid), "META").attributes(),
        "UpdateExpression": "SET rolled_back_by = :upload",
        "ConditionExpression": "rolled_back_by = :seen" if seen else "attribute_not_exists(rolled_back_by)",
        "ExpressionAttributeValues": values,
    }


def mutable_clone(backend: Backend, uid: str) -> Clone | None:
    """The mutable clone of a BATCH dataset that was made last, or None (R32)."""
    item = table.get(backend, _mutable_clone_key(uid))
    return Clone.model_validate_json(item["clone"]) if item else None


def mutable_clone_write(backend: Backend, uid: str, clone: Clone) -> Any:
    """The write by which a BATCH dataset points to its mutable clone."""
    item = table.put(_mutable_clone_key(uid), {"clone": clone.model_dump_json()})
    return {"Put": {"TableName": backend.table, "Item": item}}


def _mutable_clone_key(uid: str) -> Key:
    return Key(dataset_pk(uid), "MUTABLE")


def dataset_key(project_name: str, name: str) -> Key:
    """Where a dataset's definition lies."""
    return Key(project_pk(project_name), f"DATASET#{name}")


NAMES = {"#definition": "definition"}
"""A word that DynamoDB has reserved."""


def redefine(backend: Backend, project_name: str, name: str, edit: Callable[[Dataset], Dataset]) -> Dataset:
    """Replace a dataset's definition by what `edit` makes of it, and answer that.

    `edit` is called again where somebody else has changed it meanwhile. One that stays as it is is not written. Raises
    NotFound, Unavailable, and what `edit` raises.
    """
    return table.contention(backend)(_try_redefine, backend, project_name, name, edit)


def _try_redefine(backend: Backend, project_name: str, name: str, edit: Callable[[Dataset], Dataset]) -> Dataset:
    before = definition(backend, project_name, name)
    after = edit(before.dataset)
    if after != before.dataset:
        try:
            table.write_one(backend, backend.dynamodb.update_item, **_redefinition(backend, before, after))
        except backend.dynamodb.exceptions.ConditionalCheckFailedException:
            raise Contended from None
    backend.memory.datasets.pop((project_name, name), None)
    return after


def forget(backend: Backend, before: Definition) -> bool:
    """Delete a dataset's definition, so that its name is free again; False where it is not as it was."""
    try:
        table.write_one(
            backend,
            backend.dynamodb.delete_item,
            TableName=backend.table,
            Key=dataset_key(before.dataset.project, before.dataset.name).attributes(),
            ConditionExpression="#definition = :before",
            ExpressionAttributeNames=NAMES,
            ExpressionAttributeValues={":before": {"S": before.text}},
        )
    except backend.dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def begin_purge(backend: Backend, before: Definition, after: Dataset, seen: DatasetState) -> None:
    """Replace the definition of a dataset by one that is being purged, and let nothing work on it from now on.

    Raises TransactionRefused where the definition has changed, or a clone was begun since the state was `seen`.
    """
    fence: Any = {
        "TableName": backend.table,
        "Key": Key(dataset_pk(after.uid), "META").attributes(),
        "UpdateExpression": "SET purged = :clones",
        "ConditionExpression": "attribute_exists(PK) AND (attribute_not_exists(clones) OR clones = :clones)",
        "ExpressionAttributeValues": {":clones": {"N": str(seen.clones)}},
    }
    table.transact(backend, [{"Update": _redefinition(backend, before, after)}, {"Update": fence}])
    backend.memory.datasets.pop((after.project, after.name), None)


def _redefinition(backend: Backend, before: Definition, after: Dataset) -> Any:
    """The write that replaces a dataset's definition, on condition that it is still as it was."""
    return {
        "TableName": backend.table,
        "Key": dataset_key(after.project, after.name).attributes(),
        "UpdateExpression": "SET #definition = :after",
        "ConditionExpression": "#definition = :before",
        "ExpressionAttributeNames": NAMES,
        "ExpressionAttributeValues": {":before": {"S": before.text}, ":after": {"S": after.model_dump_json()}},
    }


UID_BYTES = 8


def new_uid() -> str:
    """A uid that no dataset has."""
    return secrets.token_hex(UID_BYTES)
