"""Checkpoints: named versions (R12, R13) and their statistics (R15)."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.idempotency import once, request_fingerprint
from functions.api.http.parameters import (
    DEFAULT_LIMIT,
    LATEST,
    ArchivedFilter,
    CheckpointPath,
    Cursor,
    DatasetPath,
    Description,
    IdempotencyKey,
    Limit,
    ProjectPath,
    VersionRef,
)
from functions.api.http.response import WriteResponse
from functions.api.http.router import Router, dataset_path
from tidemark.checkpoints import checkpoints
from tidemark.domain.api_keys import Role
from tidemark.domain.checkpoints import Checkpoint, CheckpointMetadata, CheckpointPatch
from tidemark.domain.ids import CheckpointName
from tidemark.domain.pages import Archived, Page
from tidemark.domain.statistics import Statistics

router = Router()

CHECKPOINTS = "/projects/<project>/datasets/<dataset>/checkpoints"
CHECKPOINT = f"{CHECKPOINTS}/<checkpoint>"


class NewCheckpoint(BaseModel):
    """A checkpoint to create."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "golden-2026-03", "description": "For the spring model", "metadata": {"run": 42}}]
        },
    )

    name: CheckpointName = Field(description="Name of the checkpoint, unique in its dataset.")
    version: VersionRef = Field(
        LATEST, description="Version to freeze: its number, the name of a checkpoint, an ISO 8601 time, or `LATEST`."
    )
    description: Description = ""
    metadata: CheckpointMetadata = Field(
        {}, description="Values to store with the checkpoint: text, numbers or booleans."
    )


@router.post(
    CHECKPOINTS, operation_id="createCheckpoint", summary="Create a checkpoint", tags=["checkpoints"], status_code=201
)
@allow(Role.WRITE)
def create_checkpoint(
    project: ProjectPath,
    dataset: DatasetPath,
    body: Annotated[NewCheckpoint, Body()],
    idempotency_key: IdempotencyKey = None,
) -> Response[Checkpoint]:
    """Creates a checkpoint, which is a permanent name for a version. Every read accepts the name as its version.

    The checkpoint's manifest, from which its statistics and exports are made, is written after the response: poll the
    checkpoint's `status`. Version 0 is empty and cannot be frozen.
    """

    def create() -> WriteResponse:
        checkpoint = checkpoints.create_checkpoint(
            backend(),
            project=project,
            dataset=dataset,
            name=body.name,
            version=body.version,
            description=body.description,
            metadata=body.metadata,
            actor=router.caller.name,
            request=request_fingerprint(router, idempotency_key),
        )
        location = dataset_path(project, dataset, "checkpoints", checkpoint.name)
        return WriteResponse.of(checkpoint, status=HTTPStatus.CREATED, location=location)

    return once(router, idempotency_key, create)


@router.get(CHECKPOINTS, operation_id="listCheckpoints", summary="List checkpoints", tags=["checkpoints"])
@allow(Role.READ)
def list_checkpoints(
    project: ProjectPath,
    dataset: DatasetPath,
    archived: ArchivedFilter = Archived.NO,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Checkpoint]:
    """Lists a dataset's checkpoints, newest first. Archived checkpoints are listed only on request.

    A page may hold fewer than `limit` items, or none. The list ends when `cursor` is null.
    """
    return checkpoints.list_checkpoints(
        backend(), project=project, dataset=dataset, archived=archived, limit=limit, cursor=cursor
    )


@router.get(CHECKPOINT, operation_id="getCheckpoint", summary="Read a checkpoint", tags=["checkpoints"])
@allow(Role.READ)
def get_checkpoint(project: ProjectPath, dataset: DatasetPath, checkpoint: CheckpointPath) -> Checkpoint:
    """Returns a checkpoint, archived or not."""
    return checkpoints.get_checkpoint(backend(), project=project, dataset=dataset, checkpoint=checkpoint)


@router.patch(CHECKPOINT, operation_id="editCheckpoint", summary="Edit a checkpoint", tags=["checkpoints"])
@allow(Role.WRITE)
def edit_checkpoint(
    project: ProjectPath,
    dataset: DatasetPath,
    checkpoint: CheckpointPath,
    body: Annotated[CheckpointPatch, Body()],
    idempotency_key: IdempotencyKey = None,
) -> Response[Checkpoint]:
    """Changes a checkpoint's description and metadata by a JSON merge patch (RFC 7396). Nothing else can be changed."""

    def edit() -> WriteResponse:
        edited = checkpoints.edit_checkpoint(
            backend(), project=project, dataset=dataset, checkpoint=checkpoint, patch=body
        )
        return WriteResponse.of(edited, status=HTTPStatus.OK)

    return once(router, idempotency_key, edit)


@router.post(
    f"{CHECKPOINT}/archive", operation_id="archiveCheckpoint", summary="Archive a checkpoint", tags=["checkpoints"]
)
@allow(Role.WRITE)
def archive_checkpoint(project: ProjectPath, dataset: DatasetPath, checkpoint: CheckpointPath) -> Checkpoint:
    """Hides a checkpoint from lists. The checkpoint keeps its name and can still be read. Safe to repeat."""
    return checkpoints.archive_checkpoint(
        backend(), project=project, dataset=dataset, checkpoint=checkpoint, actor=router.caller.name
    )


@router.post(
    f"{CHECKPOINT}/unarchive",
    operation_id="unarchiveCheckpoint",
    summary="Unarchive a checkpoint",
    tags=["checkpoints"],
)
@allow(Role.WRITE)
def unarchive_checkpoint(project: ProjectPath, dataset: DatasetPath, checkpoint: CheckpointPath) -> Checkpoint:
    """Shows an archived checkpoint in lists again. Safe to repeat."""
    return checkpoints.unarchive_checkpoint(backend(), project=project, dataset=dataset, checkpoint=checkpoint)


@router.post(
    f"{CHECKPOINT}/retry", operation_id="retryCheckpoint", summary="Retry a checkpoint's manifest", tags=["checkpoints"]
)
@allow(Role.WRITE)
def retry_checkpoint(project: ProjectPath, dataset: DatasetPath, checkpoint: CheckpointPath) -> Checkpoint:
    """Starts to write a checkpoint's manifest again, if its `status` is `FAILED`, or `WRITING` for over 14 hours.

    Safe to repeat: nothing changes while the manifest is being written, or once it is ready.
    """
    return checkpoints.retry_checkpoint(backend(), project=project, dataset=dataset, checkpoint=checkpoint)


@router.get(
    f"{CHECKPOINT}/statistics",
    operation_id="getCheckpointStatistics",
    summary="Read a checkpoint's statistics",
    tags=["checkpoints"],
)
@allow(Role.READ)
def get_statistics(project: ProjectPath, dataset: DatasetPath, checkpoint: CheckpointPath) -> Statistics:
    """Returns counts of a checkpoint's frames and labels, by class, type and value. The checkpoint must be `READY`."""
    return checkpoints.get_statistics(backend(), project=project, dataset=dataset, checkpoint=checkpoint)
