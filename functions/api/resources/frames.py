"""Frames: list and read them as of a version (R6, R7)."""

from http import HTTPStatus
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
    Cursor,
    DatasetPath,
    FramePath,
    Limit,
    ProjectPath,
    VersionQuery,
    VersionRef,
)
from functions.api.http.router import Router
from tidemark.domain.api_keys import Role
from tidemark.domain.ids import FrameId
from tidemark.domain.limits import MAX_BATCH_FRAMES
from tidemark.versions import frames
from tidemark.versions.frames import FrameAt, FrameBatch, FramePage

router = Router()


class WantedFrames(BaseModel):
    """Frames to read, and the version to read them at."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"frame_ids": ["cam-0001", "cam-0002"], "version": "7"}]}
    )

    frame_ids: list[FrameId] = Field(min_length=1, max_length=MAX_BATCH_FRAMES, description="Ids of the frames.")
    version: VersionRef = Field(
        LATEST, description="Version to read: its number, the name of a checkpoint, an ISO 8601 time, or `LATEST`."
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
    version: VersionQuery = LATEST,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[FramePage]:
    """Lists the frames of a version, in a fixed order that is not the order of their ids.

    A page of large frames may hold fewer frames than `limit`. A cursor is bound to the version that the first page
    read, so paging through `LATEST` sees a single version even while uploads are applied.
    """
    return _response(
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
    """Returns several frames as of a version. Changes nothing; the request is a POST because it may list many ids."""
    return _response(
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
    project: ProjectPath, dataset: DatasetPath, frame: FramePath, version: VersionQuery = LATEST
) -> Response[FrameAt]:
    """Returns a frame as of a version. `ETag` holds the frame's digest: frames with equal digests are equal."""
    frame_at = frames.get_frame(backend(), project=project, dataset=dataset, frame_id=frame, version=version)
    # A weak tag: the response also holds the number of the version, and two versions may hold the same frame.
    return _response(frame_at, ETag=f'W/"{frame_at.digest}"')


def _response(model: FrameAt | FramePage | FrameBatch, **headers: str) -> Response[Any]:
    return Response(HTTPStatus.OK, content_type=request_body.JSON_TYPE, body=_json(model), headers=headers)


def _json(value: object) -> bytes:
    """Returns a value as JSON. Stored frames in the value are copied byte for byte.

    A frame's numbers thus keep their spelling and its absent fields stay absent, so that a frame can be sent again as
    it was read.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):
        return b"[%s]" % b",".join(map(_json, value))
    if isinstance(value, BaseModel):
        return b"{%s}" % b",".join(b"%s:%s" % (to_json(name), _json(field)) for name, field in value)
    return to_json(value)
