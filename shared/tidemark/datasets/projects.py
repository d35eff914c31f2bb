"""Projects and their class maps: creating, listing and changing them."""

from collections.abc import Sequence

from tidemark.aws.backend import Backend
from tidemark.catalog import project_records
from tidemark.domain.errors import Conflict
from tidemark.domain.frames.class_map import ClassInput, ClassMap
from tidemark.domain.pages import Page, decode_cursor, encode_cursor
from tidemark.domain.projects import Project


def create_project(
    backend: Backend,
    *,
    name: str,
    description: str,
    classes: Sequence[ClassInput],
    actor: str,
    request: str | None = None,
) -> Project:
    """Creates a project with its class map (R1). A repeat with the same `request` id returns the project first created.

    Raises Conflict if the name is taken, and InvalidRequest and TooLarge for an invalid class map.
    """
    class_map = ClassMap().append(classes)
    project = Project(name=name, description=description, created_at=backend.clock(), created_by=actor)
    created = project_records.create(backend, project, class_map, request)
    if created is None:
        raise Conflict(f"Project {name!r} already exists.", code="project_exists", pointer="/name")
    return created


def get_project(backend: Backend, name: str) -> Project:
    """Returns a project. Raises NotFound."""
    return project_records.get(backend, name)


def list_projects(backend: Backend, *, only: frozenset[str] | None, limit: int, cursor: str | None) -> Page[Project]:
    """Returns a page of projects, sorted by name: all projects, or only those named in `only`."""
    after = str(decode_cursor("projects", cursor, str)[0]) if cursor else ""
    if only is None:
        projects = project_records.list_all(backend, after, limit)
    else:
        projects = project_records.get_many(backend, sorted(name for name in only if name > after))[:limit]
    return Page(items=projects, cursor=encode_cursor("projects", projects[-1].name) if len(projects) == limit else None)


def get_class_map(backend: Backend, project: str) -> ClassMap:
    """Returns a project's current class map. Raises NotFound."""
    return project_records.class_map(backend, project, fresh=True)[0]


def put_class_map(backend: Backend, project: str, classes: Sequence[ClassInput]) -> ClassMap:
    """Replaces a project's class map, to append classes or change colours (R2). `classes` is the complete new map.

    Raises Conflict if an existing class would change or disappear, or if another request changed the map at the same
    time.
    """
    before, revision = project_records.class_map(backend, project, fresh=True)
    after = before.replace(classes)
    if after != before and not project_records.replace_class_map(backend, project, after, revision):
        raise Conflict(
            "Another request changed the class map at the same moment; read it and send your change again.",
            code="class_map_changed",
        )
    return after
