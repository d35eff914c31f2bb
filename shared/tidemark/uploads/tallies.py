"""Tallies: the outcomes of a chunk's windows, collected so that publish receives one message for each chunk.

The windows of a chunk are applied in many shards at once. Each adds its outcome to the chunk's tally by a plain write,
so none waits for another. The window that completes the tally sends the message. A tally is a set, so an outcome that
is added twice counts once.
"""

from collections.abc import Iterable

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, dataset_pk
from tidemark.domain.windows import ChunkSettled, PublishMessage, Window, WindowSettled

OUTCOMES = "outcomes"
"""Attribute with the set of outcomes."""
MAX_TALLIED = 128
"""Most windows of a chunk with a tally. With so many outcomes a tally takes two kilobytes, and each outcome added costs
a
write unit for each of them. More windows, as of a file that changes one frame again and again, report by themselves."""


def siblings(windows: int) -> int:
    """Returns the `siblings` of each window of a chunk with this number of windows."""
    return windows if 1 < windows <= MAX_TALLIED else 0


def report(backend: Backend, window: Window, outcome: WindowSettled) -> list[PublishMessage]:
    """Adds the outcome of a window to its chunk's tally. Returns the messages to send to publish.

    There is no message until the tally is complete. After that, each repeat returns the message again. No write if the
    window reports by itself. Raises Contended.
    """
    if not window.siblings or window.attempt:
        return [outcome]
    outcomes = table.add(backend, key(window.dataset, window.upload, window.chunk), OUTCOMES, {_element(outcome)})
    if len(outcomes) < window.siblings:
        return []
    return [ChunkSettled(dataset=window.dataset, upload=window.upload, chunk=window.chunk)]


def key(uid: str, upload: str, chunk: str) -> Key:
    """Returns the primary key of a chunk's tally."""
    return Key(dataset_pk(uid), f"O#{upload}#{chunk}")


def outcomes(message: ChunkSettled, tally: Item) -> Iterable[WindowSettled]:
    """Returns the outcomes in a chunk's tally."""
    for element in tally[OUTCOMES]:
        window, applied, dropped, failed, found, given_up = map(int, element.split("#"))
        yield WindowSettled(
            dataset=message.dataset,
            upload=message.upload,
            chunk=message.chunk,
            window=window,
            applied=applied,
            dropped=dropped,
            failed=failed,
            found=found,
            given_up=bool(given_up),
        )


def _element(outcome: WindowSettled) -> str:
    counts = (outcome.applied, outcome.dropped, outcome.failed, outcome.found, int(outcome.given_up))
    return "#".join(map(str, (outcome.window, *counts)))
