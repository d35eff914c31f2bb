"""What a command prints: tables for a person, tab-separated lines where its output is piped, JSON for scripts."""

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
"""Items shown in a person's table unless more are asked for."""
MIN_FOLD_WIDTH = 32
"""Characters of a line of free text in a table: an upload's id."""
GAP = 2
"""Characters between two columns."""
MAX_WIDTH = 10_000


class Column(NamedTuple, Generic[T]):
    """A column of a table: its heading, and what it shows of an item."""

    heading: str
    cell: Callable[[T], Cell]
    folds: bool = False
    """Whether it is free text that may continue on the next line. Nothing else is ever cut: ids are there to copy."""


class View(NamedTuple, Generic[M]):
    """How the items of a list are parsed, and shown as a table."""

    model: type[M]
    columns: Sequence[Column[M]]


def is_for_people() -> bool:
    """Whether the output goes to a terminal."""
    return sys.stdout.isatty()


def print_list(
    read: Callable[[int | None], Iterator[Json]], view: View[M], *, limit: int | None, as_json: bool, none: str
) -> None:
    """Prints the items that `read` yields when called with a limit. For a person, an empty list prints `none`."""
    if as_json or not is_for_people():
        for item in read(limit):
            print_json(item) if as_json else _print_plain(parse(view.model, item), view.columns)
        return
    most = TABLE_ITEMS if limit is None else limit
    # One more than is shown, to see whether there are more.
    items = [parse(view.model, item) for item in read(most + 1)]
    if not items:
        print_note(none)
    print_lines(items, view.columns, limit=most)


def print_lines(lines: Sequence[T], columns: Sequence[Column[T]], *, limit: int | None = None) -> None:
    """Prints lines that are in memory, at most `limit` of them."""
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
    """Prints a document as one line of JSON."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


def print_result(response: Json, sentence: str, as_json: bool) -> None:
    """Prints what a command has done: the API's response as JSON, or a sentence."""
    if as_json:
        print_json(response)
    else:
        print_line(sentence)


def print_line(line: str) -> None:
    """Prints a line of a command's result to stdout."""
    sys.stdout.write(printable(line) + "\n")


def print_note(line: str) -> None:
    """Prints a remark or an error to stderr."""
    sys.stderr.write(printable(line) + "\n")


def progress_bars(*columns: str | ProgressColumn) -> Progress:
    """Returns progress bars on stderr. They show only on a terminal, and disappear at the end."""
    return Progress(
        *columns,
        console=Console(stderr=True, highlight=False),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def printable(text: str) -> str:
    """Returns text from elsewhere without the characters that a terminal would take for commands."""
    return "".join(character if character.isprintable() else "�" for character in text)


def count(number: int, noun: str) -> str:
    """Returns a number with its noun, in the plural unless it is 1."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def local(moment: datetime) -> str:
    """Returns a time in the zone of this machine."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def home_path(path: object) -> str:
    """Returns a path with `~` for the user's home."""
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
    # On a screen that is too narrow, lines that the terminal wraps are better than a table without its ids.
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
