"""Checkpoints: versions under names (R12, R13), and their statistics (R15)."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.idempotency import Answer, once, request_name
from functions.api.http.parameters import (
    DEFAULT_LIMIT,
    LATEST,
    MAX_VERSION_TEXT,
    ArchivedWanted,
    CheckpointPath,
    Cursor,
    DatasetPath,
    Description,
    IdempotencyKey,
    Limit,
    ProjectPath,
)
from functions.api.http.router import Routes, path_of
from tidemark.checkpoints import checkpoints
from tidemark.domain.api_keys import Role
from tidemark.domain.checkpoints import Checkpoint, CheckpointMetadata, CheckpointPatch
from tidemark.domain.ids import CheckpointName
from tidemark.domain.pages import Archived, Page
from tidemark.domain.statistics import Statistics

router = Routes()


class NewCheckpoint(BaseModel):
    """A checkpoint to be created."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "golden-2026-03", "description": "For the spring model", "metadata": {"run": 42}}]
        },
    )

    name: CheckpointName
    version: str = Field(
        LATEST,
        min_length=1,
        max_length=MAX_VERSION_TEXT,
        strict=True,
        description="The version to freeze, as in the `version` parameter of reads.",
    )
    description: Description = ""
    metadata: CheckpointMetadata = Field({}, description="What you want to keep with it: text, numbers, true or false.")


@router.post(
    "/projects/<project>/datasets/<dataset>/checkpoints",
    operation_id="createCheckpoint",
    summary="Create a checkpoint",
    tags=["checkpoints"],
    status_code=201,
)
@allow(Role.WRITE)
def create_checkpoint(
    project: ProjectPath,
    dataset: DatasetPath,
    body: Annotated[NewCheckpoint, Body()],
    idempotency_key: IdempotencyKey = None,
) -> Response[Checkpoint]:
    """Give a version a name, for good. Every read then takes the name where it takes a version, at once.

    Its manifest, from which its statistics and exports come, is written after the answer: `status` tells how far it is.
    The dataset must have a version: the empty beginning, version 0, cannot be frozen.
    """

    def create() -> Answer:
        checkpoint = checkpoints.create_checkpoint(
            backend(),
            project=project,
            dataset=dataset,
            name=body.name,
            version=body.version,
            description=body.description,
            metadata=body.metadata,
            actor=router.caller.name,
            request=request_name(router, idempotency_key),
        )
        location = path_of("projects", project, "datasets", dataset, "checkpoints", checkpoint.name)
        return Answer.of(checkpoint, status=201, location=location)

    return once(router, idempotency_key, create)


@router.get(
    "/projects/<project>/datasets/<dataset>/checkpoints",
    operation_id="listCheckpoints",
    summary="List checkpoints",
    tags=["checkpoints"],
)
@allow(Role.READ)
def list_checkpoints(
    project: ProjectPath,
    dataset: DatasetPath,
    archived: ArchivedWanted = Archived.NO,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Checkpoint]:
    """The checkpoints of a dataset, newest first; archived ones only if asked for.

    A page may hold fewer than `limit`, also none; the list ends only where `cursor` is null.
    """
    return checkpoints.list_checkpoints(
        backend(), project=project, dataset=dataset, archived=archived, limit=limit, cursor=cursor
    )


@router.get(
    "/projects/<project>/datasets/<dataset>/checkpoints/<checkpoint>",
    operation_id="getCheckpoint",
    summary="Read a checkpoint",
    tags=["checkpoints"],
)
@allow(Role.READ)
def get_checkpoint(project: ProjectPath, dataset: DatasetPath, checkpoint: CheckpointPath) -> Checkpoint:
    """A checkpoint, archived or not."""
    return checkpoints.get_checkpoint(backend(), project=project, dataset=dataset, checkpoint=checkpoint)


@router.patch(
    "/projects/<project>/datasets/<dataset>/checkpoints/<checkpoint>",
    operation_id="editCheckpoint",
    summary="Edit a checkpoint",
    tags=["checkpoints"],
)
@allow(Role.WRITE)
def edit_checkpoint(
    project: ProjectPath,
    dataset: DatasetPath,
    checkpoint: CheckpointPath,
    body: Annotated[CheckpointPatch, Body()],
    idempotency_key: IdempotencyKey = None,
) -> Response[Checkpoint]:
    """Change description and metadata, by a JSON merge patch (RFC 7396). Name and version stay for good."""

    def edit() -> Answer:
        edited = checkpoints.edit_checkpoint(
            backend(), project=project, dataset=dataset, checkpoint=checkpoint, patch=body
        )
        return Answer.of(edited, status=200)

    return once(router, idempotency_key, edit)


@router.post(
    "/projects/<project>/datasets/<dataset>/checkpoints/<checkpoint>/archive",
    operation_id="archiveCheckpoint",
    summary="Archive a checkpoint",
    tags=["checkpoints"],
)
@allow(Role.WRITE)
def archive_checkpoint(project: ProjectPath, dataset: DatasetPath, checkpoint: CheckpointPath) -> Checkpoint:
    """Take a checkpoint out of the list. It keeps its name and reads as before. It may be repeated."""
    return checkpoints.archive_checkpoint(
        backend(), project=project, dataset=dataset, checkpoint=checkpoint, actor=router.caller.name
    )


@router.post(
    "/projects/<project>/datasets/<dataset>/checkpoints/<checkpoint>/unarchive",
    operation_id="unarchiveCheckpoint",
    summary="Unarchive a checkpoint",
    tags=["checkpoints"],
)
@allow(Role.WRITE)
def unarchive_checkpoint(project: ProjectPath, dataset: DatasetPath, checkpoint: CheckpointPath) -> Checkpoint:
    """Put an archived checkpoint back into the list. It may be repeated."""
    return checkpoints.unarchive_checkpoint(backend(), project=project, dataset=dataset, checkpoint=checkpoint)


@router.post(
    "/projects/<project>/datasets/<dataset>/checkpoints/<checkpoint>/retry",
    operation_id="retryCheckpoint",
    summary="Retry a checkpoint's manifest",
    tags=["checkpoints"],
)
@allow(Role.WRITE)
def retry_checkpoint(project: ProjectPath, dataset: DatasetPath, checkpoint: CheckpointPath) -> Checkpoint:
    """Write the manifest of a checkpoint that is `FAILED`, or that has been `WRITING` for over 14 hours, again.

    It may be repeated: what is under way or ready stays as it is.
    """
    return checkpoints.retry_checkpoint(backend(), project=project, dataset=dataset, checkpoint=checkpoint)


@router.get(
    "/projects/<project>/datasets/<dataset>/checkpoints/<checkpoint>/statistics",
    operation_id="getCheckpointStatistics",
    summary="Read a checkpoint's statistics",
    tags=["checkpoints"],
)
@allow(Role.READ)
def get_statistics(project: ProjectPath, dataset: DatasetPath, checkpoint: CheckpointPath) -> Statistics:
    """What the frames of a checkpoint hold, counted by class, type and value. The checkpoint must be `READY`."""
    return checkpoints.get_statistics(backend(), project=project, dataset=dataset, checkpoint=checkpoint)
