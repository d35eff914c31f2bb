"""The lists that go on by a cursor, each with a request for it, and the cursors that they give out."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.reliability.access.deployment import Deployment
from tests.reliability.access.operations import Request, operation, operations

OF_ALL_PROJECTS = frozenset({"listProjects", "listRejectedFiles"})
"""Lists whose cursors are good for every caller: who asks decides what they show."""


class Shape(NamedTuple):
    """What is in the cursors of a list."""

    scope: str
    """The list's name, made with a dataset's uid and the ids of the request."""
    position: str
    """Types of the parts of a position: `s` for text, `i` for a number."""


SHAPES: Mapping[str, Shape] = {
    "listProjects": Shape("projects", "s"),
    "listRejectedFiles": Shape("rejected", "s"),
    "listDatasets": Shape("datasets:{project}:false", "s"),
    "listProjectUploads": Shape("uploads:project:{project}:::", "sss"),
    "listUploads": Shape("uploads:dataset:{uid}:::", "sss"),
    "listUploadErrors": Shape("errors:{uid}:{upload}", "sii"),
    "listUploadRows": Shape("rows:{uid}:{upload}", "si"),
    "listFrames": Shape("frames:{uid}", "isi"),
    "getFrameHistory": Shape("{uid}#history#{frame}", "i"),
    "getLabelHistory": Shape("{uid}#label {label}#{frame}", "i"),
    "listVersions": Shape("versions:{uid}", "i"),
    "listCheckpoints": Shape("checkpoints:{uid}:false", "s"),
    "listExportFiles": Shape("files:{uid}:{checkpoint}:{format}", "i"),
    "diffVersions": Shape("diff:{uid}", "iiiis"),
    "summarizeDiff": Shape("diff summary:{uid}", "iiiis"),
    "reportStorage": Shape("storage:{uid}", "is"),
}
"""By operation. Those without a filter."""


def paged() -> set[str]:
    """The operations that take a cursor."""
    return {each.name for each in operations() if "cursor" in each.queries}


def request(name: str, ids: Mapping[str, str], cursor: str | None) -> Request:
    """The request for a page of one item, if the list knows limits."""
    each = operation(name)
    query = [f"cursor={cursor}"] if cursor is not None else []
    query += ["limit=1"] if "limit" in each.queries else []
    if "from" in each.queries:
        query += ["from=LATEST", "to=LATEST"] if cursor is not None else ["from=1", "to=2"]
    return each.request(ids, "&".join(query))


def given_out(deployment: Deployment, ids: Mapping[str, str], caller: str) -> Iterator[tuple[str, str]]:
    """Each list that has more than a page for a caller, and its cursor."""
    for name in sorted(paged()):
        answer = deployment.send(request(name, ids, None), deployment.tokens[caller])
        cursor = answer.json().get("cursor") if answer.status == 200 else None  # an export may not be written
        if cursor:
            yield name, cursor


def scope(deployment: Deployment, name: str, ids: Mapping[str, str]) -> str:
    """The scope of the cursors of a list."""
    return SHAPES[name].scope.format(**ids, uid=deployment.uids[ids["project"]])
