"""Reads lists page by page, by their cursors."""

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")
P = TypeVar("P", bound="HasCursor")


class HasCursor(Protocol):
    """A page or a summary that a cursor continues."""

    @property
    def cursor(self) -> str | None:
        """The cursor of the next page; None on the last page."""


class PageOf(HasCursor, Protocol[T]):
    """A page of items. The pages of most lists are `Page`; frames and diffs have their own."""

    @property
    def items(self) -> list[T]:
        """The items of the page."""


def all_pages(read: Callable[[str | None], P]) -> list[P]:
    """Returns all pages that `read` returns, from the first to the one without a cursor."""
    pages = [read(None)]
    while pages[-1].cursor is not None:
        pages.append(read(pages[-1].cursor))
    return pages


def pages(read: Callable[[str | None], PageOf[T]]) -> list[list[T]]:
    """Returns the items of each page."""
    return [page.items for page in all_pages(read)]


def items(read: Callable[[str | None], PageOf[T]], limit: int | None = None) -> list[T]:
    """Returns the items of all pages. Fails if a page has more items than `limit`."""
    page_items = pages(read)
    assert limit is None or all(len(page) <= limit for page in page_items), f"a page has more than {limit} items"
    return [item for page in page_items for item in page]
