"""Which frames differ between two states of a dataset (R11), found without looking at those that nobody touched.

The commits between the heads of a shard name the frames that may differ; of each, the frame versions at both heads
tell. Payloads are not read. Commits are taken in blocks, so that what one page reads is bounded however many there are,
and a frame is told in the first block that touches it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tidemark.aws.backend import Backend
from tidemark.domain.frames.mutations import Op
from tidemark.domain.limits import MAX_DIFF_COMMITS, MAX_DIFF_EXAMINED
from tidemark.shards import frame_versions, log
from tidemark.shards.frame_versions import FrameVersion

BLOCK_COMMITS = 500
"""Commits of a block. Each page within a block reads its commits again; 500 of bulk loads have 1.5 MB."""
FEWEST_EXAMINED = 32
"""Frames that are looked at together, at least: where most turn out to be equal, a small page takes many looks."""


class HeadPair(NamedTuple):
    """Two states of a dataset, each by the heads of its shards: the one that a comparison starts from, newer or older,
    and the one that it leads to. One of them is behind the other in no shard."""

    uid: str
    before: tuple[int, ...]
    after: tuple[int, ...]


class Position(NamedTuple):
    """A place between two changed frames of a diff."""

    shard: int = 0
    low: int = 0
    """Commit of the shard after which a block begins."""
    after: str = ""
    """Id of a frame that the block has told; empty at its beginning."""


class ChangedFrame(NamedTuple):
    """A frame that differs between two versions; None is a version in which it is not there."""

    frame_id: str
    before: FrameVersion | None
    after: FrameVersion | None
    position: Position
    """The place right after it."""


class _Block(NamedTuple):
    """Commits `low` < n ≤ `high` of a shard, among those between the heads `older` and `newer`."""

    shard: int
    low: int
    high: int
    older: int
    newer: int


class _Touched(NamedTuple):
    """A frame that a block of commits changed."""

    block: _Block
    frame_id: str
    newest: int
    """The newest commit of the block that changed it."""

    @property
    def position(self) -> Position:
        return Position(self.block.shard, self.block.low, self.frame_id)


class _Ends(NamedTuple):
    """The newest versions of a frame at the two heads."""

    older: FrameVersion | None
    newer: FrameVersion | None


def changed_frames(
    backend: Backend, pair: HeadPair, start: Position, limit: int
) -> tuple[list[ChangedFrame], Position | None]:
    """Up to `limit` frames that differ, from `start` on, and the place to go on at; None at the end.

    In order of shard, block and key. There may be fewer before the end, also none: where most frames that were touched
    have come back to what they were.
    """
    found: list[ChangedFrame] = []
    commits = examined = 0
    for blocks in _together(_blocks(pair, start), limit):
        if commits >= MAX_DIFF_COMMITS:
            return found, Position(blocks[0].shard, blocks[0].low)
        commits += sum(block.high - block.low for block in blocks)
        todo = _touched(backend, pair, blocks, start)
        while todo:
            size = min(max(limit - len(found), FEWEST_EXAMINED), MAX_DIFF_EXAMINED - examined)
            batch, todo = todo[:size], todo[size:]
            examined += len(batch)
            found.extend(_differing(backend, pair, batch))
            if len(found) >= limit:
                return found[:limit], found[limit - 1].position
            if examined == MAX_DIFF_EXAMINED:
                return found, batch[-1].position
    return found, None


def _blocks(pair: HeadPair, start: Position) -> Iterator[_Block]:
    for shard in range(start.shard, len(pair.before)):
        older, newer = sorted((pair.before[shard], pair.after[shard]))
        first = max(older, start.low) if shard == start.shard else older
        for low in range(first, newer, BLOCK_COMMITS):
            yield _Block(shard, low, min(low + BLOCK_COMMITS, newer), older, newer)


def _together(blocks: Iterable[_Block], commits: int) -> Iterator[list[_Block]]:
    """Blocks to be read at once, of so many commits: most have changed a frame."""
    group: list[_Block] = []
    for block in blocks:
        group.append(block)
        if sum(one.high - one.low for one in group) >= commits:
            yield group
            group = []
    if group:
        yield group


def _touched(backend: Backend, pair: HeadPair, blocks: Sequence[_Block], start: Position) -> list[_Touched]:
    """The frames that these blocks changed and that come after `start`."""

    def read(block: _Block) -> list[_Touched]:
        newest = log.changed_frames(backend, pair.uid, block.shard, block.low, block.high)
        touched = [_Touched(block, frame_id, n) for frame_id, n in newest.items()]
        if start.after and (block.shard, block.low) == (start.shard, start.low):
            return [one for one in touched if f"{one.frame_id}#" > f"{start.after}#"]
        return touched

    return [one for touched in backend.parallel(read, blocks) for one in touched]


def _differing(backend: Backend, pair: HeadPair, batch: Sequence[_Touched]) -> Iterator[ChangedFrame]:
    for touched, ends in _ends(backend, pair.uid, batch):
        older, newer = (version if version and version.op is not Op.DELETE else None for version in ends)
        if (older and older.payload.digest) != (newer and newer.payload.digest):
            is_forward = pair.before[touched.block.shard] < pair.after[touched.block.shard]
            before, after = (older, newer) if is_forward else (newer, older)
            yield ChangedFrame(touched.frame_id, before, after, touched.position)


def _ends(backend: Backend, uid: str, batch: Sequence[_Touched]) -> Iterator[tuple[_Touched, _Ends]]:
    """The ends of the frames that no earlier block has told."""
    found = _ends_in_runs(backend, uid, batch)
    rest = [one for one in batch if one not in found]
    found.update(zip(rest, _ends_one_by_one(backend, uid, rest), strict=True))
    for one in batch:
        ends = found[one]
        if ends.older is None or ends.older.n <= one.block.older:
            yield one, ends


def _ends_in_runs(backend: Backend, uid: str, batch: Sequence[_Touched]) -> dict[_Touched, _Ends]:
    """The ends of those frames that lie close together: a query or a few for each block."""
    blocks: dict[_Block, dict[str, _Touched]] = defaultdict(dict)
    for one in batch:
        blocks[one.block][one.frame_id] = one

    def read(block: _Block) -> dict[str, list[FrameVersion]]:
        return frame_versions.scan_histories(backend, uid, block.shard, list(blocks[block]), block.newer)

    return {
        blocks[block][frame_id]: _Ends(
            next((version for version in reversed(versions) if version.n <= block.low), None), versions[-1]
        )
        for block, run in zip(blocks, backend.parallel(read, blocks), strict=True)
        for frame_id, versions in run.items()
    }


def _ends_one_by_one(backend: Backend, uid: str, batch: Sequence[_Touched]) -> list[_Ends]:
    """The ends of frames that lie apart: a query for each, and a hundredth of a read.

    What a frame was before its block is also whether an earlier block has told it. What it is at the newer head is
    known from its last block by key; from others it takes one more query.
    """

    def at(one: _Touched, head: int) -> FrameVersion | None:
        return frame_versions.frame_at(backend, uid, one.block.shard, one.frame_id, head) if head else None

    olders = backend.parallel(lambda one: at(one, one.block.low), batch)
    last = [one for one in batch if one.block.high == one.block.newer]
    keys = [(one.block.shard, one.frame_id, one.newest) for one in last]
    newers: dict[_Touched, FrameVersion | None] = dict(
        zip(last, frame_versions.get_many(backend, uid, keys), strict=True)
    )
    others = [one for one in batch if one not in newers]
    newers.update(zip(others, backend.parallel(lambda one: at(one, one.block.newer), others), strict=True))
    return [_Ends(older, newers[one]) for one, older in zip(batch, olders, strict=True)]
