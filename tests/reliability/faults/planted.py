"""Bugs planted in the code to check that the schedules find them. None of them is ever in the product."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from tests.simulation.deployment import Deployment
from tests.simulation.invocation import current
from tidemark.aws import queues, table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key
from tidemark.ingest import chunk_writer
from tidemark.ingest.chunk_writer import WrittenChunk
from tidemark.shards import log
from tidemark.versions import records as version_records

Plant = Callable[[ExitStack, Deployment], None]
"""Plants a bug in the code or the world until the stack is closed."""


def head_condition(stack: ExitStack, _: Deployment) -> None:
    """Commits a window without a condition on its shard's head."""

    def unconditional(backend: Backend, pk: str, _: Any, new: Any) -> Any:
        return writes.put(backend, Key(pk, "HEAD"), log._head_item(new))

    stack.enter_context(patch.object(log, "_move_head", unconditional))


def marker(stack: ExitStack, _: Deployment) -> None:
    """Commits a window without its marker."""

    def nothing(backend: Backend, key: Key, _: Any) -> Any:
        return writes.check(backend, key._replace(sk="NOTHING"), writes.ABSENT)

    stack.enter_context(patch.object(log, "_mark", nothing))


def sent_first(stack: ExitStack, _: Deployment) -> None:
    """Sends the windows of a request before its upload is stored."""
    write = chunk_writer.write

    def write_and_send(backend: Backend, *arguments: Any, **named: Any) -> WrittenChunk:
        written = write(backend, *arguments, **named)
        if not written.chunk.name:
            queues.send_windows(backend, written.windows)
        return written

    stack.enter_context(patch.object(chunk_writer, "write", write_and_send))


def eventual_reads(_: ExitStack, world: Deployment) -> None:
    """Makes all reads eventually consistent, so that some miss the latest writes."""
    draws = Random("eventual reads")
    world.tables.eventually = True
    world.tables.lag = lambda: draws.randint(1, 3) if current() is not None and draws.random() < 0.1 else 0


def no_transaction(stack: ExitStack, _: Deployment) -> None:
    """Writes a version and its uploads one by one instead of in a transaction."""

    def one_by_one(backend: Backend, requests: Sequence[Any]) -> None:
        for request in requests:
            table.write(backend, request)

    stack.enter_context(
        patch.object(version_records, "table", SimpleNamespace(**vars(table) | {"transact": one_by_one}))
    )


PLANTS: dict[str, tuple[str, Plant]] = {
    "head": ("no condition on a shard's head", head_condition),
    "marker": ("no marker of a window", marker),
    "sent": ("windows sent before their upload is stored", sent_first),
    "reads": ("eventually consistent reads", eventual_reads),
    "publish": ("a version published without a transaction", no_transaction),
}
"""Descriptions and functions of the planted bugs, by name."""
