"""Giving up windows that could not be applied after all their retries (R21)."""

from tidemark.aws.backend import Backend
from tidemark.domain.uploads import RowOutcome
from tidemark.domain.windows import Restore, Window, WindowSettled
from tidemark.shards import log
from tidemark.shards.log import Marker


def give_up(backend: Backend, window: Window) -> WindowSettled:
    """Decide that a window failed, all its rows with it, so that its upload can settle.

    A window that was applied after all, by an invocation that was slow to answer, stays applied: its marker decides,
    and the marker that is written here keeps such an invocation from applying it later.
    """
    failure = Marker(
        applied=0,
        dropped=0,
        failed=len(window.plan.rows),
        given_up=True,
        outcomes=tuple(
            RowOutcome(
                row=row.row,
                frame_id=row.frame_id,
                code="window_failed",
                pointer="",
                message="The rows that travelled with this one could not be applied, in several tries. The reason is "
                f"in the log of the apply function, under window {window.id}.",
                outcome="failed",
            )
            for row in window.plan.rows
        )
        if window.plan.restore is None
        else (_nothing_restored(window, window.plan.restore),),
    )
    if log.mark_failed(backend, window, failure):
        return failure.settled(window)
    _, decided = log.head_and_marker(backend, window)
    if decided is None:
        raise LookupError(f"the marker of window {window.id} both exists and does not")
    return decided.settled(window)


def _nothing_restored(window: Window, restore: Restore) -> RowOutcome:
    """What is told of a window of no rows of its own, which was to find them at its turn."""
    return RowOutcome(
        row=restore.row,
        frame_id=None,
        code="window_failed",
        pointer="",
        message=f"What was changed in shard {window.plan.shard} while the roll back began could not be restored, in "
        f"several tries. The reason is in the log of the apply function, under window {window.id}.",
        outcome="failed",
    )
