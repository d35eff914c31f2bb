"""Diffs between two versions of a dataset: pages of changed frames, and totals (R11, R14)."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.datasets import Dataset
from tidemark.domain.diffs import (
    DiffSummary,
    DiffTotals,
    Digests,
    FrameDiff,
    add_up,
    totals_of_added,
    totals_of_modified,
    totals_of_removed,
)
from tidemark.domain.errors import InvalidRequest
from tidemark.domain.frames.changes import FrameChange, Json, changes
from tidemark.domain.limits import MAX_DIFF_EXAMINED
from tidemark.domain.pages import decode_cursor, encode_cursor
from tidemark.domain.versions import Version
from tidemark.shards import packs
from tidemark.shards.frame_versions import FrameVersion
from tidemark.versions import page_size
from tidemark.versions.changed_frames import ChangedFrame, HeadPair, Position, changed_frames
from tidemark.versions.resolve import LATEST, resolve

PAGE_SCOPE, SUMMARY_SCOPE = "diff", "diff summary"
"""Cursor scopes of a diff's pages and of its summary. A cursor of one scope is refused for the other."""
NO_FRAME = "#"
"""Replaces the frame id in a cursor that points to the start of a commit range. No frame id contains `#`."""


class VersionPair(NamedTuple):
    """Two versions of a dataset to compare. `before` may be the newer version."""

    dataset: Dataset
    before: Version
    after: Version

    @property
    def heads(self) -> HeadPair:
        """The heads of the shards in both versions."""
        return HeadPair(self.dataset.uid, self.before.heads, self.after.heads)


