"""Datasets in the table, as two items: the definition, by project and name, and the state, by uid.

The definition is what users chose for the dataset. The state is what the dataset's uploads, versions and clones change.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key, dataset_pk, project_pk
from tidemark.aws.writes import Condition, Write
from tidemark.catalog import project_records, records, schema_records
from tidemark.domain.datasets import Clone, Dataset
from tidemark.domain.errors import NotFound
from tidemark.domain.frames.schema import Schema

UID_BYTES = 8
"""Number of random bytes in a dataset's uid."""


class Definition(NamedTuple):
    """A dataset's definition, and the text as which it is stored. Writes use the text in their conditions."""

    dataset: Dataset
    text: str


class DatasetState(NamedTuple):
    """The state of a dataset, which its uploads, versions and clones change."""

    project: str
    name: str
    shards: int
    latest: int
    """Number of the latest version; 0 before the first."""
    latest_at: datetime | None
    filled_by: str | None
    """Id of the upload that fills a BATCH dataset (R22). Once it is set, no other upload may fill the dataset."""
    rolled_back_by: str | None = None
    """Id of the upload that makes the newest roll back; None if there is none."""
    clones: int = 0
    """Number of clones ever started from the dataset."""


def create(
    backend: Backend,
    dataset: Dataset,
    request: str | None,
    *,
    schema: Schema | None = None,
    others: Sequence[Write] = (),
) -> Dataset | None:
    """Stores a new, empty dataset at version 0, and makes `others` in the same transaction.

    `request` identifies the request, so that a repeated one is recognized. `schema` is the schema that a clone starts
    with. Returns the dataset, or the existing dataset if the same request created it. None if the name is taken.
    """
    state = {"project": dataset.project, "name": dataset.name, "shards": dataset.shards, "latest": 0}
    first_state = writes.new(backend, _state_key(dataset.uid), state)
    first_schema = schema_records.new(backend, dataset.uid, schema or Schema())
    key = _definition_key(dataset.project, dataset.name)
    text = records.create(backend, key, dataset.model_dump_json(), request, [first_state, first_schema, *others])
    return Dataset.model_validate_json(text) if text else None


def new_uid() -> str:
    """Returns a new random uid of 16 hexadecimal digits."""
    return secrets.token_hex(UID_BYTES)


def get(backend: Backend, project: str, name: str) -> Dataset:
    """Returns a dataset. Costs no request if this process has cached the dataset.

    Raises NotFound if the project or the dataset does not exist, or the dataset is being purged. An archived dataset is
    never cached, so that every process notices its purge at once; see `retention.purge.MIN_ARCHIVED_TIME`.
    """
    dataset = backend.memory.datasets.get((project, name))
    if dataset is None:
        dataset = definition(backend, project, name).dataset
        if dataset.purge is not None:
            raise NotFound(f"Dataset {name!r} is being purged and can no longer be read.", code="dataset_purged")
        if dataset.archived_at is None:
            backend.memory.datasets[project, name] = dataset
    return dataset


def definition(backend: Backend, project: str, name: str) -> Definition:
    """Reads a dataset's definition consistently, even while the dataset is being purged. Raises NotFound."""
    item = table.get(backend, _definition_key(project, name))
    if item is None:
        raise _unknown(backend, project, name)
    return Definition(Dataset.model_validate_json(item["definition"]), item["definition"])


def list_all(backend: Backend, project: str, after: str, limit: int) -> list[Dataset]:
    """Returns up to `limit` datasets of a project, sorted by name, starting after the name `after`."""
    items = records.list_items(backend, project_pk(project), f"DATASET#{after} ", "DATASET#~", limit)
    return [Dataset.model_validate_json(item["definition"]) for item in items]


def state(backend: Backend, uid: str) -> DatasetState:
    """Reads a dataset's state consistently. Raises NotFound, including once the dataset's purge has started."""
    current = find_state(backend, uid)
    if current is None:
        raise NotFound(f"The dataset with uid {uid!r} does not exist or was purged.", code="unknown_dataset")
    return current


def find_state(backend: Backend, uid: str) -> DatasetState | None:
    """Reads a dataset's state consistently. None for an unknown dataset, and once the dataset's purge has started."""
    item = table.get(backend, _state_key(uid))
    if item is None or "purged" in item:
        return None
    latest_at = item.get("latest_at")
    return DatasetState(
        project=item["project"],
        name=item["name"],
        shards=int(item["shards"]),
        latest=int(item["latest"]),
        latest_at=datetime.fromisoformat(latest_at) if latest_at else None,
        filled_by=item.get("filled_by"),
        rolled_back_by=item.get("rolled_back_by"),
        clones=int(item.get("clones", 0)),
    )


