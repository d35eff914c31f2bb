"""Files that are put as they are: checked before anything is sent, and announced in uploads that are named by them."""

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

from tidemark.client.push.rows import Source
from tidemark.domain.limits import MAX_FILE_BYTES

CHUNK_BYTES = 1024 * 1024
RULE = "1"
"""The rule by which uploads are announced and keys are made; another rule, another number."""


class TooLargeFile(ValueError):
    """A file that has more bytes than the service reads of one."""

    def __init__(self, name: str, size: str) -> None:
        super().__init__(
            f"{name} has {size} bytes, and a file has at most {MAX_FILE_BYTES:,}; nothing was sent. "
            "Push it in parts, or without --files."
        )


class State(NamedTuple):
    """By what is seen whether a file was written to."""

    size: int
    modified: int

    @classmethod
    def of(cls, opened: IO[bytes]) -> "State":
        """The state of an open file."""
        found = os.fstat(opened.fileno())
        return cls(found.st_size, found.st_mtime_ns)


class File(NamedTuple):
    """A file on the disk."""

    path: Path
    shown: str
    """What its user knows it by."""

    @property
    def name(self) -> str:
        """What the service knows it by: its name without its folders, so that moving them makes no other push."""
        return Path(self.shown).name


class Digested(NamedTuple):
    """A file, and what the service is told of it."""

    file: File
    state: State
    sha256: str
    """In base64."""

    def description(self) -> dict[str, str | int]:
        """As an upload announces it."""
        return {"name": self.file.name, "bytes": self.state.size, "sha256": self.sha256}


class Announcement(NamedTuple):
    """The body of a request that announces an upload, and its Idempotency-Key."""

    body: bytes
    key: str

    @classmethod
    def of(cls, files: Sequence[Digested], run: str) -> "Announcement":
        """Announce files: the same files under the same names, with the same key."""
        body = json.dumps({"files": [file.description() for file in files]}).encode()
        key = sha256(f"tidemark push --files\0{RULE}\0{run}\0".encode() + body).hexdigest()
        return cls(body, f"push-{key}")


def digested(file: File, is_read: Callable[[int], None]) -> Digested:
    """Read a file, for its digest; `is_read` is told as it goes how many bytes are read. Raises OSError."""
    digest = sha256()
    with file.path.open("rb") as opened:
        state = State.of(opened)
        while chunk := opened.read(CHUNK_BYTES):
            digest.update(chunk)
            is_read(opened.tell())
    return Digested(file, state, base64.b64encode(digest.digest()).decode())


@contextmanager
def files_of(source: Source) -> Iterator[list[File]]:
    """The files of a source, and in place of stdin and pipes files of what they give, which go again afterwards.

    Raises TooLargeFile and OSError.
    """
    with tempfile.TemporaryDirectory(prefix="tidemark-") as folder:
        if not source.files:
            yield [_kept(sys.stdin.buffer, Path(folder), "stdin")]
            return
        yield [_on_disk(path, Path(folder) / str(number)) for number, path in enumerate(source.files)]


def _on_disk(path: Path, folder: Path) -> File:
    if path.is_file():
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise TooLargeFile(str(path), f"{size:,}")
        return File(path, str(path))
    with path.open("rb") as pipe:
        folder.mkdir()
        return _kept(pipe, folder, str(path))


def _kept(stream: IO[bytes], folder: Path, shown: str) -> File:
    """What a stream gives, in a file. It is given up where it becomes too large."""
    path = folder / "rows"
    size = 0
    with path.open("wb") as kept:
        while chunk := stream.read(CHUNK_BYTES):
            size += len(chunk)
            if size > MAX_FILE_BYTES:
                raise TooLargeFile(shown, f"more than {MAX_FILE_BYTES:,}")
            kept.write(chunk)
    return File(path, shown)
