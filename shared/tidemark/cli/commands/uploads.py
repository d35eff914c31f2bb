"""`tidemark uploads` and `errors`: what was sent, and which rows of it did not take effect."""

from typing import Annotated

import typer

from tidemark.cli.output import Column, View, show_list
from tidemark.cli.session import DatasetArgument, JsonOption, LimitOption, connect
from tidemark.cli.shapes import RowError, Upload

UPLOADS = View[Upload](
    Upload,
    [
        Column("UPLOAD", lambda upload: upload.id),
        Column("STATUS", lambda upload: upload.status),
        Column("ACCEPTED", lambda upload: upload.accepted_at),
        Column("BY", lambda upload: upload.actor),
        Column("VERSION", lambda upload: upload.version),
        Column("ROWS", lambda upload: upload.rows),
        Column("APPLIED", lambda upload: upload.applied),
        Column("DROPPED", lambda upload: upload.dropped),
        Column("FAILED", lambda upload: upload.failed),
        Column("REJECTED", lambda upload: upload.rejected),
    ],
)
ERRORS = View[RowError](
    RowError,
    [
        Column("ROW", lambda error: error.row),
        Column("FRAME", lambda error: error.frame_id),
        Column("OUTCOME", lambda error: error.outcome),
        Column("CODE", lambda error: error.code),
        Column("WHERE", lambda error: error.pointer),
        Column("MESSAGE", lambda error: error.message, folds=True),
    ],
)


def uploads(dataset: DatasetArgument, limit: LimitOption = None, as_json: JsonOption = False) -> None:
    """List the uploads of a dataset, newest first. One of a moment ago may be missing."""
    with connect() as api:
        show_list(
            lambda most: api.items(*dataset.path, "uploads", most=most),
            UPLOADS,
            limit=limit,
            as_json=as_json,
            none=f"No uploads to {dataset} yet.",
        )


def errors(
    dataset: DatasetArgument,
    upload: Annotated[str, typer.Argument(metavar="UPLOAD", show_default=False)],
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the rows of an upload that did not take effect, with the reasons. Rows count from 0."""
    with connect() as api:
        show_list(
            lambda most: api.items(*dataset.path, "uploads", upload, "errors", most=most),
            ERRORS,
            limit=limit,
            as_json=as_json,
            none=f"No errors in upload {upload}.",
        )
