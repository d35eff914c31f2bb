"""Row files: mutations as JSON lines (JSONL), uncompressed or gzip. Each line is a mutation as in a request.

A file is read as a stream, from any line on, with one line and one chunk in memory. What is read depends only on the
file, not on the chunks in which it arrives or on where reading was interrupted. Every bad line is reported separately,
with its number:

- A line ends with a newline or with the file. A carriage return before the newline and a byte order mark at the start
  of the file are ignored. Blank lines are skipped, but count.
- A file that is empty or has only blank lines is an error, because nobody means to send one.
- If a file cannot be read further, because its gzip data is damaged or the file is too large, the lines before that
  point count. The last line does not if its end is missing.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from tidemark.domain.errors import InvalidRequest
from tidemark.domain.limits import MAX_FILE_LINES, MAX_LINE_BYTES
from tidemark.domain.rows.inflate import (
    GZIP,
    FileFault,
    UnreadableFile,
    as_text,
    blocks,
    inflated,
    limited,
    without_first,
)
from tidemark.domain.rows.strict_json import BYTE_ORDER_MARK, read_json

BLANK = b" \t\r"
"""Characters that are white space in JSON, apart from the newline."""


class Cursor(NamedTuple):
    """A position in a file, between two lines, at which reading can resume."""

    line: int = 1
    """Number of the next line, from 1."""
    offset: int = 0
    """Number of bytes of text before that line, counted after decompression."""
    compressed: bool = False
    """Whether the file is gzip. At the start of a file this is not yet known, and not used."""

    @property
    def first_byte(self) -> int:
        """Offset in the stored file of the first byte needed to resume here; 0 for gzip, which is always read from its
        start."""
        return 0 if self.compressed else self.offset


START = Cursor()


class FileRow(NamedTuple):
    """A line that is valid JSON."""

    line: int
    """Number of the line in the file, from 1."""
    offset: int
    """Number of bytes of text before the line, counted as in `Cursor.offset`."""
    value: Any
    """Parsed value of the line, for `RowValidator.check`."""


class LineError(NamedTuple):
    """A line that cannot be read. Other lines are not affected."""

    line: int
    """Number of the line in the file, from 1."""
    offset: int
    """Number of bytes of text before the line, counted as in `Cursor.offset`."""
    code: str
    """`line_too_long`, `malformed_json` or `too_deep`."""
    message: str
    """What is wrong, as a sentence for people."""


class FileError(NamedTuple):
    """Why a file was not read, or was read only in part. The lines before `line` count."""

    line: int
    """Number of the line at which reading stopped."""
    code: FileFault
    message: str
    """What is wrong and what to do, as a sentence for people."""


class RowFileReader:
    """Reads a row file once. Iterate over the reader for the file's lines; `cursor` and `error` hold its state so far.

    Any bytes can be read. An iteration raises only what `chunks` itself raises. Limits apply to the file as a whole,
    wherever reading started.
    """

    def __init__(self, chunks: Iterable[bytes], start: Cursor = START) -> None:
        """`chunks` is the content of the file from `start.first_byte` on, in chunks of any size.

        To resume at a cursor, the caller must make sure that the file is still the same. The reader does not detect a
        different file.
        """
        self._chunks = chunks
        self._start = start
        self.cursor = start
        """Position at which to resume after the line that was yielded last."""
        self.error: FileError | None = None
        """Why reading stopped early; None while there are more lines, or if the file was read to its end."""

    def __iter__(self) -> Iterator[FileRow | LineError]:
        try:
            yield from self._rows()
        except UnreadableFile as fault:
            self.error = FileError(self.cursor.line, fault.code, fault.message)

    def _rows(self) -> Iterator[FileRow | LineError]:
        empty = self._start.offset == 0
        for text, size in split_lines(self._text(), MAX_LINE_BYTES):
            line, offset, compressed = self.cursor
            if line > MAX_FILE_LINES:
                message = f"The file has more than {MAX_FILE_LINES:,} lines. Send the rows in several files."
                raise UnreadableFile(FileFault.TOO_MANY_LINES, message)
            self.cursor = Cursor(line + 1, offset + size, compressed)
            row = _read(line, offset, text)
            if row:
                empty = False
                yield row
        if empty:
            raise UnreadableFile(FileFault.NO_ROWS, "The file has no rows. Send one mutation per line.")

    def _text(self) -> Iterator[bytes]:
        """Returns the text of the file from the start cursor on."""
        file = blocks(self._chunks)
        offset = self._start.offset
        if offset == 0:
            head = next(file, b"")
            file = chain([head], file)
            self.cursor = self.cursor._replace(compressed=head.startswith(GZIP))
        if self.cursor.compressed:
            return without_first(limited(as_text(inflated(file))), offset)
        return limited(file, offset) if offset else limited(as_text(file))


def split_lines(pieces: Iterable[bytes], max_bytes: int) -> Iterator[tuple[bytes | None, int]]:
    """Splits a text into lines. Yields each line without its newline, and the line's size in bytes with its newline.

    A line that has more than `max_bytes` without its newline is yielded as None, and never more than `max_bytes` of it
    are held in memory. A line is yielded as soon as the piece with its newline is read.
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
    """Returns a line as a row or an error; None if the line is blank. If the line is too long, `text` is None."""
    if text is None:
        message = (
            f"The line has more than {MAX_LINE_BYTES:,} bytes, more than any valid row. Put each row on its own line."
        )
        return LineError(line, offset, "line_too_long", message)
    if offset == 0:
        text = text.removeprefix(BYTE_ORDER_MARK)
    if not text.strip(BLANK):
        return None
    try:
        return FileRow(line, offset, read_json(text, "line"))
    except InvalidRequest as error:
        return LineError(line, offset, error.code, error.message)
