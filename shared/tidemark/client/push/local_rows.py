"""Rows on this machine: JSON lines from a file, a folder of files or stdin, plain or gzip.

Everything is read as a stream; memory holds one line, however long the source. A line that is not JSON is reported with
its place and does not affect the others. A file that cannot be read to its end ends the push: the rows after the gap
may depend on the rows in it.

Lines are split and parsed as the service does it with row files (`domain.rows`). The rest differs on purpose. The
service reads a stranger's file, and limits its size, its lines and how far it inflates. This reads the user's own
files, of any size, and sends each row as it was written: whether it is a valid mutation, the API decides.
"""

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

from tidemark.domain.errors import InvalidRequest
from tidemark.domain.limits import MAX_REQUEST_BYTES
from tidemark.domain.rows.inflate import GZIP, PIECE_BYTES
from tidemark.domain.rows.json_lines import BLANK, split_lines
from tidemark.domain.rows.strict_json import BYTE_ORDER_MARK, read_json

STDIN = "-"
INFLATED_BYTES = 8 * 1024
"""Text that is inflated at once. If the gzip data is damaged, the text since the last piece is lost."""
SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
"""Names of the files that are read from a folder."""
MAX_LINE = MAX_REQUEST_BYTES - 65
"""Bytes of a line: the room that a request has beside its envelope."""
TOO_LONG = f"The line has more than {MAX_LINE:,} bytes and does not fit into a request. Is each row on its own line?"


class Place(NamedTuple):
    """Where a row comes from; lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Row(NamedTuple):
    """A line of JSON, as it was written. Whether it is a valid mutation, the API decides."""

    place: Place
    text: bytes
    frame_id: str | None
    """The frame that the row is for; None if it names none."""


class Unsent(NamedTuple):
    """A line that is not sent, and why."""

    place: Place
    reason: str
    message: str


class Source:
    """Files of rows in their order, or stdin."""

    def __init__(self, name: str) -> None:
        """`name` is a file, a folder or `-`. Raises ValueError for a folder without files of rows."""
        self.name = "stdin" if name == STDIN else name
        self.files = [] if name == STDIN else _files(Path(name))
        self._bytes_done = 0
        self._open_file: IO[bytes] | None = None

    @property
    def size(self) -> int | None:
        """Bytes of all files on the disk; None for stdin and pipes."""
        if not self.files or not all(file.is_file() for file in self.files):
            return None
        return sum(file.stat().st_size for file in self.files)

    @property
    def read(self) -> int:
        """Bytes of the files that have been read so far."""
        return self._bytes_done + (_position(self._open_file) if self._open_file else 0)

    def __iter__(self) -> Iterator[Row | Unsent]:
        """Yields the rows of all files in order, up to a file that cannot be read to its end."""
        if not self.files:
            yield from _Lines("stdin", sys.stdin.buffer)
        for path in self.files:
            try:
                file = path.open("rb")
            except OSError as error:
                yield Unsent(Place(str(path), 1), "unreadable", f"The file cannot be read: {error.strerror}.")
                return
            with file:
                self._open_file = file
                lines = _Lines(str(path), file)
                yield from lines
                self._bytes_done += _position(file)
                self._open_file = None
            if lines.broken:
                return


class _Lines:
    """The lines of one file."""

    def __init__(self, name: str, stream: IO[bytes]) -> None:
        self._name = name
        self._stream = stream
        self.broken = False
        """Whether the file could not be read to its end."""

    def __iter__(self) -> Iterator[Row | Unsent]:
        number, rows = 1, 0
        try:
            for number, (line, _) in enumerate(split_lines(_pieces(self._stream), MAX_LINE), 1):
                row = _row(Place(self._name, number), line)
                if row:
                    rows += 1
                    yield row
        except (EOFError, OSError, zlib.error) as error:
            self.broken = True
            message = f"The file cannot be read past this line: {error}. Nothing after it is sent."
            yield Unsent(Place(self._name, number), "unreadable", message)
        else:
            if not rows:
                yield Unsent(Place(self._name, number), "no_rows", "There are no rows; put one mutation on each line.")


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """Yields the text of a file, which is inflated if it is gzip, whatever its name.

    Plain text is read as it comes, so that the rows of a slow pipe are sent without waiting for more.
    """
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    is_gzip = buffered.peek(len(GZIP)).startswith(GZIP)
    if is_gzip:
        yield from iter(partial(gzip.GzipFile(fileobj=buffered).read, INFLATED_BYTES), b"")
    else:
        yield from iter(partial(buffered.read1, PIECE_BYTES), b"")


def _position(stream: IO[bytes]) -> int:
    return stream.tell() if stream.seekable() else 0


def _row(place: Place, line: bytes | None) -> Row | Unsent | None:
    """Returns a line as a row, or why it is not sent; None if it is blank. A `line` of None is too long."""
    if line is None:
        return Unsent(place, "line_too_long", TOO_LONG)
    text = (line.removeprefix(BYTE_ORDER_MARK) if place.line == 1 else line).strip(BLANK)
    if not text:
        return None
    try:
        return Row(place, text, _frame_id(read_json(text, "line", find_repeats=False)))
    except InvalidRequest as error:
        return Unsent(place, error.code, error.message)


def _frame_id(value: Any) -> str | None:
    holder = value.get("frame", value) if isinstance(value, dict) else None
    frame_id = holder.get("frame_id") if isinstance(holder, dict) else None
    return frame_id if isinstance(frame_id, str) else None


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if _has_rows(file))
    if not files:
        raise ValueError(f"The folder {path} has no file whose name ends with {', '.join(SUFFIXES)}.")
    return files


def _has_rows(file: Path) -> bool:
    return file.name.endswith(SUFFIXES) and not file.name.startswith(".") and file.is_file()
