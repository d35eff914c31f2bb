"""The history of one frame, and of one label in it (R9)."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tidemark.domain.changes import FrameChange, changes
from tidemark.domain.errors import NotFound
from tidemark.domain.frames import Frame
from tidemark.domain.ids import shard_of
from tidemark.domain.mutations import Op
from tidemark.domain.pages import Page, decode_cursor, encode_cursor
from tidemark.domain.validation import parse_frame
from tidemark.services.versions import latest_version
from tidemark.store import catalog, packs, shards
from tidemark.store.backend import Backend
from tidemark.store.shards import FrameVersion


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
    change: Literal["added", "modified", "removed"]
    op: Op
    """What was done to its frame."""
    at: datetime
    actor: str
    upload: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


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
    items: list[LabelRevision] = []
    for version, frame_before, frame_after in page:
        before, after = _label(frame_before, label_id), _label(frame_after, label_id)
        if before == after:
            continue
        items.append(
            LabelRevision(
                revision=version.n,
                change="added" if before is None else "removed" if after is None else "modified",
                op=version.op,
                at=version.at,
                actor=version.actor,
                upload=version.upload,
                before=before,
                after=after,
            )
        )
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
    states = _states(backend, versions)
    page = list(zip(versions[:limit], [*states[1:], None], states, strict=False))
    more = encode_cursor(scope, versions[limit].n) if len(versions) > limit else None
    return page, more


def _states(backend: Backend, versions: list[FrameVersion]) -> list[Frame | None]:
    """The state of the frame after each version; None after a DELETE."""
    stored = [version for version in versions if version.pointer]
    payloads = packs.read_payloads(backend, [version.stored for version in stored])
    frames = {version.n: parse_frame(payload) for version, payload in zip(stored, payloads, strict=True)}
    return [frames.get(version.n) for version in versions]


def _label(frame: Frame | None, label_id: str) -> dict[str, Any] | None:
    if frame is None:
        return None
    found = next((label for label in frame.labels if label.id == label_id), None)
    return found.model_dump(mode="json", by_alias=True, exclude_none=True) if found else None
