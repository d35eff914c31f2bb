"""Restoring frames: rows that return frames to an earlier state, from the log of their own or another dataset.

Such a row points to the payload of the earlier state, so the payload is shared and not written again.
"""

from typing import NamedTuple

from tidemark.aws.backend import Backend
from tidemark.domain.frames.operations import Op
from tidemark.domain.limits import MAX_WINDOW_FRAMES
from tidemark.domain.windows import Window, WindowRow
from tidemark.shards import frame_versions, log
from tidemark.shards.frame_versions import FrameVersion
from tidemark.shards.log import Head


class Remaining(NamedTuple):
    """The rows that a window still has to restore."""

    batches: list[list[WindowRow]]
    """The rows, in batches that each fit one transaction. If nothing is left, one empty batch."""
    current: dict[str, FrameVersion]
    """The newest versions of the rows' frames, by frame id."""
    restored: int
    """Number of frames that earlier, interrupted attempts have restored."""


def restoring_row(number: int, frame_id: str, state: FrameVersion | None) -> WindowRow:
    """Returns the row that returns a frame to `state`. `number` is the row's number.

    A state of None means that the frame did not exist, so the row deletes the frame.
    """
    if state is None or state.op is Op.DELETE:
        return WindowRow(number, Op.DELETE, frame_id, 0, 0, "", 0, {})
    pack, offset, length, digest = state.payload
    return WindowRow(number, Op.ADD, frame_id, offset, length, digest, state.labels, state.classes, pack)


def remaining_rows(backend: Backend, window: Window, head: Head) -> Remaining:
    """Returns a row for each frame changed after commit `restore.since` that differs from its state at `restore.to`.

    Each row restores that state. The rows are computed when the window is applied. The window therefore undoes every
    change applied before it, and none applied after it (R10). The log shows what an earlier attempt has restored. A
    retry skips frames that uploads accepted after this one have changed.

    Costs a request per MB of commits. Each frame that other uploads have changed costs a hundredth of a batch request,
    and at most a query (see `frame_versions.newest_versions`).
    """
    restore, shard = window.plan.restore, window.plan.shard
    if restore is None:
        raise LookupError(f"window {window.id} restores nothing")
    position = window.chunk, window.plan.number
    newest: dict[str, int] = {}
    own_commits: set[int] = set()
    restored = 0
    for commit in log.commits(backend, window.dataset, shard, restore.since, head.n):
        newest.update(dict.fromkeys(commit.frame_ids, commit.n))
        if commit.upload == window.upload:  # the roll back itself has already restored these frames
            own_commits.add(commit.n)
            restored += len(commit.frame_ids) if (commit.chunk, commit.number) == position else 0
    others = [(frame_id, n) for frame_id, n in newest.items() if n not in own_commits]
    number = restore.row + restored
    current_versions = frame_versions.get_many(backend, window.dataset, [(shard, *change) for change in others])
    wanted_versions = frame_versions.newest_versions(
        backend, window.dataset, shard, [frame_id for frame_id, _ in others], restore.to
    )
    rows: list[WindowRow] = []
    for current in current_versions:
        wanted = wanted_versions.get(current.frame_id)
        is_later = window.attempt > 0 and current.at > window.accepted_at
        if _digest(current) != _digest(wanted) and not is_later:
            rows.append(restoring_row(number + len(rows), current.frame_id, wanted))
    size = MAX_WINDOW_FRAMES
    batches = [rows[start : start + size] for start in range(0, len(rows), size)] or [[]]
    return Remaining(batches, {version.frame_id: version for version in current_versions}, restored)


def _digest(state: FrameVersion | None) -> str | None:
    return state.pointer.digest if state and state.pointer else None
