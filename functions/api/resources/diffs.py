"""Diffs: what differs between two versions of a dataset (R11)."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.parameters import (
    DEFAULT_LIMIT,
    LATEST,
    MAX_VERSION_TEXT,
    Cursor,
    DatasetPath,
    Limit,
    ProjectPath,
)
from functions.api.http.router import Routes
from tidemark.domain.api_keys import Role
from tidemark.domain.diffs import DiffSummary
from tidemark.versions import diff
from tidemark.versions.diff import DiffPage

router = Routes()

ENOUGH_MILLISECONDS = 15_000
"""Time left in which a summary goes on: a thousand frames, each a query and two GETs of its own, take most of it."""

From = Annotated[
    str,
    Query(
        alias="from",
        min_length=1,
        max_length=MAX_VERSION_TEXT,
        description="The version that the diff starts from, named as in reads; it may be newer than `to`.",
    ),
]
To = Annotated[
    str,
    Query(
        min_length=1,
        max_length=MAX_VERSION_TEXT,
        description="The version that the diff leads to, named as in reads.",
    ),
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
    """The frames that differ between two versions, in a fixed order, and how they differ, down to their labels.

    A page may hold fewer frames than `limit`, also none, while its cursor goes on. A cursor stays with the two versions
    that its first page compared; give the same `from` and `to` with it.
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
    summary="Count what differs between two versions",
    tags=["versions"],
)
@allow(Role.READ)
def summarize_diff(
    project: ProjectPath, dataset: DatasetPath, from_: From, to: To = LATEST, cursor: Cursor = None
) -> DiffSummary:
    """How many frames and labels were added, removed and modified between two versions, in all and by class.

    One answer counts what it has time for, a thousand changed frames or more. Where that is not all, its `cursor` asks
    for the totals of the rest; those of all answers add up.
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
