"""`tidemark retry`: makes the service try the failed windows of an upload again."""

import time
from typing import Annotated

import typer

from tidemark.cli.arguments import DatasetArgument, JsonOption, UploadArgument, connect
from tidemark.cli.exit_status import ExitStatus
from tidemark.cli.output import print_json, print_line
from tidemark.cli.push.progress import Bars
from tidemark.cli.push.report import Report
from tidemark.client.api import Api, Refused
from tidemark.client.models import Json, parse
from tidemark.client.push.follow import Followed, Follower
from tidemark.client.push.transport import Delivery
from tidemark.client.refs import DatasetRef
from tidemark.domain.uploads import Upload

STILL_PENDING = "upload_pending"
COUNTS = ("applied", "dropped", "failed", "rejected")


def retry(
    dataset: DatasetArgument,
    upload: UploadArgument,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Whether to wait until all has settled.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Have the service try the failed windows of an upload again. Rows that took effect stay as they are.

    With --wait, the exit status is 1 if some rows have failed again.
    """
    began = time.monotonic()
    with connect() as api:
        path = (*dataset.path, "uploads", upload)
        response = _start(api, path)
        if wait:
            _follow(api, dataset, parse(Upload, response))
            response = api.get(*path)
    _print_upload(response, settled=wait, seconds=time.monotonic() - began, as_json=as_json)


def _start(api: Api, path: tuple[str, ...]) -> Json:
    """Starts the retry and returns the upload. If the API refuses because the upload is already pending, returns the
    upload too: the response to an earlier attempt may have been lost."""
    try:
        return api.start(*path, "retry")
    except Refused as refusal:
        if refusal.problem.code != STILL_PENDING:
            raise
        return api.get(*path)


def _follow(api: Api, dataset: DatasetRef, upload: Upload) -> None:
    """Waits until an upload has settled, and shows a progress bar."""
    report = Report()
    follower = Follower(api, dataset)
    with Bars((), settling=True) as bars:
        for event in follower.follow(delivery for delivery in [Delivery(upload.id)]):
            if isinstance(event, Followed):
                report.add_settled(event.delivery, event.upload)
            bars.show((), report, follower.underway)


def _print_upload(response: Json, *, settled: bool, seconds: float, as_json: bool) -> None:
    upload = parse(Upload, response)
    if as_json:
        print_json(response)
    elif settled:
        version = "no version" if upload.version is None else f"version {upload.version}"
        print_line(f"Upload {upload.id} is {upload.status}, {version}, {seconds:.1f} s")
        print_line(f"  {'  '.join(f'{name} {getattr(upload, name):,}' for name in COUNTS)}")
    else:
        print_line(f"Upload {upload.id} is {upload.status}; its failed windows are sent again.")
    if settled and upload.failed:
        raise typer.Exit(ExitStatus.PARTIAL)
