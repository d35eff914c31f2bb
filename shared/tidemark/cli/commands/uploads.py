"""`tidemark uploads`, `rows` and `errors`: lists uploads, and the rows of an upload with their outcomes."""

from typing import Annotated

import typer

from tidemark.cli.arguments import DatasetArgument, JsonOption, LimitOption, UploadArgument, connect, dataset_ref
from tidemark.cli.commands import error_files
from tidemark.cli.commands.error_files import DownloadOption, OutputOption
from tidemark.cli.output import Column, View, print_list
from tidemark.domain.datasets import Mode
from tidemark.domain.upload_rows import UploadRow
from tidemark.domain.uploads import RowOutcome, Upload, UploadStatus

_ID, _STATUS = (
    Column[Upload]("UPLOAD", lambda upload: upload.id),
    Column[Upload]("STATUS", lambda upload: upload.status),
)
_PROGRESS = [
    Column[Upload]("ACCEPTED", lambda upload: upload.accepted_at),
    Column[Upload]("BY", lambda upload: upload.actor),
    Column[Upload]("VERSION", lambda upload: upload.version),
    Column[Upload]("ROWS", lambda upload: upload.rows),
    Column[Upload]("APPLIED", lambda upload: upload.applied),
    Column[Upload]("DROPPED", lambda upload: upload.dropped),
    Column[Upload]("FAILED", lambda upload: upload.failed),
    Column[Upload]("REJECTED", lambda upload: upload.rejected),
]
UPLOADS = View(Upload, [_ID, _STATUS, *_PROGRESS])
PROJECT_UPLOADS = View(
    Upload,
    [
        Column("DATASET", lambda upload: upload.dataset),
        _ID,
        Column("MODE", lambda upload: upload.mode),
        _STATUS,
        *_PROGRESS,
    ],
)
ROWS = View(
    UploadRow,
    [
        Column("FILE", lambda row: row.file),
        Column("ROW", lambda row: row.row),
        Column("OP", lambda row: row.op),
        Column("FRAME", lambda row: row.frame_id),
        Column("LABELS", lambda row: None if row.labels is None else len(row.labels)),
        Column("OUTCOME", lambda row: row.outcome),
        Column("ERRORS", lambda row: "; ".join(error.message for error in row.errors), folds=True),
    ],
)
ERRORS = View(
    RowOutcome,
    [
        Column("FILE", lambda error: error.file),
        Column("ROW", lambda error: error.row),
        Column("FRAME", lambda error: error.frame_id),
        Column("OUTCOME", lambda error: error.outcome),
        Column("CODE", lambda error: error.code),
        Column("WHERE", lambda error: error.pointer),
        Column("MESSAGE", lambda error: error.message, folds=True),
    ],
)


def uploads(
    name: Annotated[str, typer.Argument(metavar="PROJECT[/DATASET]", show_default=False)],
    status: Annotated[
        UploadStatus | None,
        typer.Option("--status", case_sensitive=False, help="Only those with this status.", show_default=False),
    ] = None,
    mode: Annotated[
        Mode | None,
        typer.Option("--mode", case_sensitive=False, help="Only those to datasets of this mode.", show_default=False),
    ] = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the uploads of a project or of one dataset, newest first. The most recent ones may be missing."""
    path = (*dataset_ref(name).path, "uploads") if "/" in name else ("projects", name, "uploads")
    which = " ".join(wanted for wanted in (status, mode) if wanted)
    with connect() as api:
        print_list(
            lambda most: api.items(*path, most=most, status=status, mode=mode),
            UPLOADS if "/" in name else PROJECT_UPLOADS,
            limit=limit,
            as_json=as_json,
            none=f"No uploads to {name} are {which}." if which else f"No uploads to {name} yet.",
        )


def rows(
    dataset: DatasetArgument, upload: UploadArgument, limit: LimitOption = None, as_json: JsonOption = False
) -> None:
    """List the rows of an upload, with the outcome of each. Rows of a file count from 1, of a request from 0."""
    with connect() as api:
        print_list(
            lambda most: api.items(*dataset.path, "uploads", upload, "rows", most=most),
            ROWS,
            limit=limit,
            as_json=as_json,
            none=f"No rows in upload {upload} yet.",
        )


def errors(
    dataset: DatasetArgument,
    upload: UploadArgument,
    download: DownloadOption = None,
    output: OutputOption = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the rows of an upload that did not take effect, with the reasons, or write them all to a file.

    Rows of a file count from 1, of a request from 0.
    """
    if download is not None or output is not None:
        has_list_options = as_json or limit is not None
        error_files.download(dataset, upload, download, output, has_list_options=has_list_options)
        return
    with connect() as api:
        print_list(
            lambda most: api.items(*dataset.path, "uploads", upload, "errors", most=most),
            ERRORS,
            limit=limit,
            as_json=as_json,
            none=f"No errors in upload {upload}.",
        )
