"""Polling: reading something again until it has changed."""

from collections.abc import Iterator

from tidemark.client import retrying
from tidemark.client.api import Api
from tidemark.client.models import Json

GROWTH = 1.5
"""How much longer each pause is than the one before it."""


def polls(first: float, longest: float) -> Iterator[None]:
    """Yields when it is time to poll: at once, then after pauses that grow from `first` to `longest` seconds.

    It never ends; the caller leaves the loop.
    """
    seconds = first
    while True:
        yield
        retrying.pause(seconds)
        seconds = min(GROWTH * seconds, longest)


def responses(
    api: Api, path: tuple[str, ...], *, known: Json | None = None, first: float, longest: float
) -> Iterator[Json]:
    """Reads a path again and again, with the pauses of `polls`, and yields each response.

    `known` is a response that the caller has already, to be yielded first. It never ends; the caller leaves the loop.
    """
    for _ in polls(first, longest):
        yield api.get(*path) if known is None else known
        known = None
