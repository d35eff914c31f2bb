"""`tidemark push`: sends rows to a dataset, from a file, a folder or stdin."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.filesize import decimal

from tidemark.cli.arguments import DatasetArgument, JsonOption, connect
from tidemark.cli.exit_status import ExitStatus
from tidemark.cli.output import count, print_note
from tidemark.cli.push.progress import Bars
from tidemark.cli.push.report import Report
from tidemark.cli.push.summary import print_summary, print_summary_json
from tidemark.client.api import Api, Refused, Unreachable
from tidemark.client.models import parse
from tidemark.client.push.by_files import ByFiles
from tidemark.client.push.by_requests import ByRequests
from tidemark.client.push.follow import Followed, Follower
from tidemark.client.push.local_files import TooLargeFile, local_files
from tidemark.client.push.local_rows import STDIN, Source, Unsent
from tidemark.client.push.transport import Delivery, Transport
from tidemark.client.refs import DatasetRef
from tidemark.domain.uploads import RowOutcome

LARGE = 256 * 1024**2
"""Size of a source, in bytes, from which the command suggests `--files`, because requests would take minutes."""
HOW_TO_CONTINUE = "Run the same command again to continue; nothing is sent twice."


def push(
    dataset: DatasetArgument,
    source: Annotated[str, typer.Argument(metavar="FILE|FOLDER|-", show_default=False)],
    as_files: Annotated[
        bool, typer.Option("--files", help="Upload the files as they are, for large loads; files have no order.")
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
    """Send mutations, one per line as JSON, plain or gzip: ADD, MODIFY or DELETE as the API takes them.

    From a folder, files that end with .jsonl, .ndjson, .jsonl.gz or .ndjson.gz are sent in the order of their names.
    Rows take effect in their order. If a push breaks off, run the same command again; nothing is sent twice.

    With --files, the service reads the files itself, side by side: rows keep their order in a file, not across files.

    The exit status is 0 if every row took effect, 1 if some did not.
    """
    rows = _source(source)
    began = time.monotonic()
    with connect() as api, _opened(errors_to) as errors:
        api.get(*dataset.path)
        report = Report(errors)
        with _interruptions(report), _transport(api, dataset, rows, run, as_files) as transport:
            _push(api, dataset, transport, report, wait=wait)
    if as_json:
        print_summary_json(dataset, report, settled=wait)
    else:
        print_summary(dataset, rows.name, report, settled=wait, seconds=time.monotonic() - began)
    if not report.is_complete:
        raise typer.Exit(ExitStatus.PARTIAL)


def _push(api: Api, dataset: DatasetRef, transport: Transport, report: Report, *, wait: bool) -> None:
    follower = Follower(api, dataset)
    events = follower.follow(transport.send()) if wait else transport.send()
    # Close the generator explicitly: if the push is interrupted, the transport's threads must end at once.
    with Bars(transport.stages, settling=wait) as bars, closing(events):
        for event in events:
            if isinstance(event, Unsent):
                report.add_unsent(event)
            elif isinstance(event, Delivery):
                report.add_delivery(event)
                if event.rejected and not wait:
                    report.rejected += event.rejected
                    _read_errors(api, dataset, report, event)
            elif isinstance(event, Followed):
                report.add_settled(event.delivery, event.upload)
                if event.upload.rows > event.upload.applied:
                    _read_errors(api, dataset, report, event.delivery)
            bars.show(transport.stages, report, follower.underway)


@contextmanager
def _transport(api: Api, dataset: DatasetRef, source: Source, run: str, as_files: bool) -> Iterator[Transport]:
    if not as_files:
        if source.size and source.size >= LARGE:
            print_note(
                f"{source.name} has {decimal(source.size)}. If the order across files does not matter, see --files."
            )
        yield ByRequests(api, dataset, source, run)
        return
    with ExitStack() as temporary:
        try:
            files = temporary.enter_context(local_files(source))
        except TooLargeFile as error:
            raise typer.BadParameter(str(error), param_hint="SOURCE") from None
        except OSError as error:
            raise typer.BadParameter(f"{source.name} cannot be read: {error.strerror}", param_hint="SOURCE") from None
        yield ByFiles(api, dataset, files, run)


def _read_errors(api: Api, dataset: DatasetRef, report: Report, delivery: Delivery) -> None:
    errors = api.items(*dataset.path, "uploads", delivery.upload, "errors", most=report.most_errors)
    report.add_errors(delivery, map(partial(parse, RowOutcome), errors))


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
        file = path.open("w")
    except OSError as error:
        raise typer.BadParameter(f"cannot be written: {error.strerror}", param_hint="--errors") from None
    with file:
        yield file


@contextmanager
def _interruptions(report: Report) -> Iterator[None]:
    """If the push inside the context fails or is interrupted, reports how far it got and how to continue it."""
    try:
        yield
    except (Refused, Unreachable) as failure:
        failure.add_note(_so_far(report))
        raise
    except KeyboardInterrupt:
        print_note(f"tidemark: Stopped. {_so_far(report)}")
        raise


def _so_far(report: Report) -> str:
    if not report.uploads:
        return "Nothing was accepted."
    rows = "" if report.files else f"{report.rows:,} rows in "
    uploads = count(len(report.uploads), "upload")
    return f"Accepted so far, and settling on their own: {rows}{uploads}. {HOW_TO_CONTINUE}"
