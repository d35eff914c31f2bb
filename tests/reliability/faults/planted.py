"""Faults put into the code, to see whether the schedules find them. Nothing of this is ever in the product."""

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
"""Puts a fault into the code, or into the world, for as long as the stack is open."""


def head_condition(stack: ExitStack, _: Deployment) -> None:
    """A window is committed whatever the head of its shard is by then."""

    def unconditional(backend: Backend, pk: str, _: Any, new: Any) -> Any:
        return writes.put(backend, Key(pk, "HEAD"), log._head_item(new))

    stack.enter_context(patch.object(log, "_move_head", unconditional))


def marker(stack: ExitStack, _: Deployment) -> None:
    """A window is committed without its marker."""

    def nothing(backend: Backend, key: Key, _: Any) -> Any:
        return writes.check(backend, key._replace(sk="NOTHING"), writes.ABSENT)

    stack.enter_context(patch.object(log, "_mark", nothing))


def sent_first(stack: ExitStack, _: Deployment) -> None:
    """The windows of a request are sent before its upload is on record."""
    write = chunk_writer.write

    def sending(backend: Backend, *arguments: Any, **named: Any) -> WrittenChunk:
        written = write(backend, *arguments, **named)
        if not written.chunk.name:
            queues.send_windows(backend, written.windows)
        return written

    stack.enter_context(patch.object(chunk_writer, "write", sending))


def eventual_reads(_: ExitStack, world: Deployment) -> None:
    """Reads do not ask for consistency: now and then they miss the latest writes."""
    draws = Random("eventual reads")
    world.tables.eventually = True
    world.tables.lag = lambda: draws.randint(1, 3) if current() is not None and draws.random() < 0.1 else 0


def no_transaction(stack: ExitStack, _: Deployment) -> None:
    """A version and the uploads in it are written one after the other."""

    def one_by_one(backend: Backend, requests: Sequence[Any]) -> None:
        for request in requests:
            table.write(backend, request)

    stack.enter_context(
        patch.object(version_records, "table", SimpleNamespace(**vars(table) | {"transact": one_by_one}))
    )


PLANTS: dict[str, tuple[str, Plant]] = {
    "head": ("the condition on a shard's head dropped", head_condition),
    "marker": ("the marker of a window dropped", marker),
    "sent": ("windows sent before their upload is recorded", sent_first),
    "reads": ("reads that do not ask for consistency", eventual_reads),
    "publish": ("a version published without its transaction", no_transaction),
}
"""What they do and the fault itself, by name."""
