"""Retries uploads: sends windows that were given up again, as new attempts (R30).

Applied windows stay applied. Each attempt at a window has a marker of its own, and starts only if the previous attempt
was given up. Rows that failed because of their own errors are not retried: the client corrects them and sends them in a
new upload.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tidemark.aws import queues
from tidemark.aws.backend import Backend
from tidemark.aws.table import ConditionFailed
from tidemark.aws.writes import Write
from tidemark.catalog import dataset_records
from tidemark.catalog.guards import refuse_if_archived
from tidemark.domain.errors import Conflict
from tidemark.domain.intake_tasks import ResumeUpload
from tidemark.domain.uploads import Source, Upload, UploadStatus
from tidemark.transfers import workflow
from tidemark.uploads import chunked_uploads, chunks
from tidemark.uploads import records as upload_records
from tidemark.uploads.chunked_uploads import ChunkedUpload
from tidemark.uploads.chunks import Chunk


def retry(backend: Backend, *, project: str, dataset: str, upload: str) -> Upload:
    """Sends an upload's given-up windows again. If a transfer's workflow failed, resumes the workflow instead.

    Returns the upload, which is pending again. Raises NotFound and Conflict (`upload_pending`, `nothing_to_retry`,
    `dataset_archived`).
    """
    owner = dataset_records.get(backend, project, dataset)
    refuse_if_archived(owner)
    uid = owner.uid
    try:
        if upload_records.get(backend, uid, upload).is_chunked:
            _retry_chunks(backend, uid, upload)
        else:
            _retry_request(backend, uid, upload)
    except ConditionFailed:
        raise Conflict("Another retry of the upload has just started.", code="upload_pending") from None
    return upload_records.get(backend, uid, upload)


def _check(upload: Upload) -> None:
    """Raises Conflict if an upload has not settled yet, or has no given-up window to send again."""
    if upload.settled_at is None:
        raise Conflict("The upload has not settled; retry it once it has.", code="upload_pending")
    if upload.windows_failed == 0:
        raise Conflict(
            "No window of the upload was given up. Its failed rows have errors of their own; correct them and send "
            "them in a new upload.",
            code="nothing_to_retry",
        )


def reopen_chunks(backend: Backend, upload: ChunkedUpload, first: str, has_time: Callable[[], bool]) -> str | None:
    """Sends the given-up windows of an upload that is being retried, from the chunk named `first` on.

    Returns the name of the chunk at which time ran out; None when done. Raises ConditionFailed if the retry is over, or
    another invocation is working on it.
    """
    for chunk in chunks.of_upload(backend, upload.uid, upload.upload.id, first):
        if not has_time():
            return chunk.name
        _reopen(backend, upload, chunk)
    chunked_uploads.end_retry(backend, upload)
    return None


def _reopen(backend: Backend, upload: ChunkedUpload, chunk: Chunk) -> None:
    """Reopens and sends a chunk's given-up windows, or sends those that an invocation reopened before it died."""
    undecided = chunk
    if chunk.is_settled and chunk.given_up:
        undecided = chunks.reopen(backend, chunk)
        chunked_uploads.reopen_chunk(backend, upload, chunk, undecided)
    if not undecided.is_settled:
        queues.send_windows(backend, chunks.unsettled_windows(backend, undecided))


def _retry_request(backend: Backend, uid: str, upload: str) -> None:
    chunk = chunks.get(backend, uid, upload)
    _check(chunk.upload)
    reopened = chunks.reopen(backend, chunk).with_upload(_pending_again(backend, chunk.upload))
    chunks.update(backend, reopened)
    queues.send_windows(backend, chunks.unsettled_windows(backend, reopened))


def _retry_chunks(backend: Backend, uid: str, upload: str) -> None:
    record = chunked_uploads.find(backend, uid, upload)
    if record is None:
        raise LookupError(f"upload {upload} of {uid} has chunks and no record of them")
    was_stopped = record.transfer is not None and record.upload.settled_at is not None and not record.released
    others = _check_rollback(backend, record, was_stopped) if record.upload.source is Source.ROLLBACK else []
    changes = _pending_again(backend, record.upload)
    if was_stopped:
        changes["rejected"] = 0
    else:
        _check(record.upload)
    begun = replace(
        record,
        upload=record.upload.model_copy(update=changes),
        has_complete_totals=not was_stopped,
        retrying=not was_stopped,
    )
    chunked_uploads.begin_retry(backend, record, begun, others)
    if was_stopped:
        workflow.start(backend, begun)
    else:
        queues.send_tasks(backend, [ResumeUpload(uid=uid, upload=upload)])


def _check_rollback(backend: Backend, record: ChunkedUpload, was_stopped: bool) -> list[Write]:
    """Returns a write that fails unless a roll back is still the newest of its dataset.

    A retry of an older roll back would undo the newer one. Raises Conflict if the roll back is not the newest, or if
    nothing of it was applied.
    """
    if was_stopped:
        raise Conflict(
            "Nothing of the roll back was applied, and the dataset may have changed since; start a new one.",
            code="nothing_to_retry",
        )
    last = dataset_records.state(backend, record.uid).rolled_back_by
    if last != record.upload.id:
        raise Conflict(
            f"The dataset was rolled back again since, by upload {last}; start a new roll back to the version that "
            "you want.",
            code="nothing_to_retry",
        )
    return [dataset_records.roll_back(backend, record.uid, record.upload.id, record.upload.id)]


def _pending_again(backend: Backend, upload: Upload) -> dict[str, Any]:
    return {
        "status": UploadStatus.PENDING,
        "reason": None,
        "pending_since": backend.clock(),
        "retries": upload.retries + 1,
        "settled_at": None,
        "version": None,
    }