def publish_version(backend: Backend, uid: str, number: int, at: datetime) -> Write:
    """Returns the write that makes version `number` the latest, on condition that the latest is `number` - 1."""
    condition = Condition("latest = :previous", {"previous": number - 1})
    values = {"number": number, "at": at.isoformat()}
    return writes.update(backend, _state_key(uid), "SET latest = :number, latest_at = :at", values, condition)


def fill(backend: Backend, uid: str, upload_id: str) -> Write:
    """Returns the write that records that an upload fills a BATCH dataset, on condition that no other upload does."""
    condition = Condition("attribute_not_exists(filled_by) OR filled_by = :upload")
    return writes.update(backend, _state_key(uid), "SET filled_by = :upload", {"upload": upload_id}, condition)


def roll_back(backend: Backend, uid: str, upload_id: str, last: str | None) -> Write:
    """Returns the write that stores an upload as a dataset's newest roll back.

    The condition is that the newest roll back is still `last`, an upload id, or None if there is none.
    """
    condition = (
        Condition("rolled_back_by = :last", {"last": last})
        if last
        else Condition("attribute_not_exists(rolled_back_by)")
    )
    return writes.update(backend, _state_key(uid), "SET rolled_back_by = :upload", {"upload": upload_id}, condition)


def count_clone(backend: Backend, uid: str) -> Write:
    """Returns the write that counts one more clone of a dataset, on condition that the dataset is not being purged."""
    condition = Condition("attribute_exists(PK) AND attribute_not_exists(purged)")
    return writes.update(backend, _state_key(uid), "ADD clones :one", {"one": 1}, condition)


def mutable_clone(backend: Backend, uid: str) -> Clone | None:
    """Returns the latest mutable clone of a BATCH dataset, or None (R32)."""
    item = table.get(backend, _mutable_clone_key(uid))
    return Clone.model_validate_json(item["clone"]) if item else None


def point_to_clone(backend: Backend, uid: str, clone: Clone) -> Write:
    """Returns the write that stores `clone` as the latest mutable clone of a BATCH dataset (R32)."""
    return writes.put(backend, _mutable_clone_key(uid), {"clone": clone.model_dump_json()})


def edit(backend: Backend, project: str, name: str, change: Callable[[Dataset], Dataset]) -> Dataset:
    """Replaces a dataset's definition with the result of the callback `change`. Returns the new definition.

    `change` receives the current definition, and is called again if that changes meanwhile. Raises NotFound,
    Unavailable, and any error of `change`.
    """

    def change_existing(before: Dataset | None) -> Dataset:
        if before is None:
            raise _unknown(backend, project, name)
        return change(before)

    after = table.edit(backend, _definition_key(project, name), "definition", Dataset, change_existing)
    backend.memory.datasets.pop((project, name), None)
    return after


def begin_purge(backend: Backend, before: Definition, after: Dataset, seen: DatasetState) -> None:
    """Stores `after`, which is being purged, as a dataset's definition, and marks the dataset's state as
    purged. From then on `find_state` returns None, and no new clone of the dataset can start.

    Raises ConditionFailed if the definition is no longer `before`, or a clone was started since the state `seen` was
    read.
    """
    redefinition = writes.update(
        backend,
        _definition_key(after.project, after.name),
        "SET #definition = :after",
        {"after": after.model_dump_json()},
        writes.unchanged("definition", before.text),
    )
    no_new_clone = Condition("attribute_exists(PK) AND (attribute_not_exists(clones) OR clones = :clones)")
    fence = writes.update(backend, _state_key(after.uid), "SET purged = :clones", {"clones": seen.clones}, no_new_clone)
    table.transact(backend, [redefinition, fence])
    backend.memory.datasets.pop((after.project, after.name), None)


def forget(backend: Backend, before: Definition) -> bool:
    """Deletes a dataset's definition, which frees the name. Returns False if the definition is no longer `before`."""
    key = _definition_key(before.dataset.project, before.dataset.name)
    try:
        table.write(backend, writes.delete(backend, key, writes.unchanged("definition", before.text)))
    except table.ConditionFailed:
        return False
    return True


def _unknown(backend: Backend, project: str, name: str) -> NotFound:
    project_records.get(backend, project)  # raises NotFound if the project is missing
    return NotFound(f"There is no dataset {name!r} in project {project!r}.", code="unknown_dataset")


def _definition_key(project: str, name: str) -> Key:
    return Key(project_pk(project), f"DATASET#{name}")


def _state_key(uid: str) -> Key:
    return Key(dataset_pk(uid), "META")


def _mutable_clone_key(uid: str) -> Key:
    return Key(dataset_pk(uid), "MUTABLE")
