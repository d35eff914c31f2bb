"""Prints the results of commands: tables on a terminal, tab-separated lines into a pipe, and JSON for scripts."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel
from rich.console import Console
from rich.progress import Progress, ProgressColumn
from rich.table import Table
from rich.text import Text

from tidemark.client.models import Json, parse

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Cell = str | int | datetime | None

TABLE_ITEMS = 50
"""Most items in a table on a terminal, unless `--limit` is given."""
MIN_FOLD_WIDTH = 32
"""Narrowest width of a table column of free text, in characters. An upload id fits on one line."""
GAP = 2
"""Characters between two columns of a table."""
MAX_WIDTH = 10_000
"""Width in characters at which a table is measured: wide enough for any table."""


class Column(NamedTuple, Generic[T]):
    """A column of a table. `cell` returns what the column shows for an item."""

    heading: str
    cell: Callable[[T], Cell]
    folds: bool = False
    """Whether the column is free text, which may be wrapped. Other columns are kept on one line, so that users can copy
    ids."""


class View(NamedTuple, Generic[M]):
    """How a list is shown as a table: the model that parses the items, and the columns."""

    model: type[M]
    columns: Sequence[Column[M]]


def is_for_people() -> bool:
    """Returns whether stdout is a terminal."""
    return sys.stdout.isatty()


def print_list(
    read: Callable[[int | None], Iterator[Json]], view: View[M], *, limit: int | None, as_json: bool, none: str
) -> None:
    """Prints a list: a table on a terminal, else tab-separated lines, or with `as_json` one line of JSON per item.

    `read` is called with the most items to read (None for all), and yields them. On a terminal, an empty list prints
    `none` to stderr.
    """
    if as_json or not is_for_people():
        for item in read(limit):
            print_json(item) if as_json else _print_plain(parse(view.model, item), view.columns)
        return
    most = TABLE_ITEMS if limit is None else limit
    # Read one more item than is shown, to find out whether there are more.
    items = [parse(view.model, item) for item in read(most + 1)]
    if not items:
        print_note(none)
    print_lines(items, view.columns, limit=most)


def print_lines(lines: Sequence[T], columns: Sequence[Column[T]], *, limit: int | None = None) -> None:
    """Prints at most `limit` items as a table on a terminal, else as tab-separated lines."""
    shown = lines[:limit]
    if not is_for_people():
        for line in shown:
            _print_plain(line, columns)
        return
    if shown:
        _print_table(shown, columns)
    if len(shown) < len(lines):
        print_note(f"There are more than these {len(shown):,}; --limit shows them.")


def print_json(document: Any) -> None:
    """Prints a JSON value on one line."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


def print_result(response: Json, sentence: str, as_json: bool) -> None:
    """Prints a command's result: the API's response as JSON, or a sentence for people."""
    if as_json:
        print_json(response)
    else:
        print_line(sentence)


def print_line(line: str) -> None:
    """Prints a line of a command's result to stdout, without control characters."""
    sys.stdout.write(printable(line) + "\n")


def print_note(line: str) -> None:
    """Prints a remark or an error message to stderr, without control characters."""
    sys.stderr.write(printable(line) + "\n")


def progress_bars(*columns: str | ProgressColumn) -> Progress:
    """Returns progress bars on stderr. The bars appear only on a terminal, and disappear at the end."""
    return Progress(
        *columns,
        console=Console(stderr=True, highlight=False),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def printable(text: str) -> str:
    """Returns untrusted text with each unprintable character replaced, so that the text cannot control the terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)


def count(number: int, noun: str) -> str:
    """Returns a number with its noun, such as `1 row` or `2,000 rows`. The noun must form its plural with -s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def local(moment: datetime) -> str:
    """Returns a time as text, in this machine's time zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def home_path(path: object) -> str:
    """Returns a file path as text, with `~` in place of the user's home folder."""
    home = str(Path.home())
    text = str(path)
    return "~" + text.removeprefix(home) if text.startswith(home + "/") else text


def _print_table(lines: Sequence[T], columns: Sequence[Column[T]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    rows = [[column.cell(line) for column in columns] for line in lines]
    for position, column in enumerate(columns):
        numbers = all(isinstance(row[position], int | None) for row in rows)
        table.add_column(
            column.heading,
            justify="right" if numbers else "left",
            no_wrap=not column.folds,
            overflow="fold",
            min_width=MIN_FOLD_WIDTH if column.folds else None,
        )
    for row in rows:
        table.add_row(*(Text(_for_people(cell)) for cell in row))
    console = Console(highlight=False)
    # If the terminal is too narrow, let it wrap the lines rather than cut off ids.
    needed = table.__rich_measure__(console, console.options.update(max_width=MAX_WIDTH)).minimum
    console.width = max(console.width, needed + GAP * len(columns))
    console.print(table)


def _for_people(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return local(cell)
    if isinstance(cell, int):
        return f"{cell:,}"
    return printable(cell or "")


def _print_plain(line: T, columns: Sequence[Column[T]]) -> None:
    sys.stdout.write("\t".join(printable(_plain(column.cell(line))) for column in columns) + "\n")


def _plain(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return "" if cell is None else str(cell)
