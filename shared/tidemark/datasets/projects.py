"""Projects and their class maps."""

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
    """Create a project with its class map (R1). A repeat of the same `request` gets what it made the first time.

    Raises Conflict where the name is taken, InvalidRequest and TooLarge for a class map that cannot be.
    """
    class_map = ClassMap().append(classes)
    project = Project(name=name, description=description, created_at=backend.clock(), created_by=actor)
    created = project_records.create(backend, project, class_map, request)
    if created is None:
        raise Conflict(f"There is a project {name!r} already.", code="project_exists", pointer="/name")
    return created


def get_project(backend: Backend, name: str) -> Project:
    """The project of that name. Raises NotFound."""
    return project_records.get(backend, name)


def list_projects(backend: Backend, *, only: frozenset[str] | None, limit: int, cursor: str | None) -> Page[Project]:
    """Projects in order of their names: all, or those named in `only`."""
    after = str(decode_cursor("projects", cursor, str)[0]) if cursor else ""
    found = project_records.list_all(backend, after, limit) if only is None else _named(backend, only, after, limit)
    more = encode_cursor("projects", found[-1].name) if len(found) == limit else None
    return Page(items=found, cursor=more)


def get_class_map(backend: Backend, project: str) -> ClassMap:
    """A project's class map as it is now. Raises NotFound."""
    return project_records.class_map(backend, project, fresh=True)[0]


def put_class_map(backend: Backend, project: str, classes: Sequence[ClassInput]) -> ClassMap:
    """Append classes and change colours, by giving the whole map (R2).

    Raises Conflict where an existing class would change or go, and where someone else changed the map meanwhile.
    """
    before, revision = project_records.class_map(backend, project, fresh=True)
    after = before.replace(classes)
    if after != before and not project_records.replace_class_map(backend, project, after, revision):
        raise Conflict(
            "The class map was changed by someone else at the same moment; read it and send your change again.",
            code="class_map_changed",
        )
    return after


def _named(backend: Backend, names: frozenset[str], after: str, limit: int) -> list[Project]:
    wanted = sorted(name for name in names if name > after)
    return project_records.get_many(backend, wanted)[:limit]
