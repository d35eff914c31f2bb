"""Resumes uploads that stopped because an invocation died between two steps.

Every step of an upload is stored before the step's message is sent, so the upload's record shows which messages may not
have been sent. A sweep examines all unsettled uploads and resumes those that take long.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from tidemark.aws import queues
from tidemark.aws.backend import Backend
from tidemark.aws.table import ConditionFailed
from tidemark.catalog import dataset_records
from tidemark.domain.intake_tasks import ReadFile, ResumeUpload
from tidemark.domain.uploads import Upload, UploadStatus
from tidemark.domain.windows import CheckUpload, chunk_source
from tidemark.ingest import batch_mode, file_reader
from tidemark.recovery import giving_up, retry
from tidemark.transfers import workflow
from tidemark.uploads import chunked_uploads, chunks, file_records, tallies
from tidemark.uploads import records as upload_records
from tidemark.uploads.chunked_uploads import ChunkedUpload
from tidemark.uploads.chunks import Chunk

SWEPT_EVERY = timedelta(minutes=15)
"""The time between two sweeps, as `infra` schedules them."""
RESUMED_AFTER = timedelta(minutes=30)
"""How long an upload is pending when it is first resumed: longer than the quarter of an hour after which a message that
fails for a reason of its own is given up. The upload is resumed again when that time has doubled, and so on, so that an
upload that takes a day is not sent many times."""
FILES_TIMEOUT = timedelta(days=7)
"""How long an upload may wait for its files before it fails. The signed URLs for the files expire after an hour."""
PENDING_TIMEOUT = timedelta(days=5)
"""How long an upload may be pending. Windows undecided by then fail, and unread files end where reading stopped, so
that the client gets an outcome. A retry can send the failed windows again."""
NO_WINDOWS: Mapping[int, str] = {}
INDEX_PARTITIONS = "0123456789abcdef"
"""Partitions of the index of unsettled uploads: one for each first digit of a dataset's uid."""


def sweep(backend: Backend, at: datetime) -> list[ResumeUpload]:
    """Sends intake a task for each upload that is due at the time `at`. Returns the tasks. At least sixteen queries."""
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
    """Returns whether a sweep resumes an upload that has been in this status, WAITING or PENDING, for `age`."""
    if status is UploadStatus.WAITING:
        return age >= FILES_TIMEOUT
    due = RESUMED_AFTER
    while due <= age:
        if age < due + 2 * SWEPT_EVERY:  # two sweeps, as one may be lost or late
            return True
        due *= 2
    return False


def resume(backend: Backend, task: ResumeUpload, has_time: Callable[[], bool]) -> ResumeUpload | None:
    """Sends the messages that, by the upload's record, may not have been sent. Sending a message twice does no harm.

    Fails what has exceeded its timeout. Returns the task that continues where time ran out; None when done. Raises
    LookupError for an unknown upload.
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
        _send(backend, upload, [chunks.get(backend, task.uid, task.upload)])
        return None
    if upload.status is UploadStatus.WAITING:
        chunked_uploads.expire(
            backend, record, f"Its files were not uploaded and completed within {FILES_TIMEOUT.days} days."
        )
        return None
    try:
        # The chunk that an earlier retry reached says nothing about this retry.
        chunk = _resume_chunks(backend, record, task.chunk if task.retries == upload.retries else "", has_time)
    except ConditionFailed:  # another invocation is working on it
        return None
    return task.model_copy(update={"chunk": chunk, "retries": upload.retries}) if chunk else None


def _resume_chunks(backend: Backend, record: ChunkedUpload, first: str, has_time: Callable[[], bool]) -> str | None:
    """Resumes an upload of several chunks, from the chunk named `first` on.

    Returns the name of the chunk at which time ran out; None when done. Raises ConditionFailed if another invocation is
    working on the upload.
    """
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
    """Has unread files or shards read on. After `PENDING_TIMEOUT`, gives them up instead."""
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
    pages = workflow.chunk_names(backend, record) if record.transfer else []
    last = workflow.restore_windows(backend, record, pages)
    for group in _groups(backend, record, pages, first):
        if not has_time():
            return group[0].name
        _send(backend, record.upload, group, last)
    return None


def _groups(backend: Backend, record: ChunkedUpload, pages: list[list[str]], first: str) -> Iterator[list[Chunk]]:
    """Yields the chunks of an upload in groups whose windows are sent together, from the group of chunk `first` on.

    A group of a transfer is one of `pages`, with a chunk of each shard, so that all shards have windows to apply from
    the beginning. A group of an upload of files is a single chunk.
    """
    uid, upload_id = record.uid, record.upload.id
    if record.transfer is None:
        yield from ([chunk] for chunk in chunks.of_upload(backend, uid, upload_id, first))
        return
    start = next((number for number, names in enumerate(pages) if first in names), 0)
    for names in pages[start:]:
        yield chunks.find_many(backend, uid, [(upload_id, name) for name in names])


def _send(backend: Backend, upload: Upload, group: Sequence[Chunk], last: Mapping[int, str] = NO_WINDOWS) -> None:
    """Sends the undecided windows of chunks. After `PENDING_TIMEOUT`, marks them as failed instead.

    `last` has the ids of a roll back's last windows, by shard; it is empty for other uploads.
    """
    undecided = [chunk for chunk in group if not chunk.is_settled]
    sent = backend.parallel(
        lambda chunk: chunks.unsettled_windows(
            backend, chunk, last.get(chunk_source(chunk.name), "") if chunk.name else ""
        ),
        undecided,
    )
    windows = [window for windows_of_chunk in sent for window in windows_of_chunk]
    if _is_given_up(backend, upload):
        for window in windows:
            tallies.report(backend, window, giving_up.give_up(backend, window))
    else:
        queues.send_windows(backend, windows)


def _is_given_up(backend: Backend, upload: Upload) -> bool:
    return backend.clock() - (upload.pending_since or upload.accepted_at) >= PENDING_TIMEOUT
