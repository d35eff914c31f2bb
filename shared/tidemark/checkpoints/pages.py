"""The frames of a checkpoint in pages, and their payloads in read_batches that fit memory."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pydantic_core import from_json

from tidemark.aws.backend import Backend
from tidemark.checkpoints.model import CheckpointWork
from tidemark.domain.versions import ShardState, Version
from tidemark.shards import frame_versions, packs
from tidemark.shards.frame_versions import FrameVersion
from tidemark.versions import checkpoint_names
from tidemark.versions import records as version_records

MAX_PAGE_FRAMES = 10_000
"""Frames of a page, at most: a file that tools like, and some seconds of work."""
MAX_PAGE_PAYLOAD_BYTES = 64 * 1024 * 1024
"""FramePayload of a page, at most, unless its only frame has more."""
MAX_BATCH_FRAMES = 1000
"""Frames that are in memory at once, at most. What lies between them in packs is read along, up to 32 KB for each."""
MAX_BATCH_BYTES = 8 * 1024 * 1024
"""FramePayload of frames that are in memory at once, at most, unless one has more. Parsed, it takes up to 15 times that."""
MAX_QUERY_FRAMES = 1000
"""Frames that are looked for by one call."""


class FramePayload(NamedTuple):
    """A frame of a page."""

    version: FrameVersion
    text: bytes
    """What is kept of the frame: canonical JSON."""

    @property
    def frame(self) -> dict[str, Any]:
        """The same as Python values."""
        found: dict[str, Any] = from_json(self.text)
        return found


def checkpoint_version(backend: Backend, work: CheckpointWork) -> Version:
    """The version that a checkpoint stands for."""
    frozen = checkpoint_names.ref(backend, work.uid, work.checkpoint)
    found = version_records.find_published(backend, work.uid, frozen.version) if frozen else None
    if found is None:
        raise LookupError(f"checkpoint {work.checkpoint!r} of {work.uid} is not there, or its version is not")
    return found


def next_page(backend: Backend, uid: str, shard: int, state: ShardState, after: str, passed: int) -> list[FrameVersion]:
    """The live frames of a shard that come after frame id `after`, before which there are `passed`: a page of them.

    A page is the same whenever it is read, so that one that is written again is written over itself. Raises LookupError
    where the shard has fewer frames than the version says.
    """
    wanted = min(state.frames - passed, MAX_PAGE_FRAMES)
    found: list[FrameVersion] = []
    size = 0
    while len(found) < wanted:
        limit = min(MAX_QUERY_FRAMES, wanted - len(found))
        frames, come_to = frame_versions.frames_after(backend, uid, shard, state.head, after, limit=limit)
        for frame in frames:
            size += frame.stored.length
            if found and size > MAX_PAGE_PAYLOAD_BYTES:
                return found
            found.append(frame)
        if come_to is None and len(frames) < limit:
            raise LookupError(f"shard {shard} of {uid} has fewer frames at {state.head} than its version says")
        after = frames[-1].frame_id if come_to is None else come_to
    return found


def read_batches(backend: Backend, frames: Sequence[FrameVersion]) -> Iterator[list[FramePayload]]:
    """The frames with their payloads, in order, as many at a time as fit memory. Raises PackCorrupt and Interrupted."""
    piece: list[FrameVersion] = []
    size = 0
    for frame in frames:
        size += frame.stored.length
        if piece and (len(piece) == MAX_BATCH_FRAMES or size > MAX_BATCH_BYTES):
            yield _read(backend, piece)
            piece, size = [], frame.stored.length
        piece.append(frame)
    if piece:
        yield _read(backend, piece)


def _read(backend: Backend, frames: Sequence[FrameVersion]) -> list[FramePayload]:
    payloads = packs.read_payloads(backend, [frame.stored for frame in frames])
    return [FramePayload(frame, payload) for frame, payload in zip(frames, payloads, strict=True)]
