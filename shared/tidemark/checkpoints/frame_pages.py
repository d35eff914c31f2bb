"""Cuts a checkpoint's frames into pages, and reads the payloads of a page in batches that fit in memory."""

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
"""Most frames on a page. A page becomes a file of a size that tools handle well, and takes some seconds to write."""
MAX_PAGE_PAYLOAD_BYTES = 64 * 1024 * 1024
"""Most payload bytes on a page. A larger frame has a page of its own."""
MAX_BATCH_FRAMES = 1000
"""Most frames in memory at once. It also limits the memory for gaps: payloads that are close together in a pack are
read together with the up to 32 KB between them."""
MAX_BATCH_BYTES = 8 * 1024 * 1024
"""Most payload bytes in memory at once. A larger frame is read alone. Parsed payloads take up to 15 times as much
memory."""
MAX_QUERY_FRAMES = 1000
"""Most frames that one call of `live_frames` asks for."""


class FramePayload(NamedTuple):
    """A frame version and its payload."""

    version: FrameVersion
    text: bytes
    """The stored frame, as canonical JSON."""

    @property
    def frame(self) -> dict[str, Any]:
        """The frame, parsed from its JSON."""
        frame: dict[str, Any] = from_json(self.text)
        return frame


def checkpoint_version(backend: Backend, work: CheckpointWork) -> Version:
    """Returns the version that the work's checkpoint names. Raises LookupError if either does not exist."""
    ref = checkpoint_names.ref(backend, work.uid, work.checkpoint)
    version = version_records.find_published(backend, work.uid, ref.version) if ref else None
    if version is None:
        raise LookupError(f"checkpoint {work.checkpoint!r} of {work.uid} does not exist, or its version does not")
    return version


def next_page(backend: Backend, uid: str, shard: int, state: ShardState, after: str, before: int) -> list[FrameVersion]:
    """Returns the next page of a shard's live frames, as of a version whose state of the shard is `state`.

    `after` is the last frame id of the previous page, and `before` is the number of frames on all previous pages. The
    same arguments always give the same page, so that writing a page again overwrites it with the same content. Raises
    LookupError if the shard has fewer frames than the version states.
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
    """Reads the payloads of frames. Yields the frames with their payloads, in order, in batches that fit in memory.

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
