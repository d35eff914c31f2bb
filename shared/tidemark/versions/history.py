"""The history of one frame, and of one label in it (R9)."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.errors import NotFound
from tidemark.domain.frames.changes import FrameChange, Json, changes
from tidemark.domain.frames.mutations import Op
from tidemark.domain.ids import shard_of
from tidemark.domain.limits import MAX_PAGE_BYTES
from tidemark.domain.pages import Page, decode_cursor, encode_cursor
from tidemark.shards import frame_versions, packs
from tidemark.shards.frame_versions import FrameVersion
from tidemark.versions.resolve import latest_version

T = TypeVar("T", bound=BaseModel)

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

    def tell(version: FrameVersion, change: FrameChange) -> Iterator[FrameRevision]:
        yield FrameRevision(
            revision=version.n,
            op=version.op,
            at=version.at,
            actor=version.actor,
            upload=version.upload,
            changes=change,
        )

    return _page(backend, project, dataset, frame_id, limit, cursor, "history", tell)


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

    def tell(version: FrameVersion, change: FrameChange) -> Iterator[LabelRevision]:
        for kind, before, after in _label_changes(change, label_id):
            yield LabelRevision(
                revision=version.n,
                change=kind,
                op=version.op,
                at=version.at,
                actor=version.actor,
                upload=version.upload,
                before=before,
                after=after,
            )

    return _page(backend, project, dataset, frame_id, limit, cursor, f"label {label_id}", tell)


def _page(
    backend: Backend,
    project: str,
    dataset: str,
    frame_id: str,
    limit: int,
    cursor: str | None,
    kind: str,
    tell: Callable[[FrameVersion, FrameChange], Iterable[T]],
) -> Page[T]:
    """What there is to `tell` of up to `limit` versions of a frame, newest first, as much as fits an answer.

    One query, and ranged GETs in parallel: one for each version, fewer where payloads lie close.
    """
    found = dataset_records.get(backend, project, dataset)
    scope = f"{found.uid}#{kind}#{frame_id}"  # ids may hold any of ":", and none "#"
    shard = shard_of(frame_id, found.shards)
    head = latest_version(backend, found).shards[shard].head
    if cursor is not None:
        head = min(head, int(decode_cursor(scope, cursor, int)[0]))  # a made-up one shows nothing unpublished
    versions = frame_versions.frame_history(backend, found.uid, shard, frame_id, head, limit=limit + 1)
    if not versions and cursor is None:
        raise NotFound(f"Dataset {dataset!r} never held a frame {frame_id!r}.", code="unknown_frame")
    count = min(limit, _fitting(versions))
    states = _states(backend, versions[: count + 1])
    items: list[T] = []
    size = 0
    for version, before, after in zip(versions[:count], [*states[1:], None], states, strict=False):
        told = list(tell(version, changes(before, after)))
        # What is told may be several times as large as the states: a change of a number names its field and says
        # "before" and "after".
        size += sum(len(item.model_dump_json().encode()) for item in told)
        if size > MAX_PAGE_BYTES and items:
            return Page(items=items, cursor=encode_cursor(scope, version.n))
        items.extend(told)
    return Page(items=items, cursor=encode_cursor(scope, versions[count].n) if len(versions) > count else None)


def _fitting(versions: list[FrameVersion]) -> int:
    """How many of `versions`, at least one, to read for one answer, by the size of the states before and after them."""
    lengths = [version.pointer.length if version.pointer else 0 for version in versions]
    total = 0
    for count, length in enumerate(map(sum, pairwise([*lengths, 0]))):
        total += length
        if total > MAX_PAGE_BYTES and count:
            return count
    return len(versions)


def _states(backend: Backend, versions: list[FrameVersion]) -> list[Json | None]:
    """The state of the frame after each version; None after a DELETE."""
    stored = [version for version in versions if version.pointer]
    payloads = packs.read_payloads(backend, [version.payload for version in stored])
    frames: dict[int, Json] = {
        version.n: json.loads(payload) for version, payload in zip(stored, payloads, strict=True)
    }
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
