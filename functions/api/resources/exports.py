"""Exports of checkpoints: files for training jobs and other tools (R15)."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.idempotency import Answer
from functions.api.http.parameters import DEFAULT_LIMIT, CheckpointPath, Cursor, DatasetPath, Limit, ProjectPath
from functions.api.http.router import Routes, path_of
from tidemark.checkpoints import exports
from tidemark.domain.api_keys import Role
from tidemark.domain.exports import Export, ExportFile, ExportFormat
from tidemark.domain.pages import Page

router = Routes()

EXPORTS = "/projects/<project>/datasets/<dataset>/checkpoints/<checkpoint>/exports"
FormatPath = Annotated[ExportFormat, Path(description="`parquet`, `jsonl` or `coco`.")]


class NewExport(BaseModel):
    """An export that is asked for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"format": "parquet"}]})

    format: ExportFormat = Field(
        description="`parquet`: a frame a row; `jsonl`: rows as uploads take them; `coco`: one COCO file."
    )


@router.post(EXPORTS, operation_id="createExport", summary="Export a checkpoint", tags=["exports"], status_code=202)
@allow(Role.READ)
def create_export(
    project: ProjectPath, dataset: DatasetPath, checkpoint: CheckpointPath, body: Annotated[NewExport, Body()]
) -> Response[Export]:
    """Let a checkpoint be written in a format. Its status must be `READY`.

    A checkpoint is written once in each format: a repeat answers what is under way or ready, and tries again what
    failed.
    """
    export = exports.create_export(
        backend(),
        project=project,
        dataset=dataset,
        checkpoint=checkpoint,
        form=body.format,
        actor=router.caller.name,
    )
    location = path_of(
        "projects", project, "datasets", dataset, "checkpoints", checkpoint, "exports", body.format.value
    )
    return Answer.of(export, status=202, location=location).response()


@router.get(EXPORTS, operation_id="listExports", summary="List exports", tags=["exports"])
@allow(Role.READ)
def list_exports(project: ProjectPath, dataset: DatasetPath, checkpoint: CheckpointPath) -> Page[Export]:
    """The exports of a checkpoint that were asked for, one of each format at most; there is no second page."""
    return exports.list_exports(backend(), project=project, dataset=dataset, checkpoint=checkpoint)


@router.get(f"{EXPORTS}/<format>", operation_id="getExport", summary="Read an export", tags=["exports"])
@allow(Role.READ)
def get_export(
    project: ProjectPath,
    dataset: DatasetPath,
    checkpoint: CheckpointPath,
    format: FormatPath,  # noqa: A002 - the parameter's name in the API
) -> Export:
    """How far an export is, and what it has when it is `READY`."""
    return exports.get_export(backend(), project=project, dataset=dataset, checkpoint=checkpoint, form=format)


@router.get(
    f"{EXPORTS}/<format>/files", operation_id="listExportFiles", summary="List files of an export", tags=["exports"]
)
@allow(Role.READ)
def list_export_files(
    project: ProjectPath,
    dataset: DatasetPath,
    checkpoint: CheckpointPath,
    format: FormatPath,  # noqa: A002 - the parameter's name in the API
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[ExportFile]:
    """The files of an export that is `READY`, in their order, each with a URL to `GET` it from without API key."""
    return exports.list_files(
        backend(),
        project=project,
        dataset=dataset,
        checkpoint=checkpoint,
        form=format,
        limit=limit,
        cursor=cursor,
    )
