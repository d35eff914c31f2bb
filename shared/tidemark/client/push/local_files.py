"""Files on this machine that are uploaded as they are: checked before anything is sent, then announced to the API."""

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
"""Version of the rule that makes an Idempotency-Key of files. It changes with the rule."""


class TooLargeFile(ValueError):
    """A file with more bytes than the service accepts."""

    def __init__(self, name: str, size: str) -> None:
        super().__init__(
            f"{name} has {size} bytes, and the limit for a file is {MAX_FILE_BYTES:,}; nothing was sent. "
            "Split it, or push it without --files."
        )


class FileState(NamedTuple):
    """What changes when a file is written to."""

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
    """The name that its user knows: the path as given, or `stdin` for a temporary file."""

    @property
    def name(self) -> str:
        """The name that the service knows: without folders, so that the push of a moved folder is still the same."""
        return Path(self.shown).name


class DigestedFile(NamedTuple):
    """A file with what the service needs to know of it in advance."""

    file: LocalFile
    state: FileState
    sha256: str
    """In base64."""

    def description(self) -> dict[str, str | int]:
        """Returns the file as the request that announces it lists it."""
        return {"name": self.file.name, "bytes": self.state.size, "sha256": self.sha256}


class Announcement(NamedTuple):
    """The body of a request that announces an upload, and its Idempotency-Key."""

    body: bytes
    key: str

    @classmethod
    def of(cls, files: Sequence[DigestedFile], run: str) -> "Announcement":
        """Announces files. The same files with the same names have the same key."""
        body = json.dumps({"files": [file.description() for file in files]}).encode()
        key = sha256(f"tidemark push --files\0{KEY_RULE}\0{run}\0".encode() + body).hexdigest()
        return cls(body, f"push-{key}")


def digest(file: LocalFile, progress: Callable[[int], None]) -> DigestedFile:
    """Reads a file and returns it with its digest. Raises OSError, and what `progress` raises.

    `progress` is called after each chunk with the bytes read so far.
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
    """Yields the files of a source. Stdin and pipes are first written to temporary files, which are deleted afterwards.

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
    """Writes a stream to a temporary file, until it exceeds the limit."""
    path = folder / "rows"
    size = 0
    with path.open("wb") as file:
        while chunk := stream.read(CHUNK_BYTES):
            size += len(chunk)
            if size > MAX_FILE_BYTES:
                raise TooLargeFile(shown, f"more than {MAX_FILE_BYTES:,}")
            file.write(chunk)
    return LocalFile(path, shown)
