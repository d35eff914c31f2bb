"""Reading files of mutations into chunks, and chunks into windows on their way (R31).

A file is read in stretches. Each becomes a chunk: its pack is written; then, in one transaction, the chunk, the totals of
its upload and how far the file was read; then its windows are sent. An invocation that goes on with a file first sends
the windows of the last chunk again, in case the one before it died after the transaction. Of two that read a file at the
same time, one finds that the file was read on, and stops. Of a BATCH upload nothing is sent before all files are read.
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
from tidemark.domain.rows.json_lines import START, Cursor, FileRow, RowFileReader
from tidemark.domain.uploads import FileStatus, Source, Upload
from tidemark.domain.windows import CheckUpload
from tidemark.ingest import backpressure, chunk_writer, drop_folder
from tidemark.ingest.chunk_writer import CheckedRows, Row
from tidemark.uploads import chunked_uploads, chunks, file_records
from tidemark.uploads.chunked_uploads import ChunkedUpload
from tidemark.uploads.file_records import FileRecord

MAX_CHUNK_ROWS = 1000
MAX_CHUNK_BYTES = 4 * 1024 * 1024
"""Text of the rows of a chunk, as far as it goes beyond one row: what a chunk takes in memory grows with it."""
READ_PAUSE = timedelta(seconds=30)
"""How long a file waits whose dataset has too much in flight. In this time 16 shards apply most of what may be."""
CLOCK_SKEW = timedelta(seconds=10)
"""By how much an order may seem to come too early, by clocks that are apart."""
MAX_LISTED_ERRORS = 1000
"""Errors of a file's rows that are kept; beyond that, they are counted."""


def read_file(backend: Backend, task: ReadFile, has_time: Callable[[], bool]) -> timedelta | None:
    """Read a file from where it was read last, for as long as there is time and its dataset has not too much in flight;
    answers how long it is to wait until it is read further.

    None where it was read to its end, and where another invocation, or another order, goes on with it.
    """
    upload = chunked_uploads.find(backend, task.uid, task.upload)
    file = file_records.find(backend, task.uid, task.upload, task.file)
    if upload is None or file is None:
        raise LookupError(f"there is no file {task.file} of upload {task.upload} of {task.uid}")
    if upload.may_send:
        _resend_last_chunk(backend, file)
    try:
        if not file.is_read and _must_wait(backend, upload, file):
            return _wait(backend, file)
        for stretch in [] if file.is_read else _stretches(backend, file):
            file = _take(backend, upload, file, stretch)
            if file.is_read:
                break
            if _must_wait(backend, upload):
                return _wait(backend, file)
            if not has_time():
                return timedelta()
    except ConditionFailed:
        return None
    except ObjectGone:
        give_up(backend, upload, file, "The file was removed before it was read to its end.")
        return None
    _end(backend, upload, file)
    return None


def _must_wait(backend: Backend, upload: ChunkedUpload, waiting: FileRecord | None = None) -> bool:
    """Whether a file is not read further at this moment. What is not sent before it is read whole fills no queue, and
    would wait for itself.

    One that has waited is read a stretch further unless its dataset is full, so that senders who fill what others leave
    do not hold it up for ever.
    """
    if not upload.may_send or backpressure.may_read_files(backend, upload.uid):
        return False
    has_waited = waiting is not None and waiting.paused_until is not None and waiting.paused_until <= backend.clock()
    return not has_waited or backpressure.is_full(backend, upload.uid)


def _wait(backend: Backend, file: FileRecord) -> timedelta | None:
    """Have a file wait by one order: others for it that come meanwhile end. Raises ConditionFailed where another
    invocation has read on, or waits."""
    now = backend.clock()
    if file.paused_until is not None and now < file.paused_until:
        return None
    file_records.update(backend, file, replace(file, paused_until=now + READ_PAUSE - CLOCK_SKEW))
    return READ_PAUSE


def give_up(backend: Backend, upload: ChunkedUpload, file: FileRecord, reason: str) -> None:
    """End a file where it was read to, though there may be more. Nothing happens where others read on meanwhile."""
    error = _error(file.cursor.line, "unreadable", reason)
    with suppress(ConditionFailed):
        after = _take(backend, upload, file, _Stretch(errors=[error], end=file.cursor, is_last=True, error=reason))
        _end(backend, upload, after)


def _end(backend: Backend, upload: ChunkedUpload, file: FileRecord) -> None:
    """Do what follows once a file is read to its end."""
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
class _Stretch:
    """Some lines of a file."""

    rows: list[Row] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    """Of lines that cannot be read, and of the file."""
    end: Cursor = START
    is_last: bool = False
    error: str | None = None
    """Why the file is read no further."""


