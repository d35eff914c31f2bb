"""Reads files: turns their rows into chunks, cuts the chunks into windows and sends the windows (R31).

A file is read in batches of lines, and each batch becomes a chunk. A batch has about as many rows as fill a window of
each shard. First the chunk's pack is written. Then one transaction stores the chunk and the file's progress. Then the
chunk's windows are sent. An invocation that resumes a file first sends the last chunk's windows again, because the
previous invocation may have died after the transaction. If two invocations read a file at once, the transaction of the
slower invocation fails, and that invocation stops. A BATCH upload's windows are sent only after all its files are read.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from tidemark.aws import bucket, queues
from tidemark.aws.backend import Backend
from tidemark.aws.bucket import ObjectGone
from tidemark.aws.table import ConditionFailed
from tidemark.catalog import dataset_records
from tidemark.catalog.schema_records import SchemaConflict
from tidemark.domain.datasets import Dataset, Mode
from tidemark.domain.errors import RowError
from tidemark.domain.intake_tasks import ReadFile, ResumeUpload
from tidemark.domain.limits import MAX_SHARDS
from tidemark.domain.rows.json_lines import START, Cursor, FileRow, RowFileReader
from tidemark.domain.uploads import FileStatus, Source, Upload
from tidemark.domain.windows import CheckUpload
from tidemark.ingest import backpressure, chunk_writer, drop_folder
from tidemark.ingest.chunk_writer import CheckedRows, Row
from tidemark.uploads import chunked_uploads, chunks, file_records
from tidemark.uploads.chunked_uploads import ChunkedUpload
from tidemark.uploads.file_records import FileRecord

SHARD_ROWS = 82
"""Rows in a chunk for each shard, unreadable lines included. Frames spread over the shards at random, so with fewer
rows than `MAX_WINDOW_FRAMES` nearly every shard gets a single window, which is nearly full. With `MAX_WINDOW_FRAMES`
rows, half of the shards would get a second, small one."""
MAX_CHUNK_ROWS = SHARD_ROWS * MAX_SHARDS
"""Most rows in a chunk, whatever the number of shards."""
MAX_CHUNK_BYTES = 8 * 1024 * 1024
"""Bytes of text in a chunk, exceeded at most by the chunk's last row. This bounds the memory that a chunk takes:
parsed, the text takes at most 260 MB of the function's 1,024 MB. It has room for `MAX_CHUNK_ROWS` rows of a
kilobyte."""
READ_PAUSE = timedelta(seconds=10)
"""How long reading of a file pauses if its dataset has too much in flight. In this time, 64 shards apply most of what
may be in flight."""
CLOCK_SKEW = timedelta(seconds=5)
"""How much earlier than planned a delayed task may seem to arrive, because the clocks of two machines differ."""
MAX_LISTED_ERRORS = 1000
"""Most errors stored for a file. Further errors are only counted."""


def read_file(backend: Backend, task: ReadFile, has_time: Callable[[], bool]) -> timedelta | None:
    """Resumes reading a file, while `has_time` returns True and the dataset does not have too much in flight.

    Returns None if the file is read to its end, or if another invocation or a delayed task continues. Returns a pause
    of no length if time ran out: the caller sends the task again. A longer pause has begun, and the task that ends it
    is sent. Gives the file up if its S3 object is gone. Raises LookupError for an unknown file.
    """
    upload = chunked_uploads.find(backend, task.uid, task.upload)
    file = file_records.find(backend, task.uid, task.upload, task.file)
    if upload is None or file is None:
        raise LookupError(f"there is no file {task.file} of upload {task.upload} of {task.uid}")
    if upload.may_send and file.paused_until is None:
        _resend_last_chunk(backend, file)
    try:
        if not file.is_read and _must_wait(backend, upload, file):
            return _wait(backend, task, file)
        for batch in [] if file.is_read else _batches(backend, upload, file):
            file = _write_batch(backend, upload, file, batch)
            if file.is_read:
                break
            if _must_wait(backend, upload):
                return _wait(backend, task, file)
            if not has_time():
                return timedelta()
    except ConditionFailed:
        return None
    except ObjectGone:
        give_up(backend, upload, file, "The file was removed before it was read to its end.")
        return None
    _finish(backend, upload, file)
    return None


def give_up(backend: Backend, upload: ChunkedUpload, file: FileRecord, reason: str) -> None:
    """Marks a file as read where reading stopped, with `reason` as its error, unless another invocation has read on."""
    error = _error(file.cursor.line, "unreadable", reason)
    with suppress(ConditionFailed):
        after = _write_batch(backend, upload, file, _Batch(errors=[error], end=file.cursor, is_last=True, error=reason))
        _finish(backend, upload, after)


def _resend_last_chunk(backend: Backend, file: FileRecord) -> None:
    """Sends the last chunk's unsettled windows again, because the previous invocation may not have sent them.

    Not needed for a paused file: its windows were sent before it was paused.
    """
    if file.chunks == 0:
        return
    chunk = chunks.get(backend, file.uid, file.upload, file.chunk_name(file.chunks - 1))
    if not chunk.is_settled:
        queues.send_windows(backend, chunks.unsettled_windows(backend, chunk))


def _must_wait(backend: Backend, upload: ChunkedUpload, waiting: FileRecord | None = None) -> bool:
    """Returns whether reading must pause because the dataset has too much in flight.

    Reading never pauses while the upload's windows may not be sent (BATCH), because it fills no queue. `waiting` is a
    file whose pause may be over. After a pause, one more batch is read unless the dataset is full, so that other
    clients cannot hold the file up forever.
    """
    if not upload.may_send or backpressure.may_read_files(backend, upload.uid):
        return False
    has_waited = waiting is not None and waiting.paused_until is not None and waiting.paused_until <= backend.clock()
    return not has_waited or backpressure.is_full(backend, upload.uid)


def _wait(backend: Backend, task: ReadFile, file: FileRecord) -> timedelta | None:
    """Pauses a file. Returns how long; None if the file is already paused, so that only one task resumes it.

    The task is sent before the pause is stored: a file that is paused without a task would never be read on. Raises
    ConditionFailed if another invocation has read on, or has just paused the file.
    """
    now = backend.clock()
    if file.paused_until is not None and now < file.paused_until:
        return None
    queues.send_tasks(backend, [task], delay_seconds=int(READ_PAUSE.total_seconds()))
    file_records.update(backend, file, replace(file, paused_until=now + READ_PAUSE - CLOCK_SKEW))
    return READ_PAUSE


def _finish(backend: Backend, upload: ChunkedUpload, file: FileRecord) -> None:
    """Sends the message that may complete the upload after a file's end, and marks a dropped file as read."""
    if upload.upload.mode is Mode.BATCH:
        after = chunked_uploads.find(backend, file.uid, file.upload)
        if after is not None and after.is_read:
            queues.send_tasks(backend, [ResumeUpload(uid=file.uid, upload=file.upload)])
    else:
        message = CheckUpload(dataset=file.uid, upload=file.upload, since=f"file-{file.number}")
        queues.send_settled(backend, [message])
    if upload.upload.source is Source.DROP:
        drop_folder.finish(backend, file)


