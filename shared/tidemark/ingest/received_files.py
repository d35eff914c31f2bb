"""Checks that every file of an upload has arrived in full, and completes the S3 multipart uploads."""

from collections.abc import Sequence

from tidemark.aws import bucket, multipart
from tidemark.aws.backend import Backend
from tidemark.aws.bucket import Object
from tidemark.domain.errors import Conflict, TooLarge, listed
from tidemark.domain.limits import MAX_FILE_BYTES
from tidemark.uploads.file_records import FileRecord

MAX_FILES_NAMED = 5
"""Most missing files that an error message names."""

Objects = dict[int, Object]
"""The S3 objects of the files that have arrived in full, by file number."""
PartTags = dict[int, dict[int, str]]
"""The S3 entity tags of uploaded parts, by file number, then by part number."""


def collect(backend: Backend, files: Sequence[FileRecord]) -> list[FileRecord]:
    """Returns the files, each with the S3 object version that has arrived. Later PUTs to the same keys are not read.

    Completes the multipart uploads once every part of every file has arrived. Until then, each file can be uploaded
    again. A repeated call resumes where an earlier call stopped. Raises Conflict (`files_missing`), and TooLarge for a
    file over `MAX_FILE_BYTES`.
    """
    objects = _objects(backend, files)
    tags = _part_tags(backend, [file for file in files if file.number not in objects])
    # If S3 has no parts of a file, another call may have just completed its multipart upload.
    objects |= _objects(backend, [file for file in files if file.number in tags and not tags[file.number]])
    incomplete = [file for file in files if file.number not in objects]
    _refuse([missing for file in incomplete if (missing := _missing(file, tags.get(file.number, {})))])
    backend.parallel(lambda file: _complete(backend, file, tags[file.number]), incomplete)
    objects |= _objects(backend, incomplete)
    _refuse([file.file.name for file in incomplete if file.number not in objects])
    for file in files:
        size = objects[file.number].size
        if size > MAX_FILE_BYTES:
            raise TooLarge(f"The file {file.file.name!r} has {size:,} bytes; a file may have {MAX_FILE_BYTES:,}.")
    return [file.with_source(objects[file.number]) for file in files]


def _objects(backend: Backend, files: Sequence[FileRecord]) -> Objects:
    sources = backend.parallel(lambda file: bucket.find(backend, file.source.key), files)
    return {file.number: source for file, source in zip(files, sources, strict=True) if source is not None}


def _part_tags(backend: Backend, files: Sequence[FileRecord]) -> PartTags:
    uploads = [(file.number, file.source.key, file.multipart) for file in files if file.multipart is not None]
    tags = backend.parallel(lambda upload: multipart.uploaded_parts(backend, upload[1], upload[2]), uploads)
    return {number: part_tags for (number, _, _), part_tags in zip(uploads, tags, strict=True)}


def _missing(file: FileRecord, tags: dict[int, str]) -> str | None:
    """Returns a description of a file that has not fully arrived; None if all its parts have."""
    if file.multipart is None:
        return file.file.name
    parts = len(file.multipart.sizes)
    return f"{file.file.name} ({parts - len(tags)} of {parts} parts)" if len(tags) < parts else None


def _complete(backend: Backend, file: FileRecord, tags: dict[int, str]) -> None:
    if file.multipart is not None:
        multipart.complete(backend, file.source.key, file.multipart.id, tags)


def _refuse(missing: Sequence[str]) -> None:
    if missing:
        raise Conflict(
            f"These files have not arrived yet: {listed(missing, MAX_FILES_NAMED)}. "
            "Upload them, then complete the upload again.",
            code="files_missing",
        )
