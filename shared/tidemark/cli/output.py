"""What a command prints: tables for a person, tab-separated lines where its output is piped, JSON for scripts."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tidemark.client.models import Json, ResponseModel

S = TypeVar("S", bound=ResponseModel)
Cell = str | int | datetime | None

TABLE_ITEMS = 50
"""Items in a person's table that are shown without being asked for more."""
SHORTEST_FOLD = 32
"""Characters of a line of free text in a table: an upload's id."""
GAP = 2
"""Characters between two columns."""
WIDEST = 10_000


class Column(NamedTuple, Generic[S]):
    """A column of a table: its heading, and what it shows of an item."""

    heading: str
    cell: Callable[[S], Cell]
    folds: bool = False
    """Whether it is free text, which may go on in another line. All else is never cut: ids are copied."""


class View(NamedTuple, Generic[S]):
    """How items of one kind are shown as a table."""

    shape: type[S]
    columns: Sequence[Column[S]]


def is_for_people() -> bool:
    """Whether somebody is looking at the output."""
    return sys.stdout.isatty()


def most_shown(limit: int | None, *, as_json: bool) -> int | None:
    """How many items to show where the user gave `limit`; None for all."""
    return TABLE_ITEMS if limit is None and not as_json and is_for_people() else limit


def show_list(
    read: Callable[[int | None], Iterator[Json]], view: View[S], *, limit: int | None, as_json: bool, none: str
) -> None:
    """Print the items that `read` gives when told how many, or the sentence `none` to a person if there are none."""
    most = most_shown(limit, as_json=as_json)
    if as_json or not is_for_people():
        for item in read(most):
            print_json(item) if as_json else _print_plain(item, view)
        return
    # One more than is shown tells whether there are more.
    items = list(read(None if most is None else most + 1))
    more = most is not None and len(items) > most
    if items:
        _print_table(items[:most], view)
    else:
        tell(none)
    if more:
        tell(f"There are more than these {most:,}; --limit shows them.")


def print_json(document: Any) -> None:
    """Print a document as one line of JSON."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


def say(line: str) -> None:
    """Print a line of a command's result."""
    sys.stdout.write(printable(line) + "\n")


def tell(line: str) -> None:
    """Print a remark that is no result."""
    sys.stderr.write(printable(line) + "\n")


def printable(text: str) -> str:
    """Text that came from elsewhere, without what a terminal would take for commands."""
    return "".join(character if character.isprintable() else "�" for character in text)


def local(moment: datetime) -> str:
    """A time as a person in this place reads it."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def home_path(path: object) -> str:
    """A path as its user knows it."""
    home = str(Path.home())
    text = str(path)
    return "~" + text.removeprefix(home) if text.startswith(home + "/") else text


def _print_table(items: Iterable[Json], view: View[S]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    rows = [[column.cell(view.shape.model_validate(item)) for column in view.columns] for item in items]
    for position, column in enumerate(view.columns):
        numbers = all(isinstance(row[position], int | None) for row in rows)
        table.add_column(
            column.heading,
            justify="right" if numbers else "left",
            no_wrap=not column.folds,
            overflow="fold",
            min_width=SHORTEST_FOLD if column.folds else None,
        )
    for row in rows:
        table.add_row(*(Text(_for_people(cell)) for cell in row))
    console = Console(highlight=False)
    # Where a screen is too narrow, its own way of breaking lines is better than a table without its ids.
    needed = table.__rich_measure__(console, console.options.update(max_width=WIDEST)).minimum
    console.width = max(console.width, needed + GAP * len(view.columns))
    console.print(table)


def _for_people(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return local(cell)
    if isinstance(cell, int):
        return f"{cell:,}"
    return printable(cell or "")


def _print_plain(item: Json, view: View[S]) -> None:
    found = view.shape.model_validate(item)
    sys.stdout.write("\t".join(printable(_plain(column.cell(found))) for column in view.columns) + "\n")


def _plain(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return "" if cell is None else str(cell)