@dataclass
class _Batch:
    """Consecutive lines of a file, which become one chunk."""

    rows: list[Row] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    """An error for each unreadable line, and one more if the rest of the file cannot be read."""
    end: Cursor = START
    is_last: bool = False
    error: str | None = None
    """Why the rest of the file is not read; None if nothing prevents that."""


def _batches(backend: Backend, upload: ChunkedUpload, file: FileRecord) -> Iterator[_Batch]:
    """Yields batches of a file's lines, starting at the file's cursor. The last batch may be empty."""
    dataset = dataset_records.get(backend, upload.upload.project, upload.upload.dataset)
    most_rows = min(MAX_CHUNK_ROWS, SHARD_ROWS * dataset.shards)
    reader = RowFileReader(bucket.stream(backend, file.source, file.cursor.first_byte), file.cursor)
    batch = _Batch()
    begin = file.cursor.offset
    for line in reader:
        if isinstance(line, FileRow):
            batch.rows.append((line.line, line.value))
        else:
            batch.errors.append(_error(line.line, line.code, line.message))
        batch.end = reader.cursor
        if len(batch.rows) + len(batch.errors) == most_rows or batch.end.offset - begin > MAX_CHUNK_BYTES:
            yield batch
            batch, begin = _Batch(), batch.end.offset
    if reader.error is not None:
        batch.errors.append(_error(reader.error.line, reader.error.code, reader.error.message))
        batch.error = reader.error.message
    batch.end, batch.is_last = reader.cursor, True
    yield batch


