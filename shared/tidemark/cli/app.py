"""The program: its commands, and its exit status.

0: done, all of it. 1: done in part; some rows, or some of the frames asked for, are not. 2: wrong usage, or no settings
to work with. 3: refused by the API, or nobody answered. 130: stopped by Ctrl-C.
"""

import io
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer
from pydantic import ValidationError
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
from tidemark.cli.output import say, tell
from tidemark.cli.settings import Unusable
from tidemark.client.api import Refused, Unreachable

USAGE, REFUSED = 2, 3

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


def _tell_version(wanted: bool) -> None:
    if wanted:
        say(f"tidemark {version('tidemark')}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take what is said before the command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; answers its exit status."""
    given = None if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a screen that knows no arrow still shows the rest
    try:
        get_command(app).main(args=given, prog_name="tidemark")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except Unusable as failure:
        return _end(USAGE, failure, [str(failure)])
    except Refused as refusal:
        return _end(REFUSED, refusal, refusal.lines)
    except Unreachable as silence:
        return _end(REFUSED, silence, [str(silence)])
    except ValidationError as error:
        return _end(REFUSED, error, [f"The API's answer is not understood; is this program too old? {error}"])
    return 0


def _end(status: int, failure: Exception, lines: Sequence[str]) -> int:
    for line in [*lines, *getattr(failure, "__notes__", ())]:
        tell(line if line.startswith(" ") else f"tidemark: {line}")
    return status


if __name__ == "__main__":
    sys.exit(main())
