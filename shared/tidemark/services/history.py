"""The history of one frame, and of one label in it (R9)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tidemark.domain.changes import FrameChange, changes
from tidemark.domain.errors import NotFound
from tidemark.domain.frames import Frame
from tidemark.domain.ids import shard_of
from tidemark.domain.limits import MAX_PAGE_BYTES
from tidemark.domain.mutations import Op
from tidemark.domain.pages import Page, decode_cursor, encode_cursor
from tidemark.domain.validation import parse_frame
from tidemark.services.versions import latest_version
from tidemark.store import catalog, packs, shards
from tidemark.store.backend import Backend
from tidemark.store.shards import FrameVersion

Json = dict[str, Any]
LabelChange = Literal["added", "modified", "removed"]


class FrameRevision(BaseModel):
    """One change of a frame: what was done, when, by whom, by which upload, and what it changed."""

    model_config = ConfigDict(frozen=True)

    revision: int
    """Grows from change to change; the commit of the frame's shard that made it."""
    op: Op
    at: datetime
    actor: str
    upload: str
    changes: FrameChange


class LabelRevision(BaseModel):
    """One change of a label."""

    model_config = ConfigDict(frozen=True)

    revision: int
    change: LabelChange
    op: Op
    """What was done to its frame."""
    at: datetime
    actor: str
    upload: str
    before: Json | None
    after: Json | None


def frame_history(
    backend: Backend, *, project: str, dataset: str, frame_id: str, limit: int, cursor: str | None
) -> Page[FrameRevision]:
    """The changes of a frame up to the latest version, newest first. Raises NotFound for a frame that never was."""
    page, more = _revisions(backend, project, dataset, frame_id, limit, cursor, "history")
    items = [
        FrameRevision(
            revision=version.n,
            op=version.op,
            at=version.at,
            actor=version.actor,
            upload=version.upload,
            changes=changes(before, after),
        )
        for version, before, after in page
    ]
    return Page(items=items, cursor=more)


def label_history(
    backend: Backend,
    *,
    project: str,
    dataset: str,
    frame_id: str,
    label_id: str,
    limit: int,
    cursor: str | None,
) -> Page[LabelRevision]:
    """The changes of one label, newest first, among the next `limit` changes of its frame; a page may be empty while
    its cursor goes on. Raises NotFound for a frame that never was."""
    page, more = _revisions(backend, project, dataset, frame_id, limit, cursor, f"label {label_id}")
    items = [
        LabelRevision(
            revision=version.n,
            change=change,
            op=version.op,
            at=version.at,
            actor=version.actor,
            upload=version.upload,
            before=old,
            after=new,
        )
        for version, before, after in page
        for change, old, new in _label_changes(changes(before, after), label_id)
    ]
    return Page(items=items, cursor=more)


def _revisions(
    backend: Backend,
    project: str,
    dataset: str,
    frame_id: str,
    limit: int,
    cursor: str | None,
    kind: str,
) -> tuple[list[tuple[FrameVersion, Frame | None, Frame | None]], str | None]:
    """Up to `limit` versions of a frame, newest first, each with the frame's state before and after it.

    One query, and ranged GETs in parallel: one for each version, fewer where payloads lie close.
    """
    found = catalog.dataset(backend, project, dataset)
    scope = f"{kind}:{found.uid}:{frame_id}"
    shard = shard_of(frame_id, found.shards)
    if cursor is None:
        head = latest_version(backend, found).shards[shard].head
    else:
        head = int(decode_cursor(scope, cursor, int)[0])
    versions = shards.revisions(backend, found.uid, shard, frame_id, head, limit=limit + 1)
    if not versions and cursor is None:
        raise NotFound(f"Dataset {dataset!r} never held a frame {frame_id!r}.", code="unknown_frame")
    count = min(limit, _fitting(versions))
    states = _states(backend, versions[: count + 1])
    page = list(zip(versions[:count], [*states[1:], None], states, strict=False))
    more = encode_cursor(scope, versions[count].n) if len(versions) > count else None
    return page, more


def _fitting(versions: list[FrameVersion]) -> int:
    """How many of `versions`, at least one, fit an answer that tells each with its state before and after."""
    lengths = [version.pointer.length if version.pointer else 0 for version in versions]
    total = 0
    for count, length in enumerate(map(sum, zip(lengths, [*lengths[1:], 0], strict=True))):
        total += length
        if total > MAX_PAGE_BYTES and count:
            return count
    return len(versions)


def _states(backend: Backend, versions: list[FrameVersion]) -> list[Frame | None]:
    """The state of the frame after each version; None after a DELETE."""
    stored = [version for version in versions if version.pointer]
    payloads = packs.read_payloads(backend, [version.stored for version in stored])
    frames = {version.n: parse_frame(payload) for version, payload in zip(stored, payloads, strict=True)}
    return [frames.get(version.n) for version in versions]


def _label_changes(change: FrameChange, label_id: str) -> Iterator[tuple[LabelChange, Json | None, Json | None]]:
    for label in change.labels.added:
        if label["id"] == label_id:
            yield "added", None, label
    for label in change.labels.removed:
        if label["id"] == label_id:
            yield "removed", label, None
    for modified in change.labels.modified:
        if modified.id == label_id:
            yield "modified", modified.before, modified.after
