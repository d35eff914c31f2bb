"""What was put of an upload's files: all of each, at once or in parts, or the upload cannot begin."""

from collections.abc import Sequence

from tidemark.aws import bucket, multipart
from tidemark.aws.backend import Backend
from tidemark.aws.bucket import Object
from tidemark.domain.errors import Conflict, TooLarge
from tidemark.domain.limits import MAX_FILE_BYTES
from tidemark.uploads.file_records import FileRecord

MAX_FILES_NAMED = 5
"""Missing files that one refusal names."""

Found = dict[int, Object]
"""The objects of files that are whole, by the files' numbers."""
Tags = dict[int, dict[int, str]]
"""The parts that are there of files that are not put together, by the files' numbers and their own."""


def collect(backend: Backend, files: Sequence[FileRecord]) -> list[FileRecord]:
    """The files as they lie in the bucket now, put together where they came in parts. What is put in their place later
    is not read.

    Nothing is put together before all is there, so that until then each file can be put again. A repeat goes on where
    another call ended: what that one has put together is found as it is. Raises Conflict (`files_missing`) and
    TooLarge.
    """
    found = _found(backend, files)
    tags = _tags(backend, [file for file in files if file.number not in found])
    # Where there is no part at all, another call may have put them together just now.
    found |= _found(backend, [file for file in files if file.number in tags and not tags[file.number]])
    apart = [file for file in files if file.number not in found]
    _refuse([told for file in apart if (told := _missing(file, tags.get(file.number, {})))])
    backend.parallel(lambda file: _finish(backend, file, tags[file.number]), apart)
    found |= _found(backend, apart)
    _refuse([file.file.name for file in apart if file.number not in found])
    for file in files:
        size = found[file.number].size
        if size > MAX_FILE_BYTES:
            raise TooLarge(f"The file {file.file.name!r} has {size:,} bytes, of at most {MAX_FILE_BYTES:,}.")
    return [file.with_source(found[file.number]) for file in files]


def _found(backend: Backend, files: Sequence[FileRecord]) -> Found:
    there = backend.parallel(lambda file: bucket.find(backend, file.source.key), files)
    return {file.number: one for file, one in zip(files, there, strict=True) if one is not None}


def _tags(backend: Backend, files: Sequence[FileRecord]) -> Tags:
    begun = [(file.number, file.source.key, file.multipart) for file in files if file.multipart is not None]
    there = backend.parallel(lambda one: multipart.uploaded_parts(backend, one[1], one[2]), begun)
    return {number: tags for (number, _, _), tags in zip(begun, there, strict=True)}


def _missing(file: FileRecord, tags: dict[int, str]) -> str | None:
    """What is missing of a file, for its sender; None if all its parts are there."""
    if file.multipart is None:
        return file.file.name
    parts = len(file.multipart.sizes)
    return f"{file.file.name} ({parts - len(tags)} of {parts} parts)" if len(tags) < parts else None


def _finish(backend: Backend, file: FileRecord, tags: dict[int, str]) -> None:
    if file.multipart is not None:
        multipart.complete(backend, file.source.key, file.multipart.id, tags)


def _refuse(missing: Sequence[str]) -> None:
    if missing:
        more = f" and {len(missing) - MAX_FILES_NAMED} more" if len(missing) > MAX_FILES_NAMED else ""
        raise Conflict(
            f"These files have not been put yet: {', '.join(missing[:MAX_FILES_NAMED])}{more}. Put them and complete again.",
            code="files_missing",
        )
