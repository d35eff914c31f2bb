"""Tallies: the outcomes of a chunk's windows, collected so that publish receives one message for each chunk.

The windows of a chunk are applied in many shards at once. Each adds its outcome to the chunk's tally by a plain write,
so none waits for another. The window that completes the tally sends the message. A tally is a set, so an outcome that
is added twice counts once.
"""

from collections.abc import Iterable

from tidemark.aws import queues, table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, dataset_pk
from tidemark.domain.windows import ChunkSettled, Window, WindowSettled

OUTCOMES = "outcomes"
"""Attribute with the set of outcomes."""
MAX_TALLIED = 128
"""Most windows of a chunk with a tally. With so many outcomes a tally takes two kilobytes, and adding an outcome costs
a write unit for each kilobyte. More windows, as of a file that changes one frame again and again, report by
themselves."""


def siblings(windows: int) -> int:
    """Returns the `siblings` of each window of a chunk with this number of windows."""
    return windows if 1 < windows <= MAX_TALLIED else 0


def report(backend: Backend, window: Window, outcome: WindowSettled) -> None:
    """Adds the outcome of a window to its chunk's tally, and sends a message to publish once the tally is complete.

    A window that reports by itself sends its outcome. A repeat sends the message again, which does no harm. Raises
    Contended and SendFailed.
    """
    if not window.siblings or window.attempt:
        queues.send_settled(backend, [outcome])
        return
    outcomes = table.add(backend, key(window.dataset, window.upload, window.chunk), OUTCOMES, {_element(outcome)})
    if len(outcomes) == window.siblings:
        message = ChunkSettled(dataset=window.dataset, upload=window.upload, chunk=window.chunk)
        queues.send_settled(backend, [message])


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
