"""Writes an upload's errors to a file that users download by a signed URL (R30)."""

import uuid
from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import IO

from tidemark.aws import bucket
from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.error_files import ErrorFile, ErrorFormat, header, lines
from tidemark.domain.limits import MAX_DOWNLOAD_ERRORS
from tidemark.uploads import records as upload_records
from tidemark.uploads.follow import chunks_with_files, row_outcomes

FOLDER = "downloads/"
SPOOLED_BYTES = 8 * 1024 * 1024
"""Largest file, in bytes, that is built in memory. A larger file is built on the function's disk."""


def write_errors(
    backend: Backend, *, project: str, dataset: str, upload: str, form: ErrorFormat, has_time: Callable[[], bool]
) -> ErrorFile:
    """Writes the rows of an upload that have not taken effect so far to a file, in the order of files and rows.

    Returns a signed URL for the file. The file ends after `MAX_DOWNLOAD_ERRORS` errors, or once `has_time` returns
    False. Costs as much as listing the errors, plus a PUT. Each call writes a new S3 object, which a lifecycle rule
    deletes within days. Raises NotFound.
    """
    uid = dataset_records.get(backend, project, dataset).uid
    with SpooledTemporaryFile(SPOOLED_BYTES) as file:
        errors, truncated = _write(backend, uid, upload, form, file, has_time)
        file.seek(0)
        key = f"{FOLDER}{uid}/{upload}/{uuid.uuid4().hex}.{form}"
        name = f"{dataset}-{upload}-errors.{form}"
        bucket.put(backend, key, file, media_type=form.media_type, file_name=name)
    return ErrorFile(
        url=bucket.sign_get(backend, key),
        expires_at=bucket.url_expiry(backend),
        format=form,
        errors=errors,
        truncated=truncated,
    )


def _write(
    backend: Backend, uid: str, upload: str, form: ErrorFormat, file: IO[bytes], has_time: Callable[[], bool]
) -> tuple[int, bool]:
    """Writes an upload's errors to a local file. Returns how many it wrote, and whether there may be more."""
    file.write(header(form))
    written = 0
    for chunk, file_name in chunks_with_files(backend, uid, upload_records.get(backend, uid, upload)):
        if not has_time():
            return written, True
        errors = row_outcomes(backend, chunk, file_name)
        room = MAX_DOWNLOAD_ERRORS - written
        file.write(lines(form, errors[:room]))
        if len(errors) > room:
            return MAX_DOWNLOAD_ERRORS, True
        written += len(errors)
    return written, False
