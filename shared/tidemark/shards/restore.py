"""Restoring frames: rows that bring frames back to a state that is in the log, their own or another dataset's.

Such a row points at the payload of that state, which is shared and not written again.
"""

from typing import NamedTuple

from tidemark.aws.backend import Backend
from tidemark.domain.frames.mutations import Op
from tidemark.domain.limits import MAX_WINDOW_FRAMES
from tidemark.domain.windows import Window, WindowRow
from tidemark.shards import frame_versions, log
from tidemark.shards.frame_versions import FrameVersion
from tidemark.shards.log import Head


def restoring_row(number: int, frame_id: str, state: FrameVersion | None) -> WindowRow:
    """The row that brings a frame to a state; None is that it is not there."""
    if state is None or state.op is Op.DELETE:
        return WindowRow(number, Op.DELETE, frame_id, 0, 0, "", 0, {})
    pack, offset, length, digest = state.payload
    return WindowRow(number, Op.ADD, frame_id, offset, length, digest, state.labels, state.classes, pack)


class Remaining(NamedTuple):
    """What a window has still to restore."""

    batches: list[list[WindowRow]]
    """Rows, as many in each as one transaction takes; one stretch without rows if nothing is left."""
    current: dict[str, FrameVersion]
    """The newest versions of the frames of these rows, by their ids."""
    restored: int
    """Frames that it has restored before, in tries that did not come to their end."""


def remaining_rows(backend: Backend, window: Window, head: Head) -> Remaining:
    """Rows for frames that commits after `restore.since` have made other than they were at `restore.to`.

    They are found at the window's turn, so that what was applied before it is undone and what comes after stays (R10).
    What the log holds tells how far an earlier try has come. A retry leaves alone what was changed by uploads accepted
    after this one. It costs a request for each MB of commits, and for each frame that others have changed a query, and
    a hundredth of a request.
    """
    restore, shard = window.plan.restore, window.plan.shard
    if restore is None:
        raise LookupError(f"window {window.id} restores nothing")
    place = window.chunk, window.plan.number
    newest: dict[str, int] = {}
    own: set[int] = set()
    restored = 0
    for commit in log.commits(backend, window.dataset, shard, restore.since, head.n):
        newest.update(dict.fromkeys(commit.frame_ids, commit.n))
        if commit.upload == window.upload:  # what the roll back itself has changed is as it is to be
            own.add(commit.n)
            restored += len(commit.frame_ids) if (commit.chunk, commit.number) == place else 0
    others = [(frame_id, n) for frame_id, n in newest.items() if n not in own]
    number = restore.row + restored
    now = frame_versions.get_many(backend, window.dataset, [(shard, *change) for change in others])
    then = backend.parallel(
        lambda change: frame_versions.frame_at(backend, window.dataset, shard, change[0], restore.to), others
    )
    rows: list[WindowRow] = []
    for current, wanted in zip(now, then, strict=True):
        is_later = window.attempt > 0 and current.at > window.accepted_at
        if _digest(current) != _digest(wanted) and not is_later:
            rows.append(restoring_row(number + len(rows), current.frame_id, wanted))
    size = MAX_WINDOW_FRAMES
    batches = [rows[start : start + size] for start in range(0, len(rows), size)] or [[]]
    return Remaining(batches, {version.frame_id: version for version in now}, restored)


def _digest(state: FrameVersion | None) -> str | None:
    return state.pointer.digest if state and state.pointer else None
