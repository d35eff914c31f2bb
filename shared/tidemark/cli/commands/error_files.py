"""`tidemark errors --download`: downloads an upload's errors as a file, which the service writes to S3 on request."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO, Annotated

import typer

from tidemark.cli.arguments import connect
from tidemark.cli.exit_status import ExitStatus
from tidemark.cli.output import print_note
from tidemark.client.models import parse
from tidemark.client.refs import DatasetRef
from tidemark.client.signed_urls import SignedUrls
from tidemark.domain.error_files import ErrorFile, ErrorFormat

STDOUT = "-"

DownloadOption = Annotated[
    ErrorFormat | None, typer.Option("--download", help="Write all errors to the file of -o.", show_default=False)
]
OutputOption = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE|-", help="Where --download writes to.", show_default=False),
]


def download(
    dataset: DatasetRef, upload: str, form: ErrorFormat | None, output: str | None, *, has_list_options: bool
) -> None:
    """Downloads an upload's errors to `output`. Raises typer.BadParameter if options are missing or do not go together.

    `has_list_options` is whether `--limit` or `--json` is given, which `--download` does not accept. Exits with status
    1 if the file does not hold all errors.
    """
    if form is None or output is None:
        raise typer.BadParameter("--download csv|jsonl and -o FILE go together; -o - is stdout")
    if has_list_options:
        raise typer.BadParameter("cannot be combined with --limit and --json", param_hint="--download")
    with connect() as api, SignedUrls() as urls, tempfile.TemporaryFile() as temporary:
        response = api.get(*dataset.path, "uploads", upload, "errors", "file", format=form.value)
        file = parse(ErrorFile, response)
        urls.fetch(file.url, temporary)
        temporary.seek(0)
        _write(temporary, output)
    print_note(f"{file.errors:,} errors of upload {upload} written{'' if output == STDOUT else f' to {output}'}.")
    if file.truncated:
        print_note("The upload may have more errors; the file holds as many as the service writes to one.")
        raise typer.Exit(ExitStatus.PARTIAL)


def _write(content: IO[bytes], output: str) -> None:
    """Copies a complete download to `output`, so that an interrupted download leaves no partial file."""
    if output == STDOUT:
        shutil.copyfileobj(content, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    try:
        with Path(output).open("wb") as file:
            shutil.copyfileobj(content, file)
    except OSError as error:
        raise typer.BadParameter(f"cannot be written: {error.strerror}", param_hint="-o") from None
