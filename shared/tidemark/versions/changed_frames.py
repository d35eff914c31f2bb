"""Frames that differ between two states of a dataset (R11). Untouched frames are never looked up.

A shard's commits between its two heads name the frames that may differ. Comparing a frame's versions at both heads, by
their digests, shows whether the frame does differ. Payloads are not read. Commits are read in ranges, which bounds the
reads for a page. A frame is reported in the first range that changes the frame.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tidemark.aws.backend import Backend
from tidemark.domain.frames.operations import Op
from tidemark.domain.limits import MAX_DIFF_COMMITS, MAX_DIFF_EXAMINED
from tidemark.shards import frame_versions, log
from tidemark.shards.frame_versions import FrameVersion

MAX_RANGE_COMMITS = 500
"""Most commits in a range. Every page within a range reads the whole range again: 1.5 MB in a bulk load."""
MIN_BATCH_FRAMES = 32
"""Fewest frames to compare at once. If most frames turn out equal, smaller batches would take many round trips."""


class HeadPair(NamedTuple):
    """Two states of a dataset to compare, each given by the heads of all shards.

    `before` may be the newer state. In every shard, the same state must be at or behind the other.
    """

    uid: str
    before: tuple[int, ...]
    after: tuple[int, ...]


class Position(NamedTuple):
    """A position in a diff, between two changed frames."""

    shard: int = 0
    low: int = 0
    """The range's exclusive lower bound, as a commit number of the shard."""
    after: str = ""
    """Id of the last frame reported from the range; empty at the beginning of the range."""


class ChangedFrame(NamedTuple):
    """A frame that differs between two states. If a state lacks the frame, `before` or `after` is None."""

    frame_id: str
    before: FrameVersion | None
    after: FrameVersion | None
    position: Position
    """The position right after this frame."""


def changed_frames(
    backend: Backend, pair: HeadPair, start: Position, limit: int
) -> tuple[list[ChangedFrame], Position | None]:
    """Returns up to `limit` frames that differ, from `start` on, and the position to continue at; None at the end.

    Frames are sorted by shard, then by commit range, then by sort key. Before the end there may be fewer than `limit`,
    or none, if most of the frames that commits changed are back in their earlier state.
    """
    changed: list[ChangedFrame] = []
    commits = examined = 0
    for ranges in _batches(_ranges(pair, start), limit):
        if commits >= MAX_DIFF_COMMITS:
            return changed, Position(ranges[0].shard, ranges[0].low)
        commits += sum(commit_range.high - commit_range.low for commit_range in ranges)
        remaining = _candidates(backend, pair, ranges, start)
        while remaining:
            size = min(max(limit - len(changed), MIN_BATCH_FRAMES), MAX_DIFF_EXAMINED - examined)
            batch, remaining = remaining[:size], remaining[size:]
            examined += len(batch)
            changed.extend(_differing(backend, pair, batch))
            if len(changed) >= limit:
                return changed[:limit], changed[limit - 1].position
            if examined == MAX_DIFF_EXAMINED:
                return changed, batch[-1].position
    return changed, None


class _CommitRange(NamedTuple):
    """Commits `low` < n ≤ `high` of a shard, within the range between the shard's heads `older` and `newer`."""

    shard: int
    low: int
    high: int
    older: int
    newer: int


class _Candidate(NamedTuple):
    """A frame that may differ, because a commit range changed it."""

    commit_range: _CommitRange
    frame_id: str
    newest: int
    """Number of the newest commit in the range that changed the frame."""

    @property
    def position(self) -> Position:
        return Position(self.commit_range.shard, self.commit_range.low, self.frame_id)


class _Endpoints(NamedTuple):
    """A frame's version before the candidate's commit range, and the frame's version at the newer head."""

    older: FrameVersion | None
    newer: FrameVersion | None


def _ranges(pair: HeadPair, start: Position) -> Iterator[_CommitRange]:
    for shard in range(start.shard, len(pair.before)):
        older, newer = sorted((pair.before[shard], pair.after[shard]))
        first = max(older, start.low) if shard == start.shard else older
        for low in range(first, newer, MAX_RANGE_COMMITS):
            yield _CommitRange(shard, low, min(low + MAX_RANGE_COMMITS, newer), older, newer)


def _batches(ranges: Iterable[_CommitRange], commits: int) -> Iterator[list[_CommitRange]]:
    """Groups ranges to read in parallel. Each group but the last has at least `commits` commits.

    Most commits change a frame, so a group with as many commits as a page has frames usually fills the page.
    """
    batch: list[_CommitRange] = []
    for commit_range in ranges:
        batch.append(commit_range)
        if sum(member.high - member.low for member in batch) >= commits:
            yield batch
            batch = []
    if batch:
        yield batch


