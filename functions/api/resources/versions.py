"""Versions of a dataset: list and read (R7, R8)."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.parameters import DEFAULT_LIMIT, Cursor, DatasetPath, Limit, ProjectPath, VersionPath
from functions.api.http.router import Router
from tidemark.domain.api_keys import Role
from tidemark.domain.pages import Page
from tidemark.domain.versions import Spacing, VersionSummary
from tidemark.versions import hourly, resolve

router = Router()


Every = Annotated[
    Spacing | None,
    Query(description="`hour`: list only the newest version of each hour (UTC)."),
]


@router.get(
    "/projects/<project>/datasets/<dataset>/versions",
    operation_id="listVersions",
    summary="List versions",
    tags=["versions"],
)
@allow(Role.READ)
def list_versions(
    project: ProjectPath,
    dataset: DatasetPath,
    every: Every = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[VersionSummary]:
    """Lists the versions of a dataset, newest first. With `every`, lists only the newest version of each period.

    With `every`, a page may hold fewer than `limit` items. The list ends when `cursor` is null.
    """
    list_page = hourly.list_hourly_versions if every else resolve.list_versions
    page = list_page(backend(), project=project, dataset=dataset, limit=limit, cursor=cursor)
    return Page(items=[VersionSummary.of(version) for version in page.items], cursor=page.cursor)


@router.get(
    "/projects/<project>/datasets/<dataset>/versions/<version>",
    operation_id="getVersion",
    summary="Read a version",
    tags=["versions"],
)
@allow(Role.READ)
def get_version(project: ProjectPath, dataset: DatasetPath, version: VersionPath) -> VersionSummary:
    """Returns a version by its number, the name of a checkpoint, a time, or `LATEST`."""
    return VersionSummary.of(resolve.get_version(backend(), project=project, dataset=dataset, version=version))
