"""`tidemark export`: exports a checkpoint to files for training jobs and other tools, and downloads the files."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tidemark.cli.arguments import DatasetArgument, JsonOption, connect
from tidemark.cli.artifacts import wait_until_written
from tidemark.cli.output import Column, View, count, print_json, print_line, print_list, print_note, progress_bars
from tidemark.client.api import Api
from tidemark.client.models import ExportFile, parse
from tidemark.client.signed_urls import SignedUrls
from tidemark.domain.checkpoints import Checkpoint
from tidemark.domain.exports import Export, ExportFormat
from tidemark.domain.workflows import ArtifactStatus

FILES_PER_PAGE = 20
"""Number of files whose signed URLs are requested together. Few, so that all are downloaded before the URLs expire."""
UNFINISHED = ".part"
"""Suffix of a file name while the file is being downloaded."""

FILES = View(
    ExportFile,
    [
        Column("FILE", lambda file: file.name),
        Column("ROWS", lambda file: file.rows),
        Column("BYTES", lambda file: file.bytes),
    ],
)


def export(
    dataset: DatasetArgument,
    checkpoint: Annotated[
        str, typer.Option("--checkpoint", metavar="NAME", help="What to export.", show_default=False)
    ],
    form: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            help="parquet: one frame per row; jsonl: rows as push takes them; coco: one COCO file.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Where to download the files to.", show_default=False),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Whether to wait until the files are written.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Have a checkpoint written to files, and download them to a folder, or list them.

    A checkpoint is written once in each format; asking again costs nothing. The folder must be new or empty.
    """
    if output is not None and not wait:
        raise typer.BadParameter("needs --wait: files are downloaded once they are written", param_hint="-o")
    folder = None if output is None else _empty_folder(output)
    source = (*dataset.path, "checkpoints", checkpoint)
    path = (*source, "exports", form.value)
    again = f"tidemark export {dataset} --checkpoint {checkpoint} --format {form.value}"
    with connect() as api:
        if wait:
            retry = f"tidemark checkpoint retry {dataset} {checkpoint}"
            wait_until_written(api, source, Checkpoint, f"The manifest of {checkpoint}", again=retry)
        response = api.post(*source, "exports", body={"format": form.value})
        if wait:
            name = f"The export of {checkpoint} as {form.value}"
            response = wait_until_written(api, path, Export, name, again=again)
        found = parse(Export, response)
        if folder is not None:
            _download(api, path, found, folder)
        if as_json:
            print_json(response)
        elif found.status is ArtifactStatus.WRITING:
            print_line(f"Checkpoint {checkpoint} of {dataset} is being written as {form.value}.")
        elif folder is not None:
            print_line(f"{_summary(found)} in {folder}.")
        else:
            print_list(lambda most: api.items(*path, "files", most=most), FILES, limit=None, as_json=False, none="")
            print_note(f"{_summary(found)}; download them with -o FOLDER.")
    if found.left_out and not as_json:
        counts = ", ".join(f"{reason}: {number:,}" for reason, number in found.left_out.items())
        print_note(f"COCO has no equivalent of some labels, which are left out: {counts}.")


def _summary(export: Export) -> str:
    return f"{count(export.rows or 0, 'row')}, {count(export.files or 0, 'file')}, {decimal(export.bytes or 0)}"


def _empty_folder(output: Path) -> Path:
    """Creates the output folder, or checks that it is empty, and returns it. Raises typer.BadParameter.

    The files of two exports in one folder would be read as one export.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        is_empty = next(output.iterdir(), None) is None
    except OSError as error:
        raise typer.BadParameter(f"cannot be used: {error.strerror}", param_hint="-o") from None
    if not is_empty:
        raise typer.BadParameter(f"there are files in {output} already; give a new folder", param_hint="-o")
    return output


def _download(api: Api, path: tuple[str, ...], export: Export, folder: Path) -> None:
    """Downloads an export's files to a folder. A file gets its own name only once its download is complete."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with SignedUrls() as urls, progress_bars(*columns) as bars:
        task = bars.add_task("fetched", total=export.bytes)
        done = 0
        for item in api.items(*path, "files", page_size=FILES_PER_PAGE):
            file = parse(ExportFile, item)
            _download_file(urls, file, folder, partial(_show, bars, task, done))
            done += file.bytes


def _show(bars: Progress, task: TaskID, before: int, fetched: int) -> None:
    bars.update(task, completed=before + fetched)


def _download_file(urls: SignedUrls, file: ExportFile, folder: Path, fetched: Callable[[int], None]) -> None:
    unfinished = folder / (file.name + UNFINISHED)
    try:
        with unfinished.open("wb") as content:
            urls.fetch(file.get.url, content, fetched=fetched)
        unfinished.replace(folder / file.name)
    except OSError as error:
        raise typer.BadParameter(f"{unfinished} cannot be written: {error.strerror}", param_hint="-o") from None
