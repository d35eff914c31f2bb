"""The program `tidemark`: registers the commands, and turns errors into messages and exit statuses."""

import io
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer
from typer.main import get_command

from tidemark.cli.commands import (
    catalog,
    checkpoint,
    config,
    diff,
    export,
    history,
    push,
    reading,
    retention,
    retry,
    storage,
    transfers,
    uploads,
)
from tidemark.cli.exit_status import ExitStatus
from tidemark.cli.output import print_line, print_note
from tidemark.cli.settings import Unusable
from tidemark.client.api import Refused, Unreachable
from tidemark.client.models import UnexpectedResponse

app = typer.Typer(
    name="tidemark",
    help="Versioned datasets of frames and labels: push changes, follow them, read any version.",
    no_args_is_help=True,
    epilog="Exit status: 0 all done, 1 done in part, 2 wrong usage, 3 refused or not reachable.",
)
app.command()(config.config)
app.command()(catalog.create)
app.command()(catalog.projects)
app.command()(catalog.datasets)
app.command()(push.push)
app.command()(uploads.uploads)
app.command()(uploads.rows)
app.command()(uploads.errors)
app.command()(retry.retry)
app.command()(reading.versions)
app.command()(reading.frames)
app.command()(history.history)
app.add_typer(checkpoint.app, name="checkpoint", no_args_is_help=True)
app.command()(diff.diff)
app.command()(export.export)
app.command()(transfers.rollback)
app.command()(transfers.clone)
app.command()(storage.storage)
app.command()(retention.delete)
app.command()(retention.unarchive)
app.command()(retention.purge)


def _print_version(wanted: bool) -> None:
    if wanted:
        print_line(f"tidemark {version('tidemark')}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Accepts the options that come before the command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program and returns its exit status. `arguments` are by default those of the process."""
    given = None if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without arrows still shows the rest
    try:
        get_command(app).main(args=given, prog_name="tidemark")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitStatus.DONE
    except Unusable as failure:
        return _fail(ExitStatus.USAGE, failure, [str(failure)])
    except Refused as refusal:
        return _fail(ExitStatus.REFUSED, refusal, refusal.lines)
    except (Unreachable, UnexpectedResponse) as failure:
        return _fail(ExitStatus.REFUSED, failure, [str(failure)])
    return ExitStatus.DONE


def _fail(status: ExitStatus, failure: Exception, lines: Sequence[str]) -> int:
    for line in [*lines, *getattr(failure, "__notes__", ())]:
        print_note(line if line.startswith(" ") else f"tidemark: {line}")
    return status


if __name__ == "__main__":
    sys.exit(main())
