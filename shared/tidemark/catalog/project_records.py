"""Projects and their class maps in the table."""

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key, project_pk
from tidemark.catalog import records
from tidemark.domain.errors import NotFound
from tidemark.domain.frames.class_map import ClassMap
from tidemark.domain.projects import Project

PROJECTS = "PROJECTS"
"""Partition key of all projects, so that a query can list them."""


def create(backend: Backend, project: Project, class_map: ClassMap, request: str | None) -> Project | None:
    """Stores a new project and its class map in one transaction.

    `request` identifies the request, so that a repeated one is recognized. Returns the project, or the existing project
    if the same request created it. None if the name is taken.
    """
    item = {"classes": class_map.model_dump_json()}
    first_class_map = writes.revised(backend, _class_map_key(project.name), item, 0)
    stored = records.create(backend, _key(project.name), project.model_dump_json(), request, [first_class_map])
    return Project.model_validate_json(stored) if stored else None


def get(backend: Backend, name: str) -> Project:
    """Returns a project. Costs no request if this process has cached the project. Raises NotFound."""
    project = backend.memory.projects.get(name)
    if project is None:
        item = table.get(backend, _key(name))
        if item is None:
            raise _unknown(name)
        project = backend.memory.projects[name] = Project.model_validate_json(item["definition"])
    return project


def list_all(backend: Backend, after: str, limit: int) -> list[Project]:
    """Returns up to `limit` projects, sorted by name, starting after the name `after`."""
    items = records.list_items(backend, PROJECTS, f"{after} ", "~", limit)
    return [Project.model_validate_json(item["definition"]) for item in items]


def get_many(backend: Backend, names: list[str]) -> list[Project]:
    """Returns those of the named projects that exist, in the order of `names`."""
    keys = [_key(name) for name in names]
    items = table.get_many(backend, keys)
    return [Project.model_validate_json(items[key]["definition"]) for key in keys if key in items]


def class_map(backend: Backend, project: str, *, fresh: bool = False) -> tuple[ClassMap, int]:
    """Returns a project's class map and the class map's revision, from this process's cache unless `fresh`.

    Raises NotFound.
    """
    known = None if fresh else backend.memory.class_maps.get(project)
    if known is None:
        item = table.get(backend, _class_map_key(project))
        if item is None:
            raise _unknown(project)
        known = ClassMap.model_validate_json(item["classes"]), int(item["revision"])
        backend.memory.class_maps[project] = known
    return known


def replace_class_map(backend: Backend, project: str, after: ClassMap, revision: int) -> bool:
    """Replaces a project's class map, on condition that the stored one still has this `revision`.

    Returns False if the class map has changed since it was read.
    """
    item = {"classes": after.model_dump_json()}
    try:
        table.write(backend, writes.revised(backend, _class_map_key(project), item, revision))
    except table.ConditionFailed:
        return False
    backend.memory.class_maps[project] = after, revision + 1
    return True


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no project {name!r}.", code="unknown_project")


def _key(name: str) -> Key:
    return Key(PROJECTS, name)


def _class_map_key(project: str) -> Key:
    return Key(project_pk(project), "CLASSMAP")
