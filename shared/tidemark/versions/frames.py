"""Reading frames as of a version (R6, R7)."""

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
from tidemark.domain.frames.mutations import Op
from tidemark.domain.ids import shard_of
from tidemark.domain.limits import MAX_PAGE_BYTES
from tidemark.domain.pages import decode_cursor, encode_cursor
from tidemark.domain.versions import Version
from tidemark.shards import frame_versions, packs
from tidemark.shards.frame_versions import FrameVersion
from tidemark.versions.resolve import LATEST, resolve


class _AsKept:
    """Tells pydantic that a value is a frame's JSON, byte for byte as it was written, described like a frame.

    It was valid when it was written, and its digest says that it still is what was written. What a version answers can
    thus not come to depend on rules that were made later (R7), nor can it be larger than what is kept.
    """

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.bytes_schema()

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(Frame.__pydantic_core_schema__)


class FrameAt(BaseModel):
    """A frame as of a version of its dataset, and the change that made it so."""

    model_config = ConfigDict(frozen=True)

    version: int
    """The version that was read."""
    digest: str
    """SHA-256 of the frame's canonical JSON: equal digests, equal frames."""
    upload: str
    actor: str
    at: datetime
    frame: Annotated[bytes, _AsKept()]


class FramePage(BaseModel):
    """Some of the frames of a version, and the cursor that continues them; None at the end."""

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
    """Ids that are in no frame of that version."""
    unread: list[str]
    """Ids that did not fit the answer; ask for them again."""


def get_frame(backend: Backend, *, project: str, dataset: str, frame_id: str, version: str) -> FrameAt:
    """A frame as of a version: one query and one ranged GET, however long its history. Raises NotFound."""
    found = dataset_records.get(backend, project, dataset)
    at = resolve(backend, found, version)
    frame = _frame_version(backend, found, at, frame_id)
    if frame is None:
        raise NotFound(f"Version {at.number} of dataset {dataset!r} has no frame {frame_id!r}.", code="unknown_frame")
    return _read(backend, at, [frame])[0]


def batch_get(backend: Backend, *, project: str, dataset: str, frame_ids: Sequence[str], version: str) -> FrameBatch:
    """The frames of those ids as of a version, in the order asked for, as many as fit an answer."""
    found = dataset_records.get(backend, project, dataset)
    at = resolve(backend, found, version)
    wanted = list(dict.fromkeys(frame_ids))
    versions = backend.parallel(lambda frame_id: _frame_version(backend, found, at, frame_id), wanted)
    alive = [frame for frame in versions if frame]
    fitting = alive[: _fitting(alive)]
    return FrameBatch(
        version=at.number,
        items=_read(backend, at, fitting),
        missing=[frame_id for frame_id, frame in zip(wanted, versions, strict=True) if frame is None],
        unread=[frame.frame_id for frame in alive[len(fitting) :]],
    )


def list_frames(
    backend: Backend, *, project: str, dataset: str, version: str, limit: int, cursor: str | None
) -> FramePage:
    """The frames of a version, shard by shard, in order of their ids within a shard.

    A page may hold fewer than `limit` frames, or none, while its cursor goes on: where frames are large, and where very
    much has changed since the version. A cursor stays with the version that its first page read, also where that was
    LATEST. Raises InvalidRequest for a cursor that is not of this list, and for another version than the cursor's.
    """
    found = dataset_records.get(backend, project, dataset)
    at, start = _position(backend, found, version, cursor)
    frames, come_to = _alive(backend, found, at, start, limit)
    fitting = frames[: min(_fitting(frames), limit)]
    more = None
    if len(fitting) < len(frames) or len(fitting) == limit:
        more = _cursor(found, at, start, fitting, fitting[-1].frame_id)
    elif come_to is not None:
        more = _cursor(found, at, start, fitting, come_to)
    return FramePage(version=at.number, items=_read(backend, at, fitting), cursor=more)


class _Start(NamedTuple):
    """Where a page of frames begins."""

    after: str = ""
    """Frame id that it comes after; empty for the first page."""
    passed: int = 0
    """Live frames of that frame's shard that earlier pages have told: what is left of the shard is then known."""


def _position(backend: Backend, dataset: Dataset, version: str, cursor: str | None) -> tuple[Version, _Start]:
    """The version to read, and where to read on."""
    if cursor is None:
        return resolve(backend, dataset, version), _Start()
    number, after, passed = decode_cursor(_scope(dataset), cursor, int, str, int)
    at = resolve(backend, dataset, str(number))
    if version != LATEST and resolve(backend, dataset, version).number != at.number:
        raise InvalidRequest(
            f"The cursor continues version {at.number}; ask for that version, or leave `version` out.",
            code="foreign_cursor",
            pointer="cursor",
        )
    return at, _Start(str(after), int(passed))


def _cursor(dataset: Dataset, at: Version, start: _Start, told: Sequence[FrameVersion], last: str) -> str:
    """The cursor of the page that comes after frame id `last`, where a page from `start` has told these frames."""
    shard = shard_of(last, dataset.shards)
    passed = sum(shard_of(frame.frame_id, dataset.shards) == shard for frame in told)
    if start.after and shard_of(start.after, dataset.shards) == shard:
        passed += start.passed
    return encode_cursor(_scope(dataset), at.number, last, passed)


def _scope(dataset: Dataset) -> str:
    return f"frames:{dataset.uid}"


def _alive(
    backend: Backend, dataset: Dataset, at: Version, start: _Start, limit: int
) -> tuple[list[FrameVersion], str | None]:
    """Live frames from `start` on, at least `limit` if there are as many; and the frame id come to where reading broke
    off before that.

    A version knows how many frames each shard holds, so that just enough shards are read, at once.
    """

    def read(shard: int) -> tuple[list[FrameVersion], str | None]:
        after = start.after if shard == first else ""
        wanted = min(limit, left[shard])
        return frame_versions.live_frames(backend, dataset.uid, shard, at.shards[shard].head, after, limit=wanted)

    first = shard_of(start.after, dataset.shards) if start.after else 0
    left = {shard: at.shards[shard].frames for shard in range(first, dataset.shards)}
    left[first] -= start.passed
    todo = [shard for shard, frames in left.items() if frames > 0]
    found: list[FrameVersion] = []
    while todo and len(found) < limit:
        enough = bisect_left(list(accumulate(left[shard] for shard in todo)), limit - len(found)) + 1
        for frames, come_to in backend.parallel(read, todo[:enough]):
            found.extend(frames)
            if come_to is not None:
                return found, come_to
        todo = todo[enough:]
    return found, None


def _frame_version(backend: Backend, dataset: Dataset, at: Version, frame_id: str) -> FrameVersion | None:
    shard = shard_of(frame_id, dataset.shards)
    if not at.shards[shard].frames:
        return None
    frame = frame_versions.frame_at(backend, dataset.uid, shard, frame_id, at.shards[shard].head)
    return frame if frame and frame.op is not Op.DELETE else None


def _fitting(frames: Sequence[FrameVersion]) -> int:
    """How many of `frames`, at least one, fit an answer."""
    total = 0
    for count, frame in enumerate(frames):
        total += frame.payload.length
        if total > MAX_PAGE_BYTES and count:
            return count
    return len(frames)


def _read(backend: Backend, at: Version, frames: Sequence[FrameVersion]) -> list[FrameAt]:
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
