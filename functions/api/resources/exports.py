"""Exports of checkpoints to files, for training jobs and other tools (R15)."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.parameters import DEFAULT_LIMIT, CheckpointPath, Cursor, DatasetPath, Limit, ProjectPath
from functions.api.http.response import WriteResponse
from functions.api.http.router import Router, dataset_path
from tidemark.checkpoints import exports
from tidemark.domain.api_keys import Role
from tidemark.domain.exports import Export, ExportFile, ExportFormat
from tidemark.domain.pages import Page

router = Router()

EXPORTS = "/projects/<project>/datasets/<dataset>/checkpoints/<checkpoint>/exports"
FormatPath = Annotated[ExportFormat, Path(description="Format of the export: `parquet`, `jsonl` or `coco`.")]


class NewExport(BaseModel):
    """An export to write."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"format": "parquet"}]})

    format: ExportFormat = Field(
        description="`parquet`: one row per frame; `jsonl`: rows that can be uploaded again; `coco`: one COCO file."
    )


@router.post(EXPORTS, operation_id="createExport", summary="Export a checkpoint", tags=["exports"], status_code=202)
@allow(Role.READ)
def create_export(
    project: ProjectPath, dataset: DatasetPath, checkpoint: CheckpointPath, body: Annotated[NewExport, Body()]
) -> Response[Export]:
    """Starts an export of a checkpoint in one format. The checkpoint must be `READY`.

    A checkpoint has at most one export per format. A repeat of the request returns that export, and starts it again if
    it has failed.
    """
    export = exports.create_export(
        backend(),
        project=project,
        dataset=dataset,
        checkpoint=checkpoint,
        form=body.format,
        actor=router.caller.name,
    )
    location = dataset_path(project, dataset, "checkpoints", checkpoint, "exports", body.format.value)
    return WriteResponse.of(export, status=HTTPStatus.ACCEPTED, location=location).to_http()


@router.get(EXPORTS, operation_id="listExports", summary="List exports", tags=["exports"])
@allow(Role.READ)
def list_exports(project: ProjectPath, dataset: DatasetPath, checkpoint: CheckpointPath) -> Page[Export]:
    """Lists a checkpoint's exports, at most one per format, in a single page."""
    return exports.list_exports(backend(), project=project, dataset=dataset, checkpoint=checkpoint)


@router.get(f"{EXPORTS}/<format>", operation_id="getExport", summary="Read an export", tags=["exports"])
@allow(Role.READ)
def get_export(
    project: ProjectPath,
    dataset: DatasetPath,
    checkpoint: CheckpointPath,
    format: FormatPath,  # noqa: A002 - the parameter's name in the API
) -> Export:
    """Returns an export with its status, and with its counts once the export is `READY`."""
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
    """Lists an export's files in order, each with a signed URL to GET the file from. The export must be `READY`."""
    return exports.list_files(
        backend(),
        project=project,
        dataset=dataset,
        checkpoint=checkpoint,
        form=format,
        limit=limit,
        cursor=cursor,
    )
