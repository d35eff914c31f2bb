"""Reading a list page by page, as its cursors lead."""

from collections.abc import Callable
from typing import TypeVar

from tidemark.domain.pages import Page

T = TypeVar("T")


def pages(read: Callable[[str | None], Page[T]]) -> list[list[T]]:
    """The items of each page, from the first to the one without a cursor."""
    page = read(None)
    found = [page.items]
    while page.cursor is not None:
        page = read(page.cursor)
        found.append(page.items)
    return found


def items(read: Callable[[str | None], Page[T]]) -> list[T]:
    """The items of all pages."""
    return [item for page in pages(read) for item in page]
