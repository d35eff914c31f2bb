"""Reads frames as of a version: a single frame, a batch by ids, or all frames in pages (R6, R7)."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import InvalidRequest, NotFound
from tidemark.domain.frames.frames import Frame
from tidemark.domain.frames.operations import Op
from tidemark.domain.ids import shard_of
from tidemark.domain.pages import decode_cursor, encode_cursor
from tidemark.domain.versions import Version
from tidemark.shards import frame_versions, packs
from tidemark.shards.frame_versions import FrameVersion
from tidemark.versions import page_size
from tidemark.versions.resolve import LATEST, resolve


class _StoredFrame:
    """Annotates a field that holds a frame's stored JSON as bytes, and that the API describes as a `Frame`.

    The JSON was validated when it was written, and its digest shows that it is unchanged, so it is not validated again.
    Rules introduced later therefore cannot change the response for a version (R7). The response is no larger than what
    is stored.
    """

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.bytes_schema()

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(Frame.__pydantic_core_schema__)


class FrameAt(BaseModel):
    """A frame as of a version of its dataset. `upload`, `actor` and `at` are those of the frame's last change."""

    model_config = ConfigDict(frozen=True)

    version: int
    """Number of the version that was read."""
    digest: str
    """SHA-256 of the frame's canonical JSON. Two frames are equal if their digests are equal."""
    upload: str
    actor: str
    at: datetime
    frame: Annotated[bytes, _StoredFrame()]


class FramePage(BaseModel):
    """A page of the frames of a version, and the cursor of the next page; None at the end."""

    model_config = ConfigDict(frozen=True)

    version: int
    items: list[FrameAt]
    cursor: str | None


class FrameBatch(BaseModel):
    """Several frames as of a version."""

    model_config = ConfigDict(frozen=True)

    version: int
    items: list[FrameAt]
    missing: list[str]
    """Requested ids for which the version has no frame."""
    unread: list[str]
    """Requested ids whose frames did not fit the response; request them again."""


def get_frame(backend: Backend, *, project: str, dataset: str, frame_id: str, version: str) -> FrameAt:
    """Returns a frame as of a version. Raises NotFound and InvalidRequest.

    Once the version is known, makes one query and one ranged GET, however long the frame's history is.
    """
    record = dataset_records.get(backend, project, dataset)
    at = resolve(backend, record, version)
    frame = _frame_version(backend, record, at, frame_id)
    if frame is None:
        raise NotFound(f"Version {at.number} of dataset {dataset!r} has no frame {frame_id!r}.", code="unknown_frame")
    return _read_frames(backend, at, [frame])[0]


def batch_get(backend: Backend, *, project: str, dataset: str, frame_ids: Sequence[str], version: str) -> FrameBatch:
    """Returns frames as of a version, in the order of `frame_ids`, as many as fit a response.

    Also returns the ids without a frame, and the ids whose frames did not fit. Raises NotFound and InvalidRequest.
    """
    record = dataset_records.get(backend, project, dataset)
    at = resolve(backend, record, version)
    unique_ids = list(dict.fromkeys(frame_ids))
    versions = backend.parallel(lambda frame_id: _frame_version(backend, record, at, frame_id), unique_ids)
    live = [frame for frame in versions if frame]
    fitting = page_size.fitting(live, _payload_bytes)
    return FrameBatch(
        version=at.number,
        items=_read_frames(backend, at, fitting),
        missing=[frame_id for frame_id, frame in zip(unique_ids, versions, strict=True) if frame is None],
        unread=[frame.frame_id for frame in live[len(fitting) :]],
    )


def list_frames(
    backend: Backend, *, project: str, dataset: str, version: str, limit: int, cursor: str | None
) -> FramePage:
    """Returns a page of a version's frames, sorted by shard, then by id.

    A page may hold fewer than `limit` frames, or none, although more pages follow: if frames are large, or if very many
    changes were made since the version. All pages read the version that the first page read, even if the requests name
    LATEST. Raises NotFound and InvalidRequest, the latter also for a cursor of another list or of another version.
    """
    record = dataset_records.get(backend, project, dataset)
    at, start = _version_and_start(backend, record, version, cursor)
    frames, stopped_at = _live_frames(backend, record, at, start, limit)
    fitting = page_size.fitting(frames[:limit], _payload_bytes)
    next_cursor = None
    if len(fitting) < len(frames) or len(fitting) == limit:
        next_cursor = _cursor(record, at, start, fitting, fitting[-1].frame_id)
    elif stopped_at is not None:
        next_cursor = _cursor(record, at, start, fitting, stopped_at)
    return FramePage(version=at.number, items=_read_frames(backend, at, fitting), cursor=next_cursor)


