"""Resuming uploads that stopped because an invocation died between two steps.

Every step of an upload is recorded before its message is sent, so the record shows what may not have been sent. A sweep
looks at all uploads that have not settled, and resumes those that take long.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from tidemark.aws import queues
from tidemark.aws.backend import Backend
from tidemark.aws.table import ConditionFailed
from tidemark.catalog import dataset_records
from tidemark.domain.intake_tasks import ReadFile, ResumeUpload
from tidemark.domain.uploads import Upload, UploadStatus
from tidemark.domain.windows import CheckUpload, chunk_source
from tidemark.ingest import batch_mode, file_reader
from tidemark.recovery import dead_letters, retry
from tidemark.transfers import workflow
from tidemark.uploads import chunked_uploads, chunks, file_records
from tidemark.uploads import records as upload_records
from tidemark.uploads.chunked_uploads import ChunkedUpload
from tidemark.uploads.chunks import Chunk

SWEPT_EVERY = timedelta(minutes=15)
"""The time between sweeps, which `infra` schedules."""
RESUMED_AFTER = timedelta(minutes=30)
"""How long an upload may be pending before it is resumed; the queues retry a message for 15 minutes. It is resumed
again after twice that time, and so on, so that an upload that takes a day is not sent many times."""
FILES_TIMEOUT = timedelta(days=7)
"""How long an upload may wait for its files, whose signed URLs expire after an hour."""
PENDING_TIMEOUT = timedelta(days=5)
"""How long an upload may be pending at all. What is not decided by then fails, so that its sender gets an outcome; a
retry can send it again."""
INDEX_PARTITIONS = "0123456789abcdef"
"""First digits of dataset uids: the partitions of the index of unsettled uploads."""


def sweep(backend: Backend, at: datetime) -> list[ResumeUpload]:
    """Sends a task to intake for each upload that is due, and returns the tasks. At least sixteen queries."""
    due = [
        task for tasks in backend.parallel(lambda digit: _due(backend, digit, at), INDEX_PARTITIONS) for task in tasks
    ]
    queues.send_tasks(backend, due)
    return due


def _due(backend: Backend, digit: str, at: datetime) -> list[ResumeUpload]:
    return [
        ResumeUpload(uid=upload.uid, upload=upload.upload)
        for upload in upload_records.unsettled(backend, digit)
        if is_due(upload.status, at - upload.since)
    ]


def is_due(status: UploadStatus, age: timedelta) -> bool:
    """Whether a sweep resumes an upload that has been waiting for files, or pending, for `age`."""
    if status is UploadStatus.WAITING:
        return age >= FILES_TIMEOUT
    due = RESUMED_AFTER
    while due <= age:
        if age < due + 2 * SWEPT_EVERY:  # two sweeps, as one may be lost or late
            return True
        due *= 2
    return False


def resume(backend: Backend, task: ResumeUpload, has_time: Callable[[], bool]) -> ResumeUpload | None:
    """Sends what an upload's record shows as never sent. Sending twice does no harm.

    Returns the task that goes on where time ran out; None when done. Raises LookupError for an unknown upload.
    """
    upload = upload_records.find(backend, task.uid, task.upload)
    if upload is None and dataset_records.find_state(backend, task.uid) is None:  # the dataset was purged meanwhile
        return None
    if upload is None:
        raise LookupError(f"there is no upload {task.upload} of {task.uid}")
    if upload.settled_at is not None:
        return None
    record = chunked_uploads.find(backend, task.uid, task.upload)
    if record is None:
        _send(backend, upload, chunks.get(backend, task.uid, task.upload))
        return None
    if upload.status is UploadStatus.WAITING:
        chunked_uploads.expire(
            backend, record, f"Its files were not uploaded and completed within {FILES_TIMEOUT.days} days."
        )
        return None
    try:
        # A chunk reached in an earlier retry says nothing about this one.
        chunk = _resume_chunks(backend, record, task.chunk if task.retries == upload.retries else "", has_time)
    except ConditionFailed:  # another invocation is working on it
        return None
    return task.model_copy(update={"chunk": chunk, "retries": upload.retries}) if chunk else None


def _resume_chunks(backend: Backend, record: ChunkedUpload, first: str, has_time: Callable[[], bool]) -> str | None:
    """Returns the name of the chunk to go on with where time ran out. Raises ConditionFailed."""
    if not record.is_read and not first:
        _read_on(backend, record)
    if record.is_read and record.transfer is not None:
        record = workflow.release(backend, record)
    elif record.is_read:
        record = batch_mode.decide(backend, record)
    if record.retrying:
        chunk = retry.reopen_chunks(backend, record, first, has_time)
    else:
        chunk = _send_chunks(backend, record, first, has_time)
    if chunk is None:
        since = f"resumed-{uuid.uuid4().hex}"
        queues.send_settled(backend, [CheckUpload(dataset=record.uid, upload=record.upload.id, since=since)])
    return chunk


def _read_on(backend: Backend, record: ChunkedUpload) -> None:
    """Sends tasks to read what is unread; gives it up after `PENDING_TIMEOUT`."""
    is_given_up = _is_given_up(backend, record.upload)
    if record.transfer is not None and is_given_up:
        workflow.fail(backend, record, f"it took more than {PENDING_TIMEOUT.days} days")
    elif record.transfer is not None:
        workflow.start(backend, record, force=True)
    else:
        _read_files(backend, record, is_given_up)


def _read_files(backend: Backend, record: ChunkedUpload, is_given_up: bool) -> None:
    unread = [file for file in file_records.of_upload(backend, record.uid, record.upload.id) if not file.is_read]
    if is_given_up:
        for file in unread:
            file_reader.give_up(backend, record, file, f"It could not be read within {PENDING_TIMEOUT.days} days.")
        return
    tasks = [ReadFile(uid=record.uid, upload=record.upload.id, file=file.number) for file in unread]
    queues.send_tasks(backend, tasks)


def _send_chunks(backend: Backend, record: ChunkedUpload, first: str, has_time: Callable[[], bool]) -> str | None:
    if not record.may_send:
        return None
    last = workflow.restore_windows(backend, record)
    for chunk in chunks.of_upload(backend, record.uid, record.upload.id, first):
        if not has_time():
            return chunk.name
        _send(backend, record.upload, chunk, last.get(chunk_source(chunk.name), ""))
    return None


def _send(backend: Backend, upload: Upload, chunk: Chunk, until: str = "") -> None:
    """Sends the undecided windows of a chunk; after `PENDING_TIMEOUT`, marks them failed.

    `until` is the last window of a roll back in the chunk's shard.
    """
    if chunk.is_settled:
        return
    windows = chunks.unsettled_windows(backend, chunk, until)
    if _is_given_up(backend, upload):
        queues.send_settled(backend, [dead_letters.give_up(backend, window) for window in windows])
    else:
        queues.send_windows(backend, windows)


def _is_given_up(backend: Backend, upload: Upload) -> bool:
    return backend.clock() - (upload.pending_since or upload.accepted_at) >= PENDING_TIMEOUT
