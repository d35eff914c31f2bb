"""Diffs between two versions of a dataset (R11)."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.parameters import (
    DEFAULT_LIMIT,
    LATEST,
    Cursor,
    DatasetPath,
    Limit,
    ProjectPath,
    VersionRef,
)
from functions.api.http.router import Router
from tidemark.domain.api_keys import Role
from tidemark.domain.diffs import DiffSummary
from tidemark.versions import diff
from tidemark.versions.diff import DiffPage

router = Router()

ENOUGH_MILLISECONDS = 15_000
"""Milliseconds that must be left for a summary to compare another thousand frames. Each frame takes a query and two
GETs."""

From = Annotated[
    VersionRef,
    Query(
        alias="from",
        description="Version to compare from: its number, the name of a checkpoint, an ISO 8601 time, or `LATEST`. "
        "May be newer than `to`.",
    ),
]
To = Annotated[
    VersionRef,
    Query(description="Version to compare to: its number, the name of a checkpoint, an ISO 8601 time, or `LATEST`."),
]


@router.get(
    "/projects/<project>/datasets/<dataset>/diff",
    operation_id="diffVersions",
    summary="Compare two versions",
    tags=["versions"],
)
@allow(Role.READ)
def diff_versions(
    project: ProjectPath,
    dataset: DatasetPath,
    from_: From,
    to: To = LATEST,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> DiffPage:
    """Lists the frames that differ between two versions, in a fixed order, each with its differences down to labels.

    A page may hold fewer frames than `limit`, or none, and still have a cursor. A cursor is bound to the two versions
    that the first page compared: send the same `from` and `to` with the cursor.
    """
    return diff.diff_versions(
        backend(),
        project=project,
        dataset=dataset,
        from_version=from_,
        to_version=to,
        limit=limit,
        cursor=cursor,
    )


@router.get(
    "/projects/<project>/datasets/<dataset>/diff/summary",
    operation_id="summarizeDiff",
    summary="Count the differences between two versions",
    tags=["versions"],
)
@allow(Role.READ)
def summarize_diff(
    project: ProjectPath, dataset: DatasetPath, from_: From, to: To = LATEST, cursor: Cursor = None
) -> DiffSummary:
    """Returns how many frames and labels were added, removed and modified between two versions, in total and by class.

    One response covers as many changed frames as there is time for, at least a thousand. If frames remain, the response
    has a `cursor`: send it to count the next frames, and add up the totals of all responses.
    """
    return diff.summarize_diff(
        backend(),
        project=project,
        dataset=dataset,
        from_version=from_,
        to_version=to,
        cursor=cursor,
        has_time=lambda: router.milliseconds_left > ENOUGH_MILLISECONDS,
    )
