"""Reads local rows: JSON lines from a file, a folder of files or stdin, plain or gzip.

Rows are read as a stream. Memory holds one line, however long the source is. A line that is not JSON is reported with
its place, and the other lines are unaffected. A file that cannot be read to its end ends the push, because the rows
after the gap may depend on the missing rows.

Lines are split and parsed by the same code as in the service (`domain.rows`). The rest differs on purpose. The service
reads untrusted files, so it limits their size, line length and compression ratio. This module reads the user's own
files, of any size, and sends each row unchanged. The API decides whether a row is a valid mutation.
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
"""Most bytes of text inflated in one read. If gzip data is damaged, up to this much text before the damage is lost."""
SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
"""Suffixes of the files that are read from a folder. Files with other names are ignored."""
MAX_LINE = MAX_REQUEST_BYTES - 65
"""Most bytes of a line: the largest request body, less room for the JSON around the line."""
TOO_LONG = f"The line has more than {MAX_LINE:,} bytes and does not fit into a request. Is each row on its own line?"


class Place(NamedTuple):
    """Where a row comes from: a file and a line, numbered from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Row(NamedTuple):
    """A line of JSON, with its text unchanged. The API decides whether it is a valid mutation."""

    place: Place
    text: bytes
    frame_id: str | None
    """Id of the frame that the row changes; None if the row has no frame id."""


class Unsent(NamedTuple):
    """A line, or the rest of a file, that is not sent, and the reason."""

    place: Place
    reason: str
    message: str


class Source:
    """The rows to push: files, in order, or stdin. Iterating over a source reads it."""

    def __init__(self, name: str) -> None:
        """`name` is a file, a folder, or `-` for stdin. Raises ValueError for a folder without files of rows."""
        self.name = "stdin" if name == STDIN else name
        self.files = [] if name == STDIN else _files(Path(name))
        self._bytes_done = 0
        self._open_file: IO[bytes] | None = None

    @property
    def size(self) -> int | None:
        """Total size of the files in bytes, compressed if they are; None for stdin and pipes."""
        if not self.files or not all(file.is_file() for file in self.files):
            return None
        return sum(file.stat().st_size for file in self.files)

    @property
    def read(self) -> int:
        """Number of the files' bytes read so far, compressed if they are."""
        return self._bytes_done + (_position(self._open_file) if self._open_file else 0)

    def __iter__(self) -> Iterator[Row | Unsent]:
        """Yields the rows of all files in order. Stops after the first file that cannot be read to its end."""
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
    """The rows of one file, and the lines that are not sent. Iterating reads the file."""

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
    """Yields the text of a file in pieces, inflated if the bytes are gzip, whatever the file's name.

    Yields plain text as soon as any is available, so that the rows of a slow pipe are sent without waiting for more.
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
    """Parses a line: returns a row, the reason the line is not sent, or None for a blank line. A `line` of None stands
    for a line that is too long."""
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
