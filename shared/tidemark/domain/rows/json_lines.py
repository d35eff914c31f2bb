"""Row files: mutations in JSON lines (JSONL), one a line in the shape of the API's, plain or gzip.

A file is read as a stream, from any line on, in memory for one line and one chunk. What is read depends on the file
alone, neither on its chunks nor on where reading was interrupted, and every bad line is told alone, by its number:

- A line ends with a newline, or with the file. A carriage return before the newline, and a byte order mark at the
  beginning of the file, are passed over; so are blank lines, but they count.
- A file of no bytes or of blank lines only is an error: nobody means to send one.
- Where a file cannot be read on, for its gzip is damaged or it is too large, the lines before hold. The last of them,
  if its end is missing, does not.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from tidemark.domain.errors import InvalidRequest
from tidemark.domain.limits import MAX_FILE_LINES, MAX_LINE_BYTES
from tidemark.domain.rows.inflate import GZIP, FileFault, UnreadableFile, after, as_text, blocks, inflated, within_limit
from tidemark.domain.rows.strict_json import BYTE_ORDER_MARK, read_json

BLANK = b" \t\r"
"""White space of JSON within a line."""


class Cursor(NamedTuple):
    """A place in a file, between two lines, at which its reading can go on."""

    line: int = 1
    """Number of the line that begins there, from 1."""
    offset: int = 0
    """Bytes of text before it: of the file, or of what it is inflated."""
    compressed: bool = False
    """Whether the file is gzip. At the beginning of a file this is not known yet, and not looked at."""

    @property
    def first_byte(self) -> int:
        """The byte of the file from which its chunks are to be given, to go on here: 0 if it is gzip."""
        return 0 if self.compressed else self.offset


START = Cursor()


class FileRow(NamedTuple):
    """A line that is JSON."""

    line: int
    """Its number in the file, from 1."""
    offset: int
    """Bytes of text before it; see `Cursor`."""
    value: Any
    """What it holds, for `RowValidator.check`."""


class LineError(NamedTuple):
    """A line that cannot be read. The other lines are not touched by it."""

    line: int
    """Its number in the file, from 1."""
    offset: int
    """Bytes of text before it; see `Cursor`."""
    code: str
    """`line_too_long`, `malformed_json` or `too_deep`."""
    message: str
    """What is wrong, for a person."""


class FileError(NamedTuple):
    """Why a file is not read, or no further. The lines that came before hold."""

    line: int
    """Number of the line in which reading ended."""
    code: FileFault
    message: str
    """What is wrong and what to do, for a person."""


class RowFileReader:
    """Reads one file, once: an iterator of its lines, and what is known of it so far.

    Every byte string can be read; only what `chunks` itself raises is raised. Limits hold for the file as a whole,
    wherever reading began.
    """

    def __init__(self, chunks: Iterable[bytes], start: Cursor = START) -> None:
        """`chunks` is the file, in parts of any size, from `start.first_byte` on.

        Whoever goes on at a cursor sees to it that the file is the same; here it is not noticed if it is not.
        """
        self._chunks = chunks
        self._start = start
        self.cursor = start
        """Where to go on after the line that was given last."""
        self.error: FileError | None = None
        """Why there are no more lines; None while there are, and if the file was read to its end."""

    def __iter__(self) -> Iterator[FileRow | LineError]:
        try:
            yield from self._found()
        except UnreadableFile as fault:
            self.error = FileError(self.cursor.line, fault.code, fault.message)

    def _found(self) -> Iterator[FileRow | LineError]:
        empty = self._start.offset == 0
        for text, size in split_lines(self._text(), MAX_LINE_BYTES):
            line, offset, compressed = self.cursor
            if line > MAX_FILE_LINES:
                message = f"The file has more than {MAX_FILE_LINES:,} lines; send the rows in several files."
                raise UnreadableFile(FileFault.TOO_MANY_LINES, message)
            self.cursor = Cursor(line + 1, offset + size, compressed)
            found = _read(line, offset, text)
            if found:
                empty = False
                yield found
        if empty:
            raise UnreadableFile(FileFault.NO_ROWS, "The file has no rows; send one mutation a line.")

    def _text(self) -> Iterator[bytes]:
        """The text of the file from the start on."""
        file = blocks(self._chunks)
        offset = self._start.offset
        if offset == 0:
            head = next(file, b"")
            file = chain([head], file)
            self.cursor = self.cursor._replace(compressed=head.startswith(GZIP))
        if self.cursor.compressed:
            return after(within_limit(as_text(inflated(file))), offset)
        return within_limit(file, offset) if offset else within_limit(as_text(file))


def split_lines(pieces: Iterable[bytes], max_bytes: int) -> Iterator[tuple[bytes | None, int]]:
    """Splits a text into lines. Yields each without its newline, and its size in bytes with the newline.

    A line of more than `max_bytes`, without its newline, is None; no more than that is held in memory. A line is
    yielded as soon as the piece with its newline is read.
    """
    held = bytearray()
    size = 0
    for piece in pieces:
        begin = 0
        while (end := piece.find(b"\n", begin)) >= 0:
            size += end - begin
            yield (bytes(held) + piece[begin:end] if size <= max_bytes else None), size + 1
            held.clear()
            size = 0
            begin = end + 1
        size += len(piece) - begin
        if size <= max_bytes:
            held += piece[begin:]
    if size:
        yield (bytes(held) if size <= max_bytes else None), size


def _read(line: int, offset: int, text: bytes | None) -> FileRow | LineError | None:
    """What a line is: a row, an error, or None if it is blank. A text of None is too long."""
    if text is None:
        message = f"The line has more than {MAX_LINE_BYTES:,} bytes; no row is as long. Is each row on its own line?"
        return LineError(line, offset, "line_too_long", message)
    if offset == 0:
        text = text.removeprefix(BYTE_ORDER_MARK)
    if not text.strip(BLANK):
        return None
    try:
        return FileRow(line, offset, read_json(text, "line"))
    except InvalidRequest as error:
        return LineError(line, offset, error.code, error.message)
