"""Local files that are pushed whole: their size limit and digests, and the request that announces them to the API."""

import base64
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, NamedTuple

from tidemark.client.push.local_rows import Source
from tidemark.domain.limits import MAX_FILE_BYTES

CHUNK_BYTES = 1024 * 1024
KEY_RULE = "1"
"""Version of the rule that derives an idempotency key from files. Raise it when the rule changes."""


class TooLargeFile(ValueError):
    """Raised for a file with more bytes than the service accepts."""

    def __init__(self, name: str, size: str) -> None:
        super().__init__(
            f"{name} has {size} bytes, and the limit for a file is {MAX_FILE_BYTES:,}; nothing was sent. "
            "Split it, or push it without --files."
        )


class FileState(NamedTuple):
    """A file's size in bytes and modification time in nanoseconds: if either differs, the file has been written to."""

    size: int
    modified: int

    @classmethod
    def of(cls, file: IO[bytes]) -> "FileState":
        """Returns the state of an open file."""
        status = os.fstat(file.fileno())
        return cls(status.st_size, status.st_mtime_ns)


class LocalFile(NamedTuple):
    """A file on the disk."""

    path: Path
    shown: str
    """The name shown to the user: the path as given. For a temporary file, the path of its pipe, or `stdin`."""

    @property
    def name(self) -> str:
        """The name sent to the service. It has no folders, so that pushing a moved folder repeats the same push."""
        return Path(self.shown).name


class DigestedFile(NamedTuple):
    """A file, and the size and digest that announce it to the service."""

    file: LocalFile
    state: FileState
    sha256: str
    """SHA-256 digest of the file's bytes, in base64."""

    def description(self) -> dict[str, str | int]:
        """Returns the file's JSON object in the request that announces it."""
        return {"name": self.file.name, "bytes": self.state.size, "sha256": self.sha256}


class Announcement(NamedTuple):
    """The body of a request that announces an upload of files, and its idempotency key."""

    body: bytes
    key: str

    @classmethod
    def of(cls, files: Sequence[DigestedFile], run: str) -> "Announcement":
        """Returns the announcement of files. The idempotency key depends on their names, their contents and `run`."""
        body = json.dumps({"files": [file.description() for file in files]}).encode()
        key = sha256(f"tidemark push --files\0{KEY_RULE}\0{run}\0".encode() + body).hexdigest()
        return cls(body, f"push-{key}")


def digest(file: LocalFile, progress: Callable[[int], None]) -> DigestedFile:
    """Reads a file and returns it with its digest. Raises OSError, and what `progress` raises.

    After each chunk, calls `progress` with the number of bytes read so far.
    """
    sha = sha256()
    with file.path.open("rb") as content:
        state = FileState.of(content)
        while chunk := content.read(CHUNK_BYTES):
            sha.update(chunk)
            progress(content.tell())
    return DigestedFile(file, state, base64.b64encode(sha.digest()).decode())


@contextmanager
def local_files(source: Source) -> Iterator[list[LocalFile]]:
    """Yields the files of a source. Copies stdin and pipes to temporary files, which exist only inside the context.

    Raises TooLargeFile and OSError.
    """
    with tempfile.TemporaryDirectory(prefix="tidemark-") as folder:
        if not source.files:
            yield [_spooled(sys.stdin.buffer, Path(folder), "stdin")]
            return
        yield [_local_file(path, Path(folder) / str(number)) for number, path in enumerate(source.files)]


def _local_file(path: Path, folder: Path) -> LocalFile:
    if path.is_file():
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise TooLargeFile(str(path), f"{size:,}")
        return LocalFile(path, str(path))
    with path.open("rb") as pipe:
        folder.mkdir()
        return _spooled(pipe, folder, str(path))


def _spooled(stream: IO[bytes], folder: Path, shown: str) -> LocalFile:
    """Copies a stream to a temporary file in `folder`. Raises TooLargeFile if the stream exceeds the limit."""
    path = folder / "rows"
    size = 0
    with path.open("wb") as file:
        while chunk := stream.read(CHUNK_BYTES):
            size += len(chunk)
            if size > MAX_FILE_BYTES:
                raise TooLargeFile(shown, f"more than {MAX_FILE_BYTES:,}")
            file.write(chunk)
    return LocalFile(path, shown)
