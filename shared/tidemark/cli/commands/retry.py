"""`tidemark retry`: what of an upload was given up is sent again by the service."""

import time
from typing import Annotated

import typer

from tidemark.cli.arguments import DatasetArgument, JsonOption, UploadArgument, connect
from tidemark.cli.output import print_json, say
from tidemark.cli.push.progress import Bars
from tidemark.cli.push.report import Report
from tidemark.client.api import Api, Refused
from tidemark.client.models import Json, RowError, Upload
from tidemark.client.push.follow import Follower
from tidemark.client.push.rows import Place
from tidemark.client.push.transport import Delivery
from tidemark.client.refs import DatasetRef

PARTIAL = 1
STILL_PENDING = "upload_pending"
COUNTS = ("applied", "dropped", "failed", "rejected")


def retry(
    dataset: DatasetArgument,
    upload: UploadArgument,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Whether to wait until all has settled.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Let the service try again what it had given up of an upload. Rows that took effect are not touched.

    With --wait, the exit status is 1 if some rows have failed again.
    """
    began = time.monotonic()
    with connect() as api:
        path = (*dataset.path, "uploads", upload)
        answer = _begun(api, path)
        if wait:
            _follow(api, dataset, Upload.model_validate(answer))
            answer = api.get(*path)
    _tell(answer, settled=wait, seconds=time.monotonic() - began, as_json=as_json)


def _begun(api: Api, path: tuple[str, ...]) -> Json:
    """The upload as its retry begins. It may be pending by the retry already, where the answer to that got lost."""
    try:
        return api.start(*path, "retry")
    except Refused as refusal:
        if refusal.problem.code != STILL_PENDING:
            raise
        return api.get(*path)


def _follow(api: Api, dataset: DatasetRef, upload: Upload) -> None:
    """Return when it has settled; the progress shows meanwhile."""
    report = Report()

    def place(error: RowError) -> Place:
        return Place(error.file or upload.id, error.row)

    with Bars((), report, settling=True) as bars:
        follower = Follower(api, dataset, report.count, bars.show)
        follower.add(Delivery(upload.id, place, files=upload.files))
        follower.finish()


def _tell(answer: Json, *, settled: bool, seconds: float, as_json: bool) -> None:
    upload = Upload.model_validate(answer)
    if as_json:
        print_json(answer)
    elif settled:
        version = "no version" if upload.version is None else f"version {upload.version}"
        say(f"Upload {upload.id} is {upload.status}, {version}, {seconds:.1f} s")
        say(f"  {'  '.join(f'{name} {getattr(upload, name):,}' for name in COUNTS)}")
    else:
        say(f"Upload {upload.id} is {upload.status}; what was given up is on its way again.")
    if settled and upload.failed:
        raise typer.Exit(PARTIAL)