def _write_batch(backend: Backend, upload: ChunkedUpload, file: FileRecord, batch: _Batch) -> FileRecord:
    """Stores a batch as a chunk and sends the chunk's windows if the upload may send. Returns the file's new record.

    A batch without lines makes no chunk. Raises ConditionFailed if another invocation has read on.
    """
    progress = {
        "status": FileStatus.READ if batch.is_last else FileStatus.READING,
        "lines": batch.end.line - 1,
        "bytes": batch.end.offset,
        "error": batch.error,
    }
    if not batch.rows and not batch.errors:
        after = _progressed(file, batch.end, progress)
        chunked_uploads.advance_file(backend, file, after, None)
        return replace(after, revision=file.revision + 1)
    dataset = dataset_records.get(backend, upload.upload.project, upload.upload.dataset)
    staged = "" if upload.upload.mode is not Mode.BATCH else file.upload

    for fresh in chunk_writer.attempts():
        checked, listed_errors = _limit_errors(_checked(backend, dataset, batch, fresh, staged), file)
        counts = _chunk_counts(upload.upload, checked)
        written = chunk_writer.write(backend, dataset, checked, counts, name=file.chunk_name(file.chunks))
        totals = {"rows": file.file.rows + counts.rows, "rejected": file.file.rejected + counts.rejected}
        progressed = _progressed(file, batch.end, progress | totals)
        chunk = written.chunk
        after = replace(
            progressed,
            chunks=file.chunks + 1,
            labels=file.labels + chunk.upload.labels,
            windows=file.windows + chunk.upload.windows,
            listed_errors=listed_errors,
        )
        with suppress(SchemaConflict):
            chunked_uploads.advance_file(backend, file, after, chunk, checked.schema_update, staged)
            break
    if upload.may_send:
        chunked_uploads.count_in_flight(backend, chunk)
        queues.send_windows(backend, written.windows)
    return replace(after, revision=file.revision + 1)


def _progressed(file: FileRecord, end: Cursor, progress: dict[str, Any]) -> FileRecord:
    return replace(file, cursor=end, file=file.file.model_copy(update=progress), paused_until=None)


def _checked(backend: Backend, dataset: Dataset, batch: _Batch, fresh: bool, staged: str) -> CheckedRows:
    checked = chunk_writer.check(backend, dataset, batch.rows, fresh=fresh, repeats=True, staged=staged)
    errors = sorted([*checked.errors, *batch.errors], key=lambda error: error.row)
    return checked._replace(total=checked.total + len(batch.errors), errors=errors)


def _limit_errors(checked: CheckedRows, file: FileRecord) -> tuple[CheckedRows, int]:
    """Returns the rows with only the errors that may still be listed, and the file's new number of listed errors."""
    room = MAX_LISTED_ERRORS - file.listed_errors
    if len(checked.errors) <= room:
        return checked, file.listed_errors + len(checked.errors)
    kept = checked.errors[: max(room, 0)]
    if room >= 0:
        line = checked.errors[room].row
        message = (
            f"The file has more than {MAX_LISTED_ERRORS:,} errors. Those from this line on are counted, not listed."
        )
        kept.append(_error(line, "more_errors", message))
    return checked._replace(errors=kept), MAX_LISTED_ERRORS + 1


def _chunk_counts(upload: Upload, checked: CheckedRows) -> Upload:
    """Returns the upload with its counts replaced by those of one new chunk."""
    return upload.model_copy(
        update={
            "rows": checked.total,
            "rejected": checked.total - len(checked.accepted),
            "labels": sum(row.labels for row in checked.accepted),
            **dict.fromkeys(
                ("windows", "applied", "dropped", "failed", "windows_settled", "windows_failed", "files_read"), 0
            ),
        }
    )


def _error(line: int, code: str, message: str) -> RowError:
    return RowError(row=line, frame_id=None, code=code, pointer="", message=message)
