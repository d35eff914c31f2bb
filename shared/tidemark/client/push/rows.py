"""What is pushed: rows in JSON lines, from a file, a folder of files or stdin, plain or gzip.

Everything is read as a stream, in memory for one line, however long the source. A line that is not JSON is told by its
place, and the others are not touched by it. A file that cannot be read on ends the push: what follows might be meant
to come after what is missing.
"""

import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from tidemark.domain.limits import MAX_REQUEST_BYTES
from tidemark.domain.rows.strict_json import BYTE_ORDER_MARK

STDIN = "-"
SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
"""Names of the files that are taken from a folder."""
GZIP = b"\x1f\x8b"
BLANK = b" \t\r\n"
MAX_LINE = MAX_REQUEST_BYTES - 64
"""Bytes of a line: what a request has room for beside its envelope."""
TOO_LONG = f"The line has {MAX_LINE:,} bytes or more, and no request has room for it. Is each row on a line of its own?"


class Place(NamedTuple):
    """Where a row is from; lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Row(NamedTuple):
    """A line that is JSON, as it was written. Whether it is a mutation is the API's to say."""

    place: Place
    text: bytes
    frame_id: str | None
    """The frame that it is for, if it names one."""


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
        self._done = 0
        self._opened: IO[bytes] | None = None

    @property
    def size(self) -> int | None:
        """Bytes of all files, as they lie on the disk; None for stdin and pipes."""
        if not self.files or not all(file.is_file() for file in self.files):
            return None
        return sum(file.stat().st_size for file in self.files)

    @property
    def read(self) -> int:
        """How many of them are read."""
        return self._done + (_position(self._opened) if self._opened else 0)

    def __iter__(self) -> Iterator[Row | Unsent]:
        """The rows of all files in order, up to a file that cannot be read on."""
        if not self.files:
            yield from _Lines("stdin", sys.stdin.buffer)
        for file in self.files:
            try:
                opened = file.open("rb")
            except OSError as error:
                yield Unsent(Place(str(file), 1), "unreadable", f"The file cannot be read: {error.strerror}.")
                return
            with opened:
                self._opened = opened
                lines = _Lines(str(file), opened)
                yield from lines
                self._done += _position(opened)
                self._opened = None
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
            for number, line in enumerate(_kept_lines(_plain(self._stream)), 1):
                found = _row(Place(self._name, number), line)
                if found:
                    rows += 1
                    yield found
        except (EOFError, OSError, zlib.error) as error:
            self.broken = True
            message = f"The file cannot be read behind this line: {error}. Nothing that comes after it is sent."
            yield Unsent(Place(self._name, number), "unreadable", message)
        else:
            if not rows:
                yield Unsent(Place(self._name, number), "no_rows", "There are no rows; send one mutation a line.")


def _plain(stream: IO[bytes]) -> IO[bytes]:
    """The text of a file, which may be gzip, whatever it is called."""
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    if not buffered.peek(len(GZIP)).startswith(GZIP):
        return buffered
    return io.BufferedReader(gzip.GzipFile(fileobj=buffered))


def _position(stream: IO[bytes]) -> int:
    return stream.tell() if stream.seekable() else 0


def _kept_lines(text: IO[bytes]) -> Iterator[bytes | None]:
    """The lines of a text; None for one that is too long to be kept."""
    while line := text.readline(MAX_LINE):
        whole = line.endswith(b"\n") or len(line) < MAX_LINE
        yield line if whole else None
        while not whole:
            rest = text.readline(MAX_LINE)
            whole = rest.endswith(b"\n") or not rest


def _row(place: Place, line: bytes | None) -> Row | Unsent | None:
    """What a line is; None if it is blank. A line of None is too long."""
    if line is None:
        return Unsent(place, "line_too_long", TOO_LONG)
    text = (line.removeprefix(BYTE_ORDER_MARK) if place.line == 1 else line).strip(BLANK)
    if not text:
        return None
    try:
        # Numbers are not looked at; read as real ones, none of them has too many digits.
        value = json.loads(text.decode(), parse_int=float)
    except UnicodeDecodeError as error:
        return Unsent(place, "malformed_json", f"The line is not UTF-8 at byte {error.start}.")
    except RecursionError:
        return Unsent(place, "too_deep", "The line is nested too deeply to be read.")
    except json.JSONDecodeError as error:
        return Unsent(place, "malformed_json", f"The line is not JSON: {error.msg}: column {error.colno}.")
    return Row(place, text, _frame_id(value))


def _frame_id(value: Any) -> str | None:
    holder = value.get("frame", value) if isinstance(value, dict) else None
    found = holder.get("frame_id") if isinstance(holder, dict) else None
    return found if isinstance(found, str) else None


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if _has_rows(file))
    if not found:
        raise ValueError(f"The folder {path} has no file whose name ends with {', '.join(SUFFIXES)}.")
    return found


def _has_rows(file: Path) -> bool:
    return file.name.endswith(SUFFIXES) and not file.name.startswith(".") and file.is_file()
