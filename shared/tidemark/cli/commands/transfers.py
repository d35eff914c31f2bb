"""`tidemark rollback` and `tidemark clone`: what the service makes of versions that it has."""

import json
import sys
import time
import uuid
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tidemark.cli.arguments import DatasetArgument, JsonOption, connect
from tidemark.cli.output import print_json, say
from tidemark.client import retry
from tidemark.client.api import Api
from tidemark.client.models import PENDING, CloneReceipt, Json, Upload

PARTIAL = 1
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Whether to wait until it is done.")]


def rollback(
    dataset: DatasetArgument,
    version: Annotated[
        str,
        typer.Argument(metavar="VERSION", help="A number, a checkpoint, or a time with its zone.", show_default=False),
    ],
    message: Annotated[str, typer.Option("--message", "-m", help="Why, for people.")] = "",
    wait: WaitOption = True,
    as_json: JsonOption = False,
) -> None:
    """Bring a dataset to the state of an earlier version, as a new version. It can be rolled back in turn.

    With --wait, the exit status is 1 if some of it could not be done.
    """
    began = time.monotonic()
    body = json.dumps({"version": version, "message": message}).encode()
    with connect() as api:
        begun = api.post(*dataset.path, "rollbacks", body=body, idempotency_key=str(uuid.uuid4()))
        ended = _followed(api, Upload.model_validate(begun), begun, wait=wait)
    upload = Upload.model_validate(ended)
    if as_json:
        print_json(ended)
    elif not wait:
        say(f"{dataset} is being rolled back to {version}, by upload {upload.id}.")
    else:
        _tell(upload, f"{dataset} is as it was in {version}", time.monotonic() - began)
    _exit(upload, wait=wait)


def clone(
    dataset: DatasetArgument,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[[PROJECT/]NAME]",
            help="The new dataset; a clone of a BATCH dataset is MUTABLE_<name> if none is given.",
            show_default=False,
        ),
    ] = None,
    version: Annotated[
        str,
        typer.Option("--version", metavar="VERSION", help="A number, a checkpoint, a time with its zone, or LATEST."),
    ] = "LATEST",
    description: Annotated[str, typer.Option("--description", help="For people.")] = "",
    wait: WaitOption = True,
    as_json: JsonOption = False,
) -> None:
    """Make a new dataset that begins with the frames of a version. Payloads are shared, not copied.

    With --wait, the exit status is 1 if some of it could not be done.
    """
    began = time.monotonic()
    project, _, last = (name or "").rpartition("/")
    wanted = {"name": last or None, "project": project or None, "version": version, "description": description}
    with connect() as api:
        body = json.dumps(wanted).encode()
        answer = api.post(*dataset.path, "clones", body=body, idempotency_key=str(uuid.uuid4()))
        receipt = CloneReceipt.model_validate(answer)
        ended = _followed(api, receipt.upload, answer["upload"], wait=wait)
    upload = Upload.model_validate(ended)
    made = f"{receipt.dataset.project}/{receipt.dataset.name}"
    if as_json:
        print_json({**answer, "upload": ended})
    elif not wait:
        say(f"{made} is being made, by upload {upload.id}.")
    else:
        _tell(upload, f"{made} is a clone of {dataset}, version {version}", time.monotonic() - began)
    _exit(upload, wait=wait)


def _followed(api: Api, upload: Upload, answer: Json, *, wait: bool) -> Json:
    """The upload as it is once it has settled, if that is waited for; its progress shows meanwhile."""
    seconds = FIRST_PAUSE
    with _bars() as bars:
        reading = bars.add_task("shards read", total=upload.shards or None)
        applying = bars.add_task("windows settled", total=None)
        while wait and upload.status == PENDING:
            retry.pause(seconds)
            seconds = min(1.5 * seconds, LONGEST_PAUSE)
            answer = api.get("projects", upload.project, "datasets", upload.dataset, "uploads", upload.id)
            upload = Upload.model_validate(answer)
            bars.update(reading, completed=upload.shards_read)
            bars.update(applying, completed=upload.windows_settled, total=upload.windows or None)
    return answer


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total}"),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _tell(upload: Upload, what: str, seconds: float) -> None:
    if upload.version is None:
        say(f"Upload {upload.id} is {upload.status}: {upload.reason}")
        return
    if upload.status == "SETTLED":
        say(f"{what}: version {upload.version}, {upload.applied:,} frames, {seconds:.1f} s")
        return
    say(f"Upload {upload.id} is {upload.status}: version {upload.version} has {upload.applied:,} frames of it")
    say("  `tidemark retry` tries again what was given up")


def _exit(upload: Upload, *, wait: bool) -> None:
    if wait and upload.status != "SETTLED":
        raise typer.Exit(PARTIAL)
