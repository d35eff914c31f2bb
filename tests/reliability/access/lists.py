"""The paged lists: a request for each, and the cursors that they return."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.reliability.access.deployment import Deployment
from tests.reliability.access.operations import Request, operation, operations

OF_ALL_PROJECTS = frozenset({"listProjects", "listRejectedFiles"})
"""Lists whose cursors are valid for every caller. The caller's grant decides what they show."""


class CursorFormat(NamedTuple):
    """The content of a list's cursors."""

    scope: str
    """The list's scope, a template for a dataset's uid and the ids of the request."""
    position: str
    """Types of the position's parts: `s` for text, `i` for a number."""


CURSORS: Mapping[str, CursorFormat] = {
    "listProjects": CursorFormat("projects", "s"),
    "listRejectedFiles": CursorFormat("rejected", "s"),
    "listDatasets": CursorFormat("datasets:{project}:false", "s"),
    "listProjectUploads": CursorFormat("uploads:project:{project}:::", "sss"),
    "listUploads": CursorFormat("uploads:dataset:{uid}:::", "sss"),
    "listUploadErrors": CursorFormat("errors:{uid}:{upload}", "sii"),
    "listUploadRows": CursorFormat("rows:{uid}:{upload}", "si"),
    "listFrames": CursorFormat("frames:{uid}", "isi"),
    "getFrameHistory": CursorFormat("{uid}#history#{frame}", "i"),
    "getLabelHistory": CursorFormat("{uid}#label {label}#{frame}", "i"),
    "listVersions": CursorFormat("versions:{uid}", "i"),
    "listCheckpoints": CursorFormat("checkpoints:{uid}:false", "s"),
    "listExportFiles": CursorFormat("files:{uid}:{checkpoint}:{format}", "i"),
    "diffVersions": CursorFormat("diff:{uid}", "iiiis"),
    "summarizeDiff": CursorFormat("diff summary:{uid}", "iiiis"),
    "reportStorage": CursorFormat("storage:{uid}", "is"),
}
"""Cursor formats of lists without a filter, by operation."""


def paged() -> set[str]:
    """Returns the operations that accept a cursor."""
    return {each.name for each in operations() if "cursor" in each.queries}


def request(name: str, ids: Mapping[str, str], cursor: str | None) -> Request:
    """Returns a request for a page of one item, if the list has a limit."""
    each = operation(name)
    query = [f"cursor={cursor}"] if cursor is not None else []
    query += ["limit=1"] if "limit" in each.queries else []
    if "from" in each.queries:
        query += ["from=LATEST", "to=LATEST"] if cursor is not None else ["from=1", "to=2"]
    return each.request(ids, "&".join(query))


def issued(deployment: Deployment, ids: Mapping[str, str], caller: str) -> Iterator[tuple[str, str]]:
    """Yields each list that has a second page for a caller, with its cursor."""
    for name in sorted(paged()):
        answer = deployment.send(request(name, ids, None), deployment.tokens[caller])
        cursor = answer.json().get("cursor") if answer.status == 200 else None  # an export may not be written yet
        if cursor:
            yield name, cursor


def scope(deployment: Deployment, name: str, ids: Mapping[str, str]) -> str:
    """Returns the scope in a list's cursors."""
    return CURSORS[name].scope.format(**ids, uid=deployment.uids[ids["project"]])
