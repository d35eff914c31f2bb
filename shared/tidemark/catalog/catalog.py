"""Definitions: projects, class maps, datasets by name, and the schema that a dataset has learned."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.table import Key, dataset_pk, project_pk
from tidemark.domain.datasets import Clone, Dataset
from tidemark.domain.errors import NotFound
from tidemark.domain.frames.class_map import ClassMap
from tidemark.domain.frames.schema import Schema
from tidemark.domain.projects import Project

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

PROJECTS = "PROJECTS"
"""The partition of all projects, so that they are listed by key."""


class SchemaGrowth(NamedTuple):
    """What rows teach a dataset."""

    schema: Schema
    """The schema with what is new in the rows."""
    seen: int
    """Revision of the schema that they were judged by."""


class SchemaMoved(Exception):
    """Another request has taught the dataset since rows were judged, and they may be wrong by what it knows now."""


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


def create_project(backend: Backend, project: Project, class_map: ClassMap, request: str | None) -> Project | None:
    """Write a new project and its class map, for a request that is named if it may be repeated.

    Answers the project, the one from before if the same request made it; None if the name is taken.
    """
    class_map_write = table.creation(backend, _class_map_key(project.name), _class_map_item(class_map, 1))
    kept = _create(backend, _project_key(project.name), project.model_dump_json(), request, [class_map_write])
    return Project.model_validate_json(kept) if kept else None


def project(backend: Backend, name: str) -> Project:
    """The project of that name. Raises NotFound."""
    found = backend.memory.projects.get(name)
    if found is None:
        item = table.get(backend, _project_key(name))
        if item is None:
            raise NotFound(f"There is no project {name!r}.", code="unknown_project")
        found = backend.memory.projects[name] = Project.model_validate_json(item["definition"])
    return found


def projects(backend: Backend, after: str, limit: int) -> list[Project]:
    """Up to `limit` projects in order of their names, from the one after `after`."""
    return [
        Project.model_validate_json(item["definition"]) for item in _list(backend, PROJECTS, f"{after} ", "~", limit)
    ]


def projects_named(backend: Backend, names: list[str]) -> list[Project]:
    """The projects of those names that exist, in the order of the names."""
    keys = [_project_key(name) for name in names]
    found = table.get_many(backend, keys)
    return [Project.model_validate_json(found[key]["definition"]) for key in keys if key in found]


def class_map(backend: Backend, project_name: str, *, fresh: bool = False) -> tuple[ClassMap, int]:
    """A project's class map and its revision; `fresh` reads it anew instead of trusting what is remembered.

    Raises NotFound.
    """
    found = None if fresh else backend.memory.class_maps.get(project_name)
    if found is None:
        item = table.get(backend, _class_map_key(project_name))
        if item is None:
            raise NotFound(f"There is no project {project_name!r}.", code="unknown_project")
        found = ClassMap.model_validate_json(item["classes"]), int(item["revision"])
        backend.memory.class_maps[project_name] = found
    return found


def replace_class_map(backend: Backend, project_name: str, after: ClassMap, revision: int) -> bool:
    """Replace the class map that was read at `revision`; False if it has changed meanwhile."""
    try:
        table.write_one(
            backend,
            backend.dynamodb.put_item,
            TableName=backend.table,
            Item=table.put(_class_map_key(project_name), _class_map_item(after, revision + 1)),
            ConditionExpression="revision = :seen",
            ExpressionAttributeValues={":seen": {"N": str(revision)}},
        )
    except backend.dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    backend.memory.class_maps[project_name] = after, revision + 1
    return True


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
        table.creation(backend, Key(pk, "SCHEMA"), _schema_item(schema or Schema(), 1)),
        *others,
    ]
    key = dataset_key(dataset.project, dataset.name)
    kept = _create(backend, key, dataset.model_dump_json(), request, state_writes)
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
        project(backend, project_name)
        raise NotFound(f"There is no dataset {name!r} in project {project_name!r}.", code="unknown_dataset")
    return Definition(Dataset.model_validate_json(item["definition"]), item["definition"])


def datasets(backend: Backend, project_name: str, after: str, limit: int) -> list[Dataset]:
    """Up to `limit` datasets of a project in order of their names, from the one after `after`."""
    low, high = f"DATASET#{after} ", "DATASET#~"
    items = _list(backend, project_pk(project_name), low, high, limit)
    return [Dataset.model_validate_json(item["definition"]) for item in items]


def schema(backend: Backend, uid: str, *, draft: str = "", fresh: bool = False) -> tuple[Schema, int]:
    """What a dataset has learned of its metadata and embeddings (R3, R4), and the revision of that knowledge.

    `draft` is an upload that may come to nothing as a whole (R22): it learns apart, from nothing, at revision 0.
    """
    found = None if fresh else backend.memory.schemas.get((uid, draft))
    if found is None:
        item = table.get(backend, _schema_key(uid, draft))
        if item is not None:
            found = Schema.model_validate_json(item["schema"]), int(item["revision"])
        elif draft:
            found = Schema(), 0
        else:
            raise NotFound(f"There is no dataset with uid {uid!r}.", code="unknown_dataset")
        backend.memory.schemas[uid, draft] = found
    return found


def teach(
    backend: Backend,
    uid: str,
    writes: "Sequence[TransactWriteItemTypeDef]",
    growth: SchemaGrowth | None,
    draft: str = "",
) -> None:
    """Make `writes` and grow the dataset's schema with them, or a draft's, all or nothing; a dataset learns from what
    is recorded.

    Raises TransactionRefused where a condition of `writes` does not hold, else SchemaMoved where another request has
    taught the dataset meanwhile.
    """
    if growth is None:
        table.transact(backend, writes)
        return
    try:
        table.transact(backend, [*writes, {"Put": _schema_write(backend, uid, draft, growth)}])
    except table.TransactionRefused as refused:
        if any(refused.failed[:-1]):
            raise
        raise SchemaMoved from None
    backend.memory.schemas[uid, draft] = growth.schema, growth.seen + 1


def _schema_write(backend: Backend, uid: str, draft: str, growth: SchemaGrowth) -> Any:
    put = {
        "TableName": backend.table,
        "Item": table.put(_schema_key(uid, draft), _schema_item(growth.schema, growth.seen + 1)),
    }
    if growth.seen == 0:
        return put | {"ConditionExpression": "attribute_not_exists(PK)"}
    return put | {
        "ConditionExpression": "revision = :seen",
        "ExpressionAttributeValues": {":seen": {"N": str(growth.seen)}},
    }


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


def _list(backend: Backend, pk: str, low: str, high: str, limit: int) -> list[table.Item]:
    items: list[table.Item] = []
    start: str | None = low
    while start is not None and len(items) < limit:
        more, stopped = table.query(backend, pk, start, high, limit=limit - len(items))
        items.extend(more)
        start = f"{stopped} " if stopped else None
    return items


def _create(backend: Backend, key: Key, definition: str, request: str | None, others: list[Any]) -> str | None:
    """Write a definition and `others` that belong to it; answers the definition that `request` has made, if it has."""
    try:
        table.transact(backend, [table.creation(backend, key, {"definition": definition, "request": request}), *others])
    except table.TransactionRefused:
        existing = table.get(backend, key) or {}
        made_by_this = request is not None and existing.get("request") == request
        return str(existing["definition"]) if made_by_this else None
    return definition


def _class_map_item(classes: ClassMap, revision: int) -> dict[str, Any]:
    return {"classes": classes.model_dump_json(), "revision": revision}


def _schema_item(learned: Schema, revision: int) -> dict[str, Any]:
    return {"schema": learned.model_dump_json(), "revision": revision}


def _schema_key(uid: str, draft: str = "") -> Key:
    return Key(dataset_pk(uid), f"SCHEMA#{draft}" if draft else "SCHEMA")


def _project_key(name: str) -> Key:
    return Key(PROJECTS, name)


def _class_map_key(project_name: str) -> Key:
    return Key(project_pk(project_name), "CLASSMAP")


def dataset_key(project_name: str, name: str) -> Key:
    """Where a dataset's definition lies."""
    return Key(project_pk(project_name), f"DATASET#{name}")
