"""`tidemark export`: a checkpoint as files for training jobs and other tools."""

import json
import sys
import uuid
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tidemark.cli.arguments import DatasetArgument, JsonOption, connect
from tidemark.cli.output import Column, View, print_json, say, show_list, tell
from tidemark.cli.push.summary import count
from tidemark.cli.wait import until_written
from tidemark.client.api import Api
from tidemark.client.models import WRITING, Export, ExportFile, Page
from tidemark.client.signed_urls import SignedUrls

FILES_AT_ONCE = 20
"""Files whose URLs are signed at once: they are fetched long before these expire."""
UNFINISHED = ".part"
"""What the name of a file ends with that is not fetched whole."""

FILES = View[ExportFile](
    ExportFile,
    [
        Column("FILE", lambda file: file.name),
        Column("ROWS", lambda file: file.rows),
        Column("BYTES", lambda file: file.bytes),
    ],
)


class Format(StrEnum):
    """What the files are."""

    PARQUET = "parquet"
    JSONL = "jsonl"
    COCO = "coco"


def export(
    dataset: DatasetArgument,
    checkpoint: Annotated[
        str, typer.Option("--checkpoint", metavar="NAME", help="What to export.", show_default=False)
    ],
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="parquet: a frame a row; jsonl: rows as push takes them; coco: one COCO file.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Where the files go.", show_default=False),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Whether to wait until the files are written.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Have a checkpoint written to files, and fetch them to a folder, or list them.

    A checkpoint is written once in each format; asking again costs nothing. The folder is new, or empty.
    """
    if output is not None and not wait:
        raise typer.BadParameter("goes without --no-wait: files are fetched once they are written", param_hint="-o")
    folder = None if output is None else _folder(output)
    frozen = (*dataset.path, "checkpoints", checkpoint)
    again = f"tidemark export {dataset} --checkpoint {checkpoint} --format {form.value}"
    with connect() as api:
        if wait:
            until_written(
                api, frozen, f"The manifest of {checkpoint}", retry=f"tidemark checkpoint retry {dataset} {checkpoint}"
            )
        body = json.dumps({"format": form.value}).encode()
        answer = api.post(*frozen, "exports", body=body, idempotency_key=str(uuid.uuid4()))
        path = (*frozen, "exports", form.value)
        if wait:
            answer = until_written(api, path, f"The export of {checkpoint} as {form.value}", retry=again)
        found = Export.model_validate(answer)
        if folder is not None:
            _fetch(api, path, found, folder)
        if as_json:
            print_json(answer)
        elif found.status == WRITING:
            say(f"Checkpoint {checkpoint} of {dataset} is being written as {form.value}.")
        elif folder is not None:
            say(f"{_summary(found)} in {folder}.")
        else:
            show_list(lambda most: api.items(*path, "files", most=most), FILES, limit=None, as_json=False, none="")
            tell(f"{_summary(found)}; -o FOLDER fetches them.")
    if found.left_out and not as_json:
        counts = ", ".join(f"{name}: {number:,}" for name, number in found.left_out.items())
        tell(f"COCO has no place for some labels, which are left out: {counts}.")


def _summary(export: Export) -> str:
    return f"{count(export.rows or 0, 'row')}, {count(export.files or 0, 'file')}, {decimal(export.bytes or 0)}"


def _folder(output: Path) -> Path:
    """A folder with nothing in it: files of two exports side by side would be read as one."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        is_empty = next(output.iterdir(), None) is None
    except OSError as error:
        raise typer.BadParameter(f"cannot be used: {error.strerror}", param_hint="-o") from None
    if not is_empty:
        raise typer.BadParameter(f"there are files in {output} already; give a new folder", param_hint="-o")
    return output


def _fetch(api: Api, path: tuple[str, ...], export: Export, folder: Path) -> None:
    """Fetch the files to a folder. One that breaks off leaves nothing under its name."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with SignedUrls() as urls, bars:
        task = bars.add_task("fetched", total=export.bytes)
        done = 0
        for file in _files(api, path):
            _fetch_one(urls, file, folder, partial(_draw, bars, task, done))
            done += file.bytes


def _draw(bars: Progress, task: TaskID, before: int, fetched: int) -> None:
    bars.update(task, completed=before + fetched)


def _fetch_one(urls: SignedUrls, file: ExportFile, folder: Path, fetched: Callable[[int], None]) -> None:
    unfinished = folder / (file.name + UNFINISHED)
    try:
        with unfinished.open("wb") as written:
            urls.fetch(file.get.url, written, fetched=fetched)
        unfinished.replace(folder / file.name)
    except OSError as error:
        raise typer.BadParameter(f"{unfinished} cannot be written: {error.strerror}", param_hint="-o") from None


def _files(api: Api, path: tuple[str, ...]) -> Iterator[ExportFile]:
    """The files, with URLs that were signed a moment ago."""
    cursor: str | None = None
    while True:
        page = Page.model_validate(api.get(*path, "files", limit=FILES_AT_ONCE, cursor=cursor))
        for item in page.items:
            yield ExportFile.model_validate(item)
        cursor = page.cursor
        if cursor is None:
            return
