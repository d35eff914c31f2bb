"""Projects and their class maps."""

from typing import TYPE_CHECKING, Any

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.table import Key, project_pk
from tidemark.catalog import records
from tidemark.domain.errors import NotFound
from tidemark.domain.frames.class_map import ClassMap
from tidemark.domain.projects import Project

if TYPE_CHECKING:
    pass


PROJECTS = "PROJECTS"
"""The partition of all projects, so that they are listed by key."""


def create_project(backend: Backend, project: Project, class_map: ClassMap, request: str | None) -> Project | None:
    """Write a new project and its class map, for a request that is named if it may be repeated.

    Answers the project, the one from before if the same request made it; None if the name is taken.
    """
    class_map_write = table.creation(backend, _class_map_key(project.name), _class_map_item(class_map, 1))
    kept = records.create(backend, _project_key(project.name), project.model_dump_json(), request, [class_map_write])
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
        Project.model_validate_json(item["definition"])
        for item in records.list_items(backend, PROJECTS, f"{after} ", "~", limit)
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


def _class_map_item(classes: ClassMap, revision: int) -> dict[str, Any]:
    return {"classes": classes.model_dump_json(), "revision": revision}


def _project_key(name: str) -> Key:
    return Key(PROJECTS, name)


def _class_map_key(project_name: str) -> Key:
    return Key(project_pk(project_name), "CLASSMAP")
