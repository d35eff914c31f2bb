"""Reading frames as of a version (R6, R7)."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import InvalidRequest, NotFound
from tidemark.domain.frames import Frame
from tidemark.domain.ids import shard_of
from tidemark.domain.limits import MAX_PAGE_BYTES
from tidemark.domain.mutations import Op
from tidemark.domain.pages import decode_cursor, encode_cursor
from tidemark.domain.validation import parse_frame
from tidemark.domain.versions import Version
from tidemark.services.versions import LATEST, resolve
from tidemark.store import catalog, packs, shards
from tidemark.store.backend import Backend
from tidemark.store.shards import FrameVersion


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
    frame: Frame


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
    found = catalog.dataset(backend, project, dataset)
    at = resolve(backend, found, version)
    frame = _frame_version(backend, found, at, frame_id)
    if frame is None:
        raise NotFound(f"Version {at.number} of dataset {dataset!r} has no frame {frame_id!r}.", code="unknown_frame")
    return _read(backend, at, [frame])[0]


def batch_get(backend: Backend, *, project: str, dataset: str, frame_ids: Sequence[str], version: str) -> FrameBatch:
    """The frames of those ids as of a version, in the order asked for, as many as fit an answer."""
    found = catalog.dataset(backend, project, dataset)
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

    A cursor stays with the version that its first page read, also where that was LATEST. Raises InvalidRequest for a
    cursor that is not of this list, and for another version than the cursor's.
    """
    found = catalog.dataset(backend, project, dataset)
    at, after = _position(backend, found, version, cursor)
    frames = _alive(backend, found, at, after, limit)
    fitting = frames[: min(_fitting(frames), limit)]
    more = None
    if len(fitting) < len(frames) or len(fitting) == limit:
        more = encode_cursor(_scope(found), at.number, fitting[-1].frame_id)
    return FramePage(version=at.number, items=_read(backend, at, fitting), cursor=more)


def _position(backend: Backend, dataset: Dataset, version: str, cursor: str | None) -> tuple[Version, str]:
    """The version to read and the frame id to read on after."""
    if cursor is None:
        return resolve(backend, dataset, version), ""
    number, after = decode_cursor(_scope(dataset), cursor, int, str)
    at = resolve(backend, dataset, str(number))
    if version != LATEST and resolve(backend, dataset, version).number != at.number:
        raise InvalidRequest(
            f"The cursor continues version {at.number}; ask for that version, or leave `version` out.",
            code="foreign_cursor",
            pointer="cursor",
        )
    return at, str(after)


def _scope(dataset: Dataset) -> str:
    return f"frames:{dataset.uid}"


def _alive(backend: Backend, dataset: Dataset, at: Version, after: str, limit: int) -> list[FrameVersion]:
    """At least `limit` live frames that come after frame id `after` in the list, if there are as many.

    A version knows how many frames each shard holds, so that just enough shards are read, at once.
    """

    def read(part: tuple[int, str]) -> list[FrameVersion]:
        number, start = part
        return shards.frames_after(backend, dataset.uid, number, at.shards[number].head, start, limit=limit)

    first = shard_of(after, dataset.shards) if after else 0
    todo = [
        (number, after if number == first else "")
        for number in range(first, dataset.shards)
        if at.shards[number].frames
    ]
    found: list[FrameVersion] = []
    while todo and len(found) < limit:
        together = _enough(at, todo, limit - len(found))
        for frames in backend.parallel(read, todo[:together]):
            found.extend(frames)
        todo = todo[together:]
    return found


def _enough(at: Version, todo: list[tuple[int, str]], wanted: int) -> int:
    """How many of the shards in `todo` to read at once so that they hold `wanted` frames (one whose start is inside
    the shard is counted as empty: it may be at its end)."""
    expected = 0
    for count, (number, start) in enumerate(todo, start=1):
        expected += 0 if start else at.shards[number].frames
        if expected >= wanted:
            return count
    return len(todo)


def _frame_version(backend: Backend, dataset: Dataset, at: Version, frame_id: str) -> FrameVersion | None:
    shard = shard_of(frame_id, dataset.shards)
    if not at.shards[shard].frames:
        return None
    frame = shards.frame_at(backend, dataset.uid, shard, frame_id, at.shards[shard].head)
    return frame if frame and frame.op is not Op.DELETE else None


def _fitting(frames: Sequence[FrameVersion]) -> int:
    """How many of `frames`, at least one, fit an answer."""
    total = 0
    for count, frame in enumerate(frames):
        total += frame.stored.length
        if total > MAX_PAGE_BYTES and count:
            return count
    return len(frames)


def _read(backend: Backend, at: Version, frames: Sequence[FrameVersion]) -> list[FrameAt]:
    payloads = packs.read_payloads(backend, [frame.stored for frame in frames])
    return [
        FrameAt(
            version=at.number,
            digest=frame.stored.digest,
            upload=frame.upload,
            actor=frame.actor,
            at=frame.at,
            frame=parse_frame(payload),
        )
        for frame, payload in zip(frames, payloads, strict=True)
    ]
