"""Limits what a page of a response holds to `MAX_PAGE_BYTES`."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from tidemark.domain.limits import MAX_PAGE_BYTES

T = TypeVar("T")


def fitting(items: Iterable[T], size: Callable[[T], int]) -> list[T]:
    """Returns the first items whose sizes in bytes add up to at most `MAX_PAGE_BYTES`; at least one, if there is any.

    Stops reading the iterable at the first item that does not fit.
    """
    page: list[T] = []
    total = 0
    for item in items:
        total += size(item)
        if total > MAX_PAGE_BYTES and page:
            break
        page.append(item)
    return page
