"""Gives windows up: marks them as failed, so that their uploads settle (R21)."""

from tidemark.aws.backend import Backend
from tidemark.domain.uploads import RowOutcome
from tidemark.domain.windows import Restore, Window, WindowSettled
from tidemark.shards import log
from tidemark.shards.log import Marker


def give_up(backend: Backend, window: Window) -> WindowSettled:
    """Marks a window and all its rows as failed, so that the upload can settle. Returns the window's outcome.

    A slow invocation may have applied the window after all. Then the window has a marker, stays applied, and has the
    outcome in that marker. Otherwise the marker written here keeps such an invocation from applying the window later.
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
                message="The window with this row could not be applied, in several attempts. The reason is in the log "
                f"of the apply function, under window {window.id}.",
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
    """Returns one outcome for a roll back's last window. Its rows are unknown: they are computed when it is applied."""
    return RowOutcome(
        row=restore.row,
        frame_id=None,
        code="window_failed",
        pointer="",
        message=f"Changes made in shard {window.plan.shard} while the roll back started could not be undone, in "
        f"several attempts. The reason is in the log of the apply function, under window {window.id}.",
        outcome="failed",
    )
