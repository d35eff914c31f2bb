"""Diffs of two versions of a dataset, in pages and in total (R11, R14)."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.datasets import Dataset
from tidemark.domain.diffs import (
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
from tidemark.domain.limits import MAX_DIFF_EXAMINED, MAX_PAGE_BYTES
from tidemark.domain.pages import decode_cursor, encode_cursor
from tidemark.domain.versions import Version
from tidemark.shards import packs
from tidemark.shards.frame_versions import FrameVersion
from tidemark.versions.changed_frames import ChangedFrame, HeadPair, Position, changed_frames
from tidemark.versions.resolve import LATEST, resolve


class VersionPair(NamedTuple):
    """Two versions of a dataset: the one that a diff starts from, newer or older, and the one that it leads to."""

    dataset: Dataset
    before: Version
    after: Version

    @property
    def heads(self) -> HeadPair:
        """The versions as the heads of shards."""
        return HeadPair(self.dataset.uid, self.before.heads, self.after.heads)


BLOCK_START = "#"
"""In a cursor, in place of a frame's id, which has no such character."""


class DiffPage(BaseModel):
    """Some of the frames that differ, and the cursor that continues them; None at the end."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    from_version: int = Field(alias="from")
    to_version: int = Field(alias="to")
    items: list[FrameDiff]
    cursor: str | None


class DiffSummary(DiffTotals):
    """The totals of a diff; or, where there is a cursor, of as many of its frames as there was time for."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    from_version: int = Field(alias="from")
    to_version: int = Field(alias="to")
    cursor: str | None


def diff_versions(
    backend: Backend, *, project: str, dataset: str, from_version: str, to_version: str, limit: int, cursor: str | None
) -> DiffPage:
    """The frames that differ between two versions, and how, by shard; up to `limit` of them, as much as fits an answer.

    A page may hold fewer, or none, while its cursor goes on. A cursor stays with the versions that its first page
    compared, also where those were LATEST. Raises NotFound and InvalidRequest.
    """
    pair, start = _begin(backend, PAGES, project, dataset, (from_version, to_version), cursor)
    found, rest = _stretch(backend, pair, start, limit, _bytes_of_states)
    items: list[FrameDiff] = []
    size = 0
    for changed, change in zip(found, _changes(backend, found), strict=True):
        item = FrameDiff(**dict(change), frame_id=changed.frame_id, digest=_digests(changed))
        # What is told may be several times as large as the states, as in a history.
        size += len(item.model_dump_json().encode())
        if size > MAX_PAGE_BYTES and items:
            rest = found[len(items) - 1].position
            break
        items.append(item)
    return DiffPage(
        from_version=pair.before.number,
        to_version=pair.after.number,
        items=items,
        cursor=_cursor(PAGES, pair, rest),
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
    """The totals of a diff from its beginning, or from `cursor` on, as far as there is time.

    Goes on by `MAX_DIFF_EXAMINED` frames while `has_time` says so. The totals of all answers, from the first to the one
    without a cursor, add up to those of the diff. Of frames, only those that are in both versions are read. Raises
    NotFound and InvalidRequest.
    """
    pair, start = _begin(backend, TOTALS, project, dataset, (from_version, to_version), cursor)
    parts: list[DiffTotals] = []
    rest: Position | None = start
    while rest is not None and (not parts or has_time()):
        found, rest = _stretch(backend, pair, rest, MAX_DIFF_EXAMINED, _bytes_to_compare)
        parts.append(add_up(_totals(backend, found)))
    totals = add_up(parts)
    return DiffSummary(
        from_version=pair.before.number,
        to_version=pair.after.number,
        frames=totals.frames,
        labels=totals.labels,
        classes=totals.classes,
        cursor=_cursor(TOTALS, pair, rest),
    )


PAGES, TOTALS = "diff", "diff summary"
"""The lists to which cursors belong."""


def _begin(
    backend: Backend, kind: str, project: str, dataset: str, wanted: tuple[str, str], cursor: str | None
) -> tuple[VersionPair, Position]:
    """The versions to compare, and where to go on."""
    found = dataset_records.get(backend, project, dataset)
    names = dict(zip(("from", "to"), wanted, strict=True))
    if cursor is None:
        before, after = (resolve(backend, found, text, named_by=parameter) for parameter, text in names.items())
        return VersionPair(found, before, after), Position()
    *numbers, shard, low, after_frame = decode_cursor(_scope(kind, found), cursor, int, int, int, int, str)
    pair = [
        resolve(backend, found, str(number), named_by=parameter)
        for parameter, number in zip(names, numbers, strict=True)
    ]
    for version, (parameter, text) in zip(pair, names.items(), strict=True):
        if text != LATEST and resolve(backend, found, text, named_by=parameter).number != version.number:
            raise InvalidRequest(
                f"The cursor continues the diff from version {pair[0].number} to {pair[1].number}; ask for these.",
                code="foreign_cursor",
                pointer="cursor",
            )
    place = "" if after_frame == BLOCK_START else str(after_frame)
    return VersionPair(found, *pair), Position(int(shard), int(low), place)


def _cursor(kind: str, pair: VersionPair, rest: Position | None) -> str | None:
    if rest is None:
        return None
    numbers = pair.before.number, pair.after.number
    return encode_cursor(_scope(kind, pair.dataset), *numbers, rest.shard, rest.low, rest.after or BLOCK_START)


def _scope(kind: str, dataset: Dataset) -> str:
    return f"{kind}:{dataset.uid}"


def _stretch(
    backend: Backend, pair: VersionPair, start: Position, limit: int, size: Callable[[ChangedFrame], int]
) -> tuple[list[ChangedFrame], Position | None]:
    """Up to `limit` frames that differ, at least one if there are any, of which `MAX_PAGE_BYTES` are to be read."""
    found, rest = changed_frames(backend, pair.heads, start, limit)
    total = 0
    for count, changed in enumerate(found):
        total += size(changed)
        if total > MAX_PAGE_BYTES and count:
            return found[:count], found[count - 1].position
    return found, rest


def _versions(changed: ChangedFrame) -> list[FrameVersion]:
    return [version for version in (changed.before, changed.after) if version]


def _bytes_of_states(changed: ChangedFrame) -> int:
    return sum(version.payload.length for version in _versions(changed))


def _bytes_to_compare(changed: ChangedFrame) -> int:
    return _bytes_of_states(changed) if changed.before and changed.after else 0


def _changes(backend: Backend, found: Sequence[ChangedFrame]) -> Iterator[FrameChange]:
    """What differs in each of these frames."""
    pointers = [version.payload for changed in found for version in _versions(changed)]
    payloads = dict(zip(pointers, packs.read_payloads(backend, pointers), strict=True))

    def state(version: FrameVersion | None) -> Json | None:
        return json.loads(payloads[version.payload]) if version else None

    return (changes(state(changed.before), state(changed.after)) for changed in found)


def _totals(backend: Backend, found: Sequence[ChangedFrame]) -> Iterator[DiffTotals]:
    for changed in found:
        if changed.before is None and changed.after:
            yield totals_of_added(changed.after.labels, changed.after.classes)
        elif changed.after is None and changed.before:
            yield totals_of_removed(changed.before.labels, changed.before.classes)
    for change in _changes(backend, [changed for changed in found if changed.before and changed.after]):
        yield totals_of_modified(change)


def _digests(changed: ChangedFrame) -> Digests:
    before, after = (version.payload.digest if version else None for version in (changed.before, changed.after))
    return Digests(before=before, after=after)
