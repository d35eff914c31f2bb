"""The history of a frame, and of a single label in a frame (R9)."""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import TypeVar

from pydantic import BaseModel

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.errors import NotFound
from tidemark.domain.frames.changes import FrameChange, Json, changes
from tidemark.domain.frames.revisions import FrameRevision, LabelChange, LabelRevision
from tidemark.domain.ids import shard_of
from tidemark.domain.limits import MAX_PAGE_BYTES
from tidemark.domain.pages import Page, decode_cursor, encode_cursor
from tidemark.shards import frame_versions, packs
from tidemark.shards.frame_versions import FrameVersion
from tidemark.versions import page_size
from tidemark.versions.resolve import latest_version

T = TypeVar("T", bound=BaseModel)


def frame_history(
    backend: Backend, *, project: str, dataset: str, frame_id: str, limit: int, cursor: str | None
) -> Page[FrameRevision]:
    """Returns a page of a frame's changes up to the latest version, newest first.

    Raises NotFound if the frame never existed.
    """

    def to_revisions(version: FrameVersion, change: FrameChange) -> Iterator[FrameRevision]:
        yield FrameRevision(
            revision=version.n,
            op=version.op,
            at=version.at,
            actor=version.actor,
            upload=version.upload,
            changes=change,
        )

    return _page(backend, project, dataset, frame_id, limit, cursor, "history", to_revisions)


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
    """Returns a page of one label's changes, newest first: those among the next `limit` changes of the label's frame.

    A page may be empty although more pages follow. Raises NotFound if the frame never existed.
    """

    def to_revisions(version: FrameVersion, change: FrameChange) -> Iterator[LabelRevision]:
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

    return _page(backend, project, dataset, frame_id, limit, cursor, f"label {label_id}", to_revisions)


def _page(
    backend: Backend,
    project: str,
    dataset: str,
    frame_id: str,
    limit: int,
    cursor: str | None,
    kind: str,
    to_revisions: Callable[[FrameVersion, FrameChange], Iterable[T]],
) -> Page[T]:
    """Returns a page of the revisions that `to_revisions` makes of up to `limit` frame versions, newest first.

    A page also ends at `MAX_PAGE_BYTES`. Costs one query, and ranged GETs in parallel: one per frame version, or fewer
    if payloads are close together in a pack.
    """
    record = dataset_records.get(backend, project, dataset)
    scope = f"{record.uid}#{kind}#{frame_id}"  # "#" separates the parts: ids may contain ":", but never "#"
    shard = shard_of(frame_id, record.shards)
    head = latest_version(backend, record).shards[shard].head
    if cursor is not None:
        head = min(head, int(decode_cursor(scope, cursor, int)[0]))  # a forged cursor shows nothing unpublished
    versions = frame_versions.frame_history(backend, record.uid, shard, frame_id, head, limit=limit + 1)
    if not versions and cursor is None:
        raise NotFound(f"Dataset {dataset!r} never held a frame {frame_id!r}.", code="unknown_frame")
    count = min(limit, _count_fitting(versions))
    states = _states(backend, versions[: count + 1])
    items: list[T] = []
    size = 0
    for version, before, after in zip(versions[:count], [*states[1:], None], states, strict=False):
        revisions = list(to_revisions(version, changes(before, after)))
        # Changes may be several times as large as the states: a number's change has its field, "before" and "after".
        size += sum(len(revision.model_dump_json().encode()) for revision in revisions)
        if size > MAX_PAGE_BYTES and items:
            return Page(items=items, cursor=encode_cursor(scope, version.n))
        items.extend(revisions)
    return Page(items=items, cursor=encode_cursor(scope, versions[count].n) if len(versions) > count else None)


def _count_fitting(versions: list[FrameVersion]) -> int:
    """Returns how many of `versions` fit a page, at least one. Each takes the payloads before and after its change."""
    lengths = [version.pointer.length if version.pointer else 0 for version in versions]
    return len(page_size.fitting(pairwise([*lengths, 0]), sum))


def _states(backend: Backend, versions: list[FrameVersion]) -> list[Json | None]:
    """Returns the frame's state after each of these frame versions; None after a DELETE."""
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
