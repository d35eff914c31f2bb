"""`tidemark push`: rows to a dataset, from a file, a folder or stdin."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.filesize import decimal

from tidemark.cli.arguments import DatasetArgument, JsonOption, connect
from tidemark.cli.output import tell
from tidemark.cli.push import summary
from tidemark.cli.push.progress import Bars
from tidemark.cli.push.report import Report
from tidemark.client.api import Api, Refused, Unreachable
from tidemark.client.models import RowError, Upload
from tidemark.client.push.by_files import ByFiles
from tidemark.client.push.by_requests import ByRequests
from tidemark.client.push.files import TooLargeFile, files_of
from tidemark.client.push.follow import Follower
from tidemark.client.push.rows import STDIN, Source, Unsent
from tidemark.client.push.transport import Delivery, Transport
from tidemark.client.refs import DatasetRef

PARTIAL = 1
LARGE = 256 * 1024**2
"""Bytes of a source from which --files is worth a remark: minutes of requests."""
GOES_ON = "The same command again goes on from there; nothing is sent twice."


def push(
    dataset: DatasetArgument,
    source: Annotated[str, typer.Argument(metavar="FILE|FOLDER|-", show_default=False)],
    as_files: Annotated[
        bool, typer.Option("--files", help="Put files as they are, for large loads; in no order among them.")
    ] = False,
    run: Annotated[
        str, typer.Option("--run", metavar="NAME", help="Send rows anew that were pushed before.", show_default=False)
    ] = "",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Whether to wait until all has settled.")] = True,
    errors_to: Annotated[
        Path | None,
        typer.Option("--errors", metavar="FILE", help="Write all errors to this file.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Send mutations, one a line as JSON, plain or gzip: ADD, MODIFY or DELETE as the API takes them.

    Of a folder, the files that end with .jsonl, .ndjson, .jsonl.gz or .ndjson.gz are sent in the order of their names.
    Rows take effect in their order. A push that broke off is repeated by the same command; nothing is sent twice.

    With --files, the service reads the files itself, side by side: rows keep their order in a file, not across files.

    The exit status is 0 if every row took effect, 1 if some did not.
    """
    found = _source(source)
    began = time.monotonic()
    with connect() as api, _opened(errors_to) as errors:
        api.get(*dataset.path)
        report = Report(errors)
        with _interruptions(report), _transport(api, dataset, found, run, as_files) as transport:
            _push(api, dataset, transport, report, wait=wait)
    if as_json:
        summary.tell_json(dataset, report, settled=wait)
    else:
        summary.tell(dataset, found.name, report, settled=wait, seconds=time.monotonic() - began)
    if not report.is_whole:
        raise typer.Exit(PARTIAL)


def _push(api: Api, dataset: DatasetRef, transport: Transport, report: Report, *, wait: bool) -> None:
    def settled(delivery: Delivery, upload: Upload) -> None:
        report.count(delivery, upload)
        if upload.rows > upload.applied:
            _read_errors(api, dataset, report, delivery)

    with Bars(transport.stages, report, settling=wait) as bars:
        follower = Follower(api, dataset, settled, bars.show)
        for sent in transport.send():
            if sent is None:
                follower.glance()
            elif isinstance(sent, Unsent):
                report.leave(sent)
            else:
                report.sent(sent)
                if wait:
                    follower.add(sent)
                elif sent.rejected:
                    report.rejected += sent.rejected
                    _read_errors(api, dataset, report, sent)
            bars.show(follower)
        follower.finish()


@contextmanager
def _transport(api: Api, dataset: DatasetRef, source: Source, run: str, as_files: bool) -> Iterator[Transport]:
    if not as_files:
        if source.size and source.size >= LARGE:
            tell(f"{source.name} has {decimal(source.size)}. Where order among files does not matter, see --files.")
        yield ByRequests(api, dataset, source, run)
        return
    with ExitStack() as kept:
        try:
            files = kept.enter_context(files_of(source))
        except TooLargeFile as error:
            raise typer.BadParameter(str(error), param_hint="SOURCE") from None
        except OSError as error:
            raise typer.BadParameter(f"{source.name} cannot be read: {error.strerror}", param_hint="SOURCE") from None
        yield ByFiles(api, dataset, files, run)


def _read_errors(api: Api, dataset: DatasetRef, report: Report, delivery: Delivery) -> None:
    found = api.items(*dataset.path, "uploads", delivery.upload, "errors", most=report.most_errors)
    report.tell_errors(delivery, map(RowError.model_validate, found))


def _source(name: str) -> Source:
    if name != STDIN and not Path(name).exists():
        raise typer.BadParameter(f"there is no file or folder {name!r}", param_hint="SOURCE")
    try:
        return Source(name)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error), param_hint="SOURCE") from None


@contextmanager
def _opened(path: Path | None) -> Iterator[IO[str] | None]:
    if path is None:
        yield None
        return
    try:
        opened = path.open("w")
    except OSError as error:
        raise typer.BadParameter(f"cannot be written: {error.strerror}", param_hint="--errors") from None
    with opened:
        yield opened


@contextmanager
def _interruptions(report: Report) -> Iterator[None]:
    """Say, where a push is interrupted, how far it had come and how it goes on."""
    try:
        yield
    except (Refused, Unreachable) as failure:
        failure.add_note(_so_far(report))
        raise
    except KeyboardInterrupt:
        tell(f"tidemark: Stopped. {_so_far(report)}")
        raise


def _so_far(report: Report) -> str:
    if not report.uploads:
        return "Nothing was taken."
    rows = "" if report.files else f"{report.rows:,} rows in "
    return f"{rows}{summary.count(len(report.uploads), 'upload')} were taken before and settle by themselves. {GOES_ON}"
