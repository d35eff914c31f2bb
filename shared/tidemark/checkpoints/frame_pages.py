"""Pages: the frames of a checkpoint, cut into pages, and their payloads, read in batches that fit in memory."""

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
"""Most frames on a page: a file of a size that tools handle well, and some seconds of work."""
MAX_PAGE_PAYLOAD_BYTES = 64 * 1024 * 1024
"""Most payload bytes on a page, unless a single frame has more."""
MAX_BATCH_FRAMES = 1000
"""Most frames in memory at once. Up to 32 KB between two payloads of a pack is read along with them."""
MAX_BATCH_BYTES = 8 * 1024 * 1024
"""Most payload bytes in memory at once, unless a single frame has more. Parsed, they take up to 15 times that."""
MAX_QUERY_FRAMES = 1000
"""Most frames requested by one call of `live_frames`."""


class FramePayload(NamedTuple):
    """A frame of a page, with its payload."""

    version: FrameVersion
    text: bytes
    """The stored frame: canonical JSON."""

    @property
    def frame(self) -> dict[str, Any]:
        """The frame as Python values."""
        frame: dict[str, Any] = from_json(self.text)
        return frame


def checkpoint_version(backend: Backend, work: CheckpointWork) -> Version:
    """Returns the version of a checkpoint. Raises LookupError."""
    ref = checkpoint_names.ref(backend, work.uid, work.checkpoint)
    version = version_records.find_published(backend, work.uid, ref.version) if ref else None
    if version is None:
        raise LookupError(f"checkpoint {work.checkpoint!r} of {work.uid} does not exist, or its version does not")
    return version


def next_page(backend: Backend, uid: str, shard: int, state: ShardState, after: str, before: int) -> list[FrameVersion]:
    """Returns the page of a shard's live frames that follows frame id `after`, which ends the first `before` frames.

    A page is the same whenever it is read, so that a page written again overwrites itself with the same content.
    Raises LookupError if the shard has fewer frames than the version states.
    """
    wanted = min(state.frames - before, MAX_PAGE_FRAMES)
    page: list[FrameVersion] = []
    size = 0
    while len(page) < wanted:
        limit = min(MAX_QUERY_FRAMES, wanted - len(page))
        frames, stopped_at = frame_versions.live_frames(backend, uid, shard, state.head, after, limit=limit)
        for frame in frames:
            size += frame.payload.length
            if page and size > MAX_PAGE_PAYLOAD_BYTES:
                return page
            page.append(frame)
        if stopped_at is None and len(frames) < limit:
            raise LookupError(f"shard {shard} of {uid} has fewer frames at {state.head} than its version states")
        after = frames[-1].frame_id if stopped_at is None else stopped_at
    return page


def read_batches(backend: Backend, frames: Sequence[FrameVersion]) -> Iterator[list[FramePayload]]:
    """Yields the frames with their payloads, in order, in batches that fit in memory.

    Raises PackCorrupt and ReadInterrupted.
    """
    batch: list[FrameVersion] = []
    size = 0
    for frame in frames:
        size += frame.payload.length
        if batch and (len(batch) == MAX_BATCH_FRAMES or size > MAX_BATCH_BYTES):
            yield _read(backend, batch)
            batch, size = [], frame.payload.length
        batch.append(frame)
    if batch:
        yield _read(backend, batch)


def _read(backend: Backend, frames: Sequence[FrameVersion]) -> list[FramePayload]:
    payloads = packs.read_payloads(backend, [frame.payload for frame in frames])
    return [FramePayload(frame, payload) for frame, payload in zip(frames, payloads, strict=True)]
