"""`tidemark errors --download`: the errors of an upload as a file, which the service writes and S3 gives."""

import shutil
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated

import typer

from tidemark.cli.arguments import connect
from tidemark.cli.output import tell
from tidemark.client.models import ErrorFile
from tidemark.client.refs import DatasetRef
from tidemark.client.signed_urls import SignedUrls

PARTIAL = 1
STDOUT = "-"


class Format(StrEnum):
    """How errors are written."""

    CSV = "csv"
    JSONL = "jsonl"


DownloadOption = Annotated[
    Format | None, typer.Option("--download", help="Write all errors to the file of -o.", show_default=False)
]
OutputOption = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE|-", help="Where --download goes.", show_default=False)
]


def download(dataset: DatasetRef, upload: str, form: Format | None, output: str | None, *, is_listed: bool) -> None:
    """Write the errors of an upload to `output`. `is_listed`: whether options of a list were given, which is wrong."""
    if form is None or output is None:
        raise typer.BadParameter("--download csv|jsonl and -o FILE go together; -o - is stdout")
    if is_listed:
        raise typer.BadParameter("goes without --limit and --json", param_hint="--download")
    with connect() as api, SignedUrls() as urls, tempfile.TemporaryFile() as kept:
        found = ErrorFile.model_validate(api.get(*dataset.path, "uploads", upload, "errors", "file", format=form.value))
        urls.fetch(found.url, kept)
        kept.seek(0)
        _write(kept, output)
    tell(f"{found.errors:,} errors of upload {upload} written{'' if output == STDOUT else f' to {output}'}.")
    if found.truncated:
        tell("The upload may have more; the file holds as many as the service writes to one.")
        raise typer.Exit(PARTIAL)


def _write(content: IO[bytes], output: str) -> None:
    """Write what has arrived whole, so that nothing half stays where the way there is interrupted."""
    if output == STDOUT:
        shutil.copyfileobj(content, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    try:
        with Path(output).open("wb") as written:
            shutil.copyfileobj(content, written)
    except OSError as error:
        raise typer.BadParameter(f"cannot be written: {error.strerror}", param_hint="-o") from None
