"""The frames of a checkpoint in pages, and their payloads in pieces that fit memory."""

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

PAGE_FRAMES = 10_000
"""Frames of a page, at most: a file that tools like, and some seconds of work."""
PAGE_BYTES = 64 * 1024 * 1024
"""Payload of a page, at most, unless its only frame has more."""
PIECE_FRAMES = 1000
"""Frames that are in memory at once, at most. What lies between them in packs is read along, up to 32 KB for each."""
PIECE_BYTES = 8 * 1024 * 1024
"""Payload of frames that are in memory at once, at most, unless one has more. Parsed, it takes up to 15 times that."""
QUERY_FRAMES = 1000
"""Frames that are looked for by one call."""


class Payload(NamedTuple):
    """A frame of a page."""

    version: FrameVersion
    text: bytes
    """What is kept of the frame: canonical JSON."""

    @property
    def frame(self) -> dict[str, Any]:
        """The same as Python values."""
        found: dict[str, Any] = from_json(self.text)
        return found


def version_of(backend: Backend, work: CheckpointWork) -> Version:
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
    wanted = min(state.frames - passed, PAGE_FRAMES)
    found: list[FrameVersion] = []
    size = 0
    while len(found) < wanted:
        limit = min(QUERY_FRAMES, wanted - len(found))
        frames, come_to = frame_versions.live_frames(backend, uid, shard, state.head, after, limit=limit)
        for frame in frames:
            size += frame.payload.length
            if found and size > PAGE_BYTES:
                return found
            found.append(frame)
        if come_to is None and len(frames) < limit:
            raise LookupError(f"shard {shard} of {uid} has fewer frames at {state.head} than its version says")
        after = frames[-1].frame_id if come_to is None else come_to
    return found


def pieces(backend: Backend, frames: Sequence[FrameVersion]) -> Iterator[list[Payload]]:
    """The frames with their payloads, in order, as many at a time as fit memory. Raises PackCorrupt and ReadInterrupted."""
    piece: list[FrameVersion] = []
    size = 0
    for frame in frames:
        size += frame.payload.length
        if piece and (len(piece) == PIECE_FRAMES or size > PIECE_BYTES):
            yield _read(backend, piece)
            piece, size = [], frame.payload.length
        piece.append(frame)
    if piece:
        yield _read(backend, piece)


def _read(backend: Backend, frames: Sequence[FrameVersion]) -> list[Payload]:
    payloads = packs.read_payloads(backend, [frame.payload for frame in frames])
    return [Payload(frame, payload) for frame, payload in zip(frames, payloads, strict=True)]
