"""`tidemark rollback` and `clone`: restores or clones a version, without copying payloads."""

import time
from typing import Annotated

import typer
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from tidemark.cli.arguments import DatasetArgument, JsonOption, VersionOption, connect
from tidemark.cli.exit_status import ExitStatus
from tidemark.cli.output import print_json, print_line, progress_bars
from tidemark.client.api import Api
from tidemark.client.models import Json, parse
from tidemark.client.polling import responses
from tidemark.domain.transfers import CloneReceipt
from tidemark.domain.uploads import Upload, UploadStatus

FIRST_PAUSE, MAX_PAUSE = 0.2, 5.0
"""First and longest pause between two polls, in seconds."""

WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Whether to wait until it is done.")]


def rollback(
    dataset: DatasetArgument,
    version: Annotated[
        str,
        typer.Argument(metavar="VERSION", help="A number, a checkpoint, or a time with its zone.", show_default=False),
    ],
    message: Annotated[str, typer.Option("--message", "-m", help="The reason, for people.")] = "",
    wait: WaitOption = True,
    as_json: JsonOption = False,
) -> None:
    """Bring a dataset to the state of an earlier version, as a new version. It can be rolled back in turn.

    With --wait, the exit status is 1 if some of it could not be done.
    """
    began = time.monotonic()
    with connect() as api:
        started = api.post(*dataset.path, "rollbacks", body={"version": version, "message": message})
        response = _settled(api, started) if wait else started
    upload = parse(Upload, response)
    if as_json:
        print_json(response)
    elif not wait:
        print_line(f"{dataset} is being rolled back to {version}, by upload {upload.id}.")
    else:
        _print_result(upload, f"{dataset} is as it was in {version}", time.monotonic() - began)
    _exit(upload, wait=wait)


def clone(
    dataset: DatasetArgument,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[[PROJECT/]NAME]",
            help="The new dataset. By default, the clone of a BATCH dataset is MUTABLE_<name>.",
            show_default=False,
        ),
    ] = None,
    version: VersionOption = "LATEST",
    description: Annotated[str, typer.Option("--description", help="For people.")] = "",
    wait: WaitOption = True,
    as_json: JsonOption = False,
) -> None:
    """Create a dataset that starts with the frames of a version. Payloads are shared, not copied.

    With --wait, the exit status is 1 if some of it could not be done.
    """
    began = time.monotonic()
    project, _, last = (name or "").rpartition("/")
    wanted = {"name": last or None, "project": project or None, "version": version, "description": description}
    with connect() as api:
        started = api.post(*dataset.path, "clones", body=wanted)
        receipt = parse(CloneReceipt, started)
        response = _settled(api, started["upload"]) if wait else started["upload"]
    upload = parse(Upload, response)
    made = f"{receipt.dataset.project}/{receipt.dataset.name}"
    if as_json:
        print_json({**started, "upload": response})
    elif not wait:
        print_line(f"{made} is being created, by upload {upload.id}.")
    else:
        _print_result(upload, f"{made} is a clone of {dataset}, version {version}", time.monotonic() - began)
    _exit(upload, wait=wait)


def _settled(api: Api, started: Json) -> Json:
    """Waits until an upload has settled, and shows progress bars. Returns the API's last response."""
    upload = parse(Upload, started)
    path = ("projects", upload.project, "datasets", upload.dataset, "uploads", upload.id)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f} of {task.total}"))
    with progress_bars(*columns, TimeElapsedColumn()) as bars:
        reading = bars.add_task("shards read", total=upload.shards or None)
        applying = bars.add_task("windows settled", total=None)
        for response in responses(api, path, known=started, first=FIRST_PAUSE, longest=MAX_PAUSE):
            upload = parse(Upload, response)
            bars.update(reading, completed=upload.shards_read)
            bars.update(applying, completed=upload.windows_settled, total=upload.windows or None)
            if upload.status is not UploadStatus.PENDING:
                break
    return response


def _print_result(upload: Upload, done: str, seconds: float) -> None:
    if upload.version is None:
        print_line(f"Upload {upload.id} is {upload.status}: {upload.reason}")
        return
    if upload.status is UploadStatus.SETTLED:
        print_line(f"{done}: version {upload.version}, {upload.applied:,} frames, {seconds:.1f} s")
        return
    print_line(f"Upload {upload.id} is {upload.status}: version {upload.version} has {upload.applied:,} of its frames")
    print_line("  `tidemark retry` sends its failed windows again")


def _exit(upload: Upload, *, wait: bool) -> None:
    if wait and upload.status is not UploadStatus.SETTLED:
        raise typer.Exit(ExitStatus.PARTIAL)