def _candidates(backend: Backend, pair: HeadPair, ranges: Sequence[_CommitRange], start: Position) -> list[_Candidate]:
    """Returns the frames after position `start` that commits in these ranges changed."""

    def read(commit_range: _CommitRange) -> list[_Candidate]:
        newest = log.changed_frames(backend, pair.uid, commit_range.shard, commit_range.low, commit_range.high)
        candidates = [_Candidate(commit_range, frame_id, n) for frame_id, n in newest.items()]
        if start.after and (commit_range.shard, commit_range.low) == (start.shard, start.low):
            return [candidate for candidate in candidates if f"{candidate.frame_id}#" > f"{start.after}#"]
        return candidates

    return [candidate for candidates in backend.parallel(read, ranges) for candidate in candidates]


def _differing(backend: Backend, pair: HeadPair, batch: Sequence[_Candidate]) -> Iterator[ChangedFrame]:
    for candidate, endpoints in _endpoints(backend, pair.uid, batch):
        older, newer = (version if version and version.op is not Op.DELETE else None for version in endpoints)
        if (older and older.payload.digest) != (newer and newer.payload.digest):
            shard = candidate.commit_range.shard
            before, after = (older, newer) if pair.before[shard] < pair.after[shard] else (newer, older)
            yield ChangedFrame(candidate.frame_id, before, after, candidate.position)


def _endpoints(backend: Backend, uid: str, batch: Sequence[_Candidate]) -> Iterator[tuple[_Candidate, _Endpoints]]:
    """Yields each candidate with its endpoints, except for frames that an earlier range has changed."""
    endpoints_of = _endpoints_by_scan(backend, uid, batch)
    scattered = [candidate for candidate in batch if candidate not in endpoints_of]
    endpoints_of.update(zip(scattered, _endpoints_by_lookup(backend, uid, scattered), strict=True))
    for candidate in batch:
        endpoints = endpoints_of[candidate]
        if endpoints.older is None or endpoints.older.n <= candidate.commit_range.older:
            yield candidate, endpoints


def _endpoints_by_scan(backend: Backend, uid: str, batch: Sequence[_Candidate]) -> dict[_Candidate, _Endpoints]:
    """Returns the endpoints of frames whose sort keys are close together. A few queries per commit range."""
    by_range: dict[_CommitRange, dict[str, _Candidate]] = defaultdict(dict)
    for candidate in batch:
        by_range[candidate.commit_range][candidate.frame_id] = candidate

    def read(commit_range: _CommitRange) -> dict[str, list[FrameVersion]]:
        frame_ids = list(by_range[commit_range])
        return frame_versions.scan_histories(backend, uid, commit_range.shard, frame_ids, commit_range.newer)

    return {
        by_range[commit_range][frame_id]: _Endpoints(
            next((version for version in reversed(versions) if version.n <= commit_range.low), None), versions[-1]
        )
        for commit_range, versions_of in zip(by_range, backend.parallel(read, by_range), strict=True)
        for frame_id, versions in versions_of.items()
    }


def _endpoints_by_lookup(backend: Backend, uid: str, batch: Sequence[_Candidate]) -> list[_Endpoints]:
    """Returns the endpoints of frames whose sort keys are far apart.

    Costs a query and a hundredth of a BatchGetItem per frame. The query finds the frame's version before its
    commit range, which also shows whether an earlier range has changed the frame. In a shard's last range, the sort key
    of the version at the newer head is known. In other ranges, finding that version takes a second query instead of the
    BatchGetItem.
    """

    def version_at(candidate: _Candidate, head: int) -> FrameVersion | None:
        shard = candidate.commit_range.shard
        return frame_versions.frame_at(backend, uid, shard, candidate.frame_id, head) if head else None

    older_versions = backend.parallel(lambda candidate: version_at(candidate, candidate.commit_range.low), batch)
    last = [candidate for candidate in batch if candidate.commit_range.high == candidate.commit_range.newer]
    keys = [(candidate.commit_range.shard, candidate.frame_id, candidate.newest) for candidate in last]
    newer_versions: dict[_Candidate, FrameVersion | None] = dict(
        zip(last, frame_versions.get_many(backend, uid, keys), strict=True)
    )
    others = [candidate for candidate in batch if candidate not in newer_versions]
    newer_versions.update(
        zip(
            others,
            backend.parallel(lambda candidate: version_at(candidate, candidate.commit_range.newer), others),
            strict=True,
        )
    )
    return [
        _Endpoints(older, newer_versions[candidate]) for candidate, older in zip(batch, older_versions, strict=True)
    ]
