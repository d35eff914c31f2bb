"""Polling: requests repeated at growing intervals until the caller stops."""

from collections.abc import Iterator

from tidemark.client import retrying
from tidemark.client.api import Api
from tidemark.client.models import Json

GROWTH = 1.5
"""Factor by which each pause is longer than the previous one."""


def polls(first: float, longest: float) -> Iterator[None]:
    """Yields each time a poll is due: at once, then after pauses that grow from `first` to `longest` seconds.

    Never ends; the caller leaves the loop.
    """
    seconds = first
    while True:
        yield
        retrying.pause(seconds)
        seconds = min(GROWTH * seconds, longest)


def responses(
    api: Api, path: tuple[str, ...], *, known: Json | None = None, first: float, longest: float
) -> Iterator[Json]:
    """Polls a URL path, given as segments, and yields each response. Pauses like `polls`.

    If the caller already has a response, it passes it as `known`, and `known` is yielded first, without a request.
    Never ends; the caller leaves the loop.
    """
    for _ in polls(first, longest):
        yield api.get(*path) if known is None else known
        known = None