class DiffPage(BaseModel):
    """A page of the frames that differ, and the cursor of the next page; None at the end."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    from_version: int = Field(alias="from")
    to_version: int = Field(alias="to")
    items: list[FrameDiff]
    cursor: str | None


def diff_versions(
    backend: Backend, *, project: str, dataset: str, from_version: str, to_version: str, limit: int, cursor: str | None
) -> DiffPage:
    """Returns a page of up to `limit` frames that differ between two versions, with their changes, sorted by shard.

    A page may hold fewer frames, or none, although more pages follow. All pages compare the two versions that the first
    page compared, even if the requests name LATEST. Raises NotFound and InvalidRequest.
    """
    pair, start = _pair_and_start(backend, PAGE_SCOPE, project, dataset, (from_version, to_version), cursor)
    changed, rest = _changed_frames_for_page(backend, pair, start, limit, _payload_bytes)
    diffs = (
        FrameDiff(**dict(change), frame_id=frame.frame_id, digest=_digests(frame))
        for frame, change in zip(changed, _changes(backend, changed), strict=True)
    )
    # Changes may be several times as large as the payloads that they come from.
    items = page_size.fitting(diffs, lambda item: len(item.model_dump_json().encode()))
    if len(items) < len(changed):
        rest = changed[len(items) - 1].position
    return DiffPage(
        from_version=pair.before.number,
        to_version=pair.after.number,
        items=items,
        cursor=_cursor(PAGE_SCOPE, pair, rest),
    )


def summarize_diff(
    backend: Backend,
    *,
    project: str,
    dataset: str,
    from_version: str,
    to_version: str,
    cursor: str | None,
    has_time: Callable[[], bool],
) -> DiffSummary:
    """Returns the totals of as much of a diff as time allows, from its beginning or from `cursor` on.

    Counts up to `MAX_DIFF_EXAMINED` frames at a time while `has_time` returns True. A response with a cursor is
    partial: the totals of the whole diff are the sums over all responses, the last of which has no cursor. Reads
    payloads only of frames that exist in both versions. Raises NotFound and InvalidRequest.
    """
    pair, start = _pair_and_start(backend, SUMMARY_SCOPE, project, dataset, (from_version, to_version), cursor)
    partial_totals: list[DiffTotals] = []
    rest: Position | None = start
    while rest is not None and (not partial_totals or has_time()):
        changed, rest = _changed_frames_for_page(backend, pair, rest, MAX_DIFF_EXAMINED, _compared_bytes)
        partial_totals.append(add_up(_totals(backend, changed)))
    totals = add_up(partial_totals)
    return DiffSummary(
        from_version=pair.before.number,
        to_version=pair.after.number,
        frames=totals.frames,
        labels=totals.labels,
        classes=totals.classes,
        cursor=_cursor(SUMMARY_SCOPE, pair, rest),
    )


def _pair_and_start(
    backend: Backend, kind: str, project: str, dataset_name: str, versions: tuple[str, str], cursor: str | None
) -> tuple[VersionPair, Position]:
    """Returns the versions to compare, and the position to start from. Raises NotFound and InvalidRequest."""
    dataset = dataset_records.get(backend, project, dataset_name)
    requested = dict(zip(("from", "to"), versions, strict=True))
    if cursor is None:
        before, after = (resolve(backend, dataset, text, named_by=parameter) for parameter, text in requested.items())
        return VersionPair(dataset, before, after), Position()
    *numbers, shard, low, frame_id = decode_cursor(_scope(kind, dataset), cursor, int, int, int, int, str)
    pair = [
        resolve(backend, dataset, str(number), named_by=parameter)
        for parameter, number in zip(requested, numbers, strict=True)
    ]
    for version, (parameter, text) in zip(pair, requested.items(), strict=True):
        if text != LATEST and resolve(backend, dataset, text, named_by=parameter).number != version.number:
            raise InvalidRequest(
                f"The cursor continues the diff from version {pair[0].number} to {pair[1].number}; request those "
                "versions.",
                code="foreign_cursor",
                pointer="cursor",
            )
    after_frame = "" if frame_id == NO_FRAME else str(frame_id)
    return VersionPair(dataset, *pair), Position(int(shard), int(low), after_frame)


def _cursor(kind: str, pair: VersionPair, rest: Position | None) -> str | None:
    if rest is None:
        return None
    numbers = pair.before.number, pair.after.number
    return encode_cursor(_scope(kind, pair.dataset), *numbers, rest.shard, rest.low, rest.after or NO_FRAME)


def _scope(kind: str, dataset: Dataset) -> str:
    return f"{kind}:{dataset.uid}"


def _changed_frames_for_page(
    backend: Backend, pair: VersionPair, start: Position, limit: int, size: Callable[[ChangedFrame], int]
) -> tuple[list[ChangedFrame], Position | None]:
    """Returns up to `limit` frames that differ, as many as fit a page, and the position to continue at.

    The position is None at the end. `size` returns the number of payload bytes to read for a frame. A frame too large
    for any page gets a page of its own.
    """
    changed, rest = changed_frames(backend, pair.heads, start, limit)
    page = page_size.fitting(changed, size)
    return page, page[-1].position if len(page) < len(changed) else rest


def _versions(frame: ChangedFrame) -> list[FrameVersion]:
    return [version for version in (frame.before, frame.after) if version]


def _payload_bytes(frame: ChangedFrame) -> int:
    return sum(version.payload.length for version in _versions(frame))


def _compared_bytes(frame: ChangedFrame) -> int:
    return _payload_bytes(frame) if frame.before and frame.after else 0


def _changes(backend: Backend, changed: Sequence[ChangedFrame]) -> Iterator[FrameChange]:
    """Returns the changes in each of these frames, in the same order. Reads the payloads of all frames at once."""
    pointers = [version.payload for frame in changed for version in _versions(frame)]
    payloads = dict(zip(pointers, packs.read_payloads(backend, pointers), strict=True))

    def state(version: FrameVersion | None) -> Json | None:
        return json.loads(payloads[version.payload]) if version else None

    return (changes(state(frame.before), state(frame.after)) for frame in changed)


def _totals(backend: Backend, changed: Sequence[ChangedFrame]) -> Iterator[DiffTotals]:
    for frame in changed:
        if frame.before is None and frame.after:
            yield totals_of_added(frame.after.labels, frame.after.classes)
        elif frame.after is None and frame.before:
            yield totals_of_removed(frame.before.labels, frame.before.classes)
    for change in _changes(backend, [frame for frame in changed if frame.before and frame.after]):
        yield totals_of_modified(change)


def _digests(frame: ChangedFrame) -> Digests:
    before, after = (version.payload.digest if version else None for version in (frame.before, frame.after))
    return Digests(before=before, after=after)