class _PageStart(NamedTuple):
    """Where a page of frames begins."""

    after: str = ""
    """Id of the frame before the page; empty for the first page."""
    listed: int = 0
    """Number of frames that earlier pages listed of that frame's shard. The rest of the shard is still to be listed."""


def _version_and_start(
    backend: Backend, dataset: Dataset, version: str, cursor: str | None
) -> tuple[Version, _PageStart]:
    """Returns the version to read, and where the page begins. Raises NotFound and InvalidRequest."""
    if cursor is None:
        return resolve(backend, dataset, version), _PageStart()
    number, after, listed = decode_cursor(_scope(dataset), cursor, int, str, int)
    at = resolve(backend, dataset, str(number))
    if version != LATEST and resolve(backend, dataset, version).number != at.number:
        raise InvalidRequest(
            f"The cursor continues version {at.number}; request that version, or omit `version`.",
            code="foreign_cursor",
            pointer="cursor",
        )
    return at, _PageStart(str(after), int(listed))


def _cursor(dataset: Dataset, at: Version, start: _PageStart, page: Sequence[FrameVersion], last: str) -> str:
    """Returns the cursor that continues after frame id `last`. `page` holds the frames listed from `start` on."""
    shard = shard_of(last, dataset.shards)
    listed = sum(shard_of(frame.frame_id, dataset.shards) == shard for frame in page)
    if start.after and shard_of(start.after, dataset.shards) == shard:
        listed += start.listed
    return encode_cursor(_scope(dataset), at.number, last, listed)


def _scope(dataset: Dataset) -> str:
    return f"frames:{dataset.uid}"


def _live_frames(
    backend: Backend, dataset: Dataset, at: Version, start: _PageStart, limit: int
) -> tuple[list[FrameVersion], str | None]:
    """Returns the version's live frames from `start` on: at least `limit` frames, or all that are left.

    If too many other frame versions lie between a shard's live frames, returns fewer frames, and the frame id at which
    reading stopped; otherwise None in place of the id. A version records how many frames each shard holds, so only as
    many shards as needed are read, in parallel.
    """

    def read(shard: int) -> tuple[list[FrameVersion], str | None]:
        after = start.after if shard == first else ""
        wanted = min(limit, unlisted[shard])
        return frame_versions.live_frames(backend, dataset.uid, shard, at.shards[shard].head, after, limit=wanted)

    first = shard_of(start.after, dataset.shards) if start.after else 0
    unlisted = {shard: at.shards[shard].frames for shard in range(first, dataset.shards)}
    unlisted[first] -= start.listed
    shards = [shard for shard, frames in unlisted.items() if frames > 0]
    live: list[FrameVersion] = []
    while shards and len(live) < limit:
        enough = bisect_left(list(accumulate(unlisted[shard] for shard in shards)), limit - len(live)) + 1
        for frames, stopped_at in backend.parallel(read, shards[:enough]):
            live.extend(frames)
            if stopped_at is not None:
                return live, stopped_at
        shards = shards[enough:]
    return live, None


def _frame_version(backend: Backend, dataset: Dataset, at: Version, frame_id: str) -> FrameVersion | None:
    shard = shard_of(frame_id, dataset.shards)
    if not at.shards[shard].frames:
        return None
    frame = frame_versions.frame_at(backend, dataset.uid, shard, frame_id, at.shards[shard].head)
    return frame if frame and frame.op is not Op.DELETE else None


def _payload_bytes(frame: FrameVersion) -> int:
    return frame.payload.length


def _read_frames(backend: Backend, at: Version, frames: Sequence[FrameVersion]) -> list[FrameAt]:
    payloads = packs.read_payloads(backend, [frame.payload for frame in frames])
    return [
        FrameAt(
            version=at.number,
            digest=frame.payload.digest,
            upload=frame.upload,
            actor=frame.actor,
            at=frame.at,
            frame=payload,
        )
        for frame, payload in zip(frames, payloads, strict=True)
    ]