def _stretches(backend: Backend, file: FileRecord) -> Iterator[_Stretch]:
    """What a file holds from its cursor on, in stretches of lines. The last one may hold none."""
    reader = RowFileReader(bucket.stream(backend, file.source, file.cursor.first_byte), file.cursor)
    stretch = _Stretch()
    begin = file.cursor.offset
    for found in reader:
        if isinstance(found, FileRow):
            stretch.rows.append((found.line, found.value))
        else:
            stretch.errors.append(_error(found.line, found.code, found.message))
        stretch.end = reader.cursor
        if len(stretch.rows) + len(stretch.errors) == MAX_CHUNK_ROWS or stretch.end.offset - begin > MAX_CHUNK_BYTES:
            yield stretch
            stretch, begin = _Stretch(), stretch.end.offset
    if reader.error is not None:
        stretch.errors.append(_error(reader.error.line, reader.error.code, reader.error.message))
        stretch.error = reader.error.message
    stretch.end, stretch.is_last = reader.cursor, True
    yield stretch


def _error(line: int, code: str, message: str) -> RowError:
    return RowError(row=line, frame_id=None, code=code, pointer="", message=message)


def _take(backend: Backend, upload: ChunkedUpload, file: FileRecord, stretch: _Stretch) -> FileRecord:
    """Make a chunk of a stretch and send its windows; answers the file as it is read now. Raises ConditionFailed."""
    progress = {
        "status": FileStatus.READ if stretch.is_last else FileStatus.READING,
        "lines": stretch.end.line - 1,
        "bytes": stretch.end.offset,
        "error": stretch.error,
    }
    if not stretch.rows and not stretch.errors:
        after = _progressed(file, stretch.end, progress)
        chunked_uploads.advance_file(backend, file, after, None)
        return replace(after, revision=file.revision + 1)
    dataset = dataset_records.get(backend, upload.upload.project, upload.upload.dataset)
    staged = "" if upload.upload.mode is not Mode.BATCH else file.upload

    for fresh in chunk_writer.attempts():
        checked, told = _told(_checked(backend, dataset, stretch, fresh, staged), file)
        counted = _counted(upload.upload, checked)
        written = chunk_writer.write(backend, dataset, checked, counted, name=file.chunk_name(file.chunks))
        read = {"rows": file.file.rows + counted.rows, "rejected": file.file.rejected + counted.rejected}
        after = replace(_progressed(file, stretch.end, progress | read), chunks=file.chunks + 1, listed_errors=told)
        with suppress(SchemaConflict):
            chunked_uploads.advance_file(backend, file, after, written.chunk, checked.schema_update, staged)
            break
    if upload.may_send:
        queues.send_windows(backend, written.windows)
    return replace(after, revision=file.revision + 1)


def _progressed(file: FileRecord, end: Cursor, progress: dict[str, Any]) -> FileRecord:
    return replace(file, cursor=end, file=file.file.model_copy(update=progress))


def _checked(backend: Backend, dataset: Dataset, stretch: _Stretch, fresh: bool, staged: str) -> CheckedRows:
    checked = chunk_writer.check(backend, dataset, stretch.rows, fresh=fresh, repeats=True, staged=staged)
    errors = sorted([*checked.errors, *stretch.errors], key=lambda error: error.row)
    return checked._replace(total=checked.total + len(stretch.errors), errors=errors)


def _told(checked: CheckedRows, file: FileRecord) -> tuple[CheckedRows, int]:
    """The rows with as many of their errors as are kept of a file, and how many of its errors are kept then."""
    room = MAX_LISTED_ERRORS - file.listed_errors
    if len(checked.errors) <= room:
        return checked, file.listed_errors + len(checked.errors)
    kept = checked.errors[: max(room, 0)]
    if room >= 0:
        line = checked.errors[room].row
        message = (
            f"The file has more than {MAX_LISTED_ERRORS:,} errors; those from this line on are counted, not listed."
        )
        kept.append(_error(line, "more_errors", message))
    return checked._replace(errors=kept), MAX_LISTED_ERRORS + 1


def _counted(upload: Upload, checked: CheckedRows) -> Upload:
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


def _resend_last_chunk(backend: Backend, file: FileRecord) -> None:
    """Send what the invocation that read on last may not have sent."""
    if file.chunks == 0:
        return
    chunk = chunks.get(backend, file.uid, file.upload, file.chunk_name(file.chunks - 1))
    if not chunk.is_settled:
        queues.send_windows(backend, chunks.unsettled_windows(backend, chunk))
