"""Frames: reading them as of a version (R6, R7)."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from functions.api.http import request_body
from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.parameters import (
    DEFAULT_LIMIT,
    LATEST,
    MAX_VERSION_TEXT,
    Cursor,
    DatasetPath,
    FramePath,
    Limit,
    ProjectPath,
    VersionRead,
)
from functions.api.http.router import Routes
from tidemark.domain.api_keys import Role
from tidemark.domain.ids import FrameId
from tidemark.domain.limits import MAX_BATCH_FRAMES
from tidemark.versions import frames
from tidemark.versions.frames import FrameAt, FrameBatch, FramePage

router = Routes()


class WantedFrames(BaseModel):
    """Ids of frames to be read, and the version to read them at."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"frame_ids": ["cam-0001", "cam-0002"], "version": "7"}]}
    )

    frame_ids: list[FrameId] = Field(min_length=1, max_length=MAX_BATCH_FRAMES)
    version: str = Field(
        LATEST, min_length=1, max_length=MAX_VERSION_TEXT, description="As in the `version` parameter of reads."
    )


@router.get(
    "/projects/<project>/datasets/<dataset>/frames",
    operation_id="listFrames",
    summary="List frames",
    tags=["frames"],
)
@allow(Role.READ)
def list_frames(
    project: ProjectPath,
    dataset: DatasetPath,
    version: VersionRead = LATEST,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[FramePage]:
    """The frames of a version in pages, in a fixed order that is not that of their ids.

    A page may hold fewer frames than `limit` where they are large. A cursor stays with the version that its first page
    read, so that paging through `LATEST` sees one version, whatever is uploaded meanwhile.
    """
    return _answer(
        frames.list_frames(backend(), project=project, dataset=dataset, version=version, limit=limit, cursor=cursor)
    )


@router.post(
    "/projects/<project>/datasets/<dataset>/frames/batch-get",
    operation_id="batchGetFrames",
    summary="Read frames by their ids",
    tags=["frames"],
)
@allow(Role.READ)
def batch_get_frames(
    project: ProjectPath, dataset: DatasetPath, body: Annotated[WantedFrames, Body()]
) -> Response[FrameBatch]:
    """Several frames as of a version. Changes nothing; the ids travel in the body because they are many."""
    return _answer(
        frames.batch_get(backend(), project=project, dataset=dataset, frame_ids=body.frame_ids, version=body.version)
    )


@router.get(
    "/projects/<project>/datasets/<dataset>/frames/<frame>",
    operation_id="getFrame",
    summary="Read a frame",
    tags=["frames"],
)
@allow(Role.READ)
def get_frame(
    project: ProjectPath, dataset: DatasetPath, frame: FramePath, version: VersionRead = LATEST
) -> Response[FrameAt]:
    """One frame as of a version. `ETag` holds the digest of the frame: equal digests, equal frames."""
    found = frames.get_frame(backend(), project=project, dataset=dataset, frame_id=frame, version=version)
    # Weak, because the answer also says which version was read, and two versions may hold the same frame.
    return _answer(found, ETag=f'W/"{found.digest}"')


def _answer(read: FrameAt | FramePage | FrameBatch, **headers: str) -> Response[Any]:
    return Response(200, content_type=request_body.JSON_TYPE, body=_json(read), headers=headers)


def _json(value: object) -> bytes:
    """A value in JSON, with frames in it as they are kept: no number is written otherwise, and nothing that was not
    given is written, so that what is read can be sent again."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):
        return b"[%s]" % b",".join(map(_json, value))
    if isinstance(value, BaseModel):
        return b"{%s}" % b",".join(b"%s:%s" % (to_json(name), _json(member)) for name, member in value)
    return to_json(value)
