"""Row files: any bytes give lines and at most one error that ends the file, however they are split into chunks."""

import gzip
import zlib
from collections.abc import Iterator

from tidemark.domain.rows.inflate import FileFault
from tidemark.domain.rows.json_lines import FileRow, LineError, RowFileReader

ROWS = b'{"op": "DELETE", "frame_id": "a"}\r\n\n{"op": 1e400, "op": 2}\n[\xff]\n' + b"[" * 1500
MEMBERS = gzip.compress(ROWS) + gzip.compress(b"7\n") + b"\0" * 20
SEEDS = [
    b"\x07" + ROWS,
    b"\x03\xef\xbb\xbf" + ROWS,
    b"\x05" + MEMBERS,
    b"\x40" + MEMBERS + b"more",
    b"\x40" + MEMBERS[:-30],
    b"\x20" + gzip.compress(gzip.compress(ROWS)),
    b"\xff" + gzip.compress(b"0\n" * 2**10),
    b"\xff" + gzip.compress(b" " * 2**25),
    b"\x11" + zlib.compress(ROWS),
    b"\x11PK\x03\x04" + ROWS,
    b"\x11" + "{}\n".encode("utf-16"),
    b"\x01" + b"\n" * 300,
    b"\x01",
]
LINE_CODES = {"line_too_long", "malformed_json", "too_deep"}


def target(data: bytes) -> None:
    """Reads a file in chunks whose size is its first byte. Raises AssertionError if an outcome is wrong."""
    size, file = (data[0] if data else 0) + 1, data[1:]
    reader, lines = _read([file])
    last = 0
    for line in lines:
        assert last < line.line
        last = line.line
        assert isinstance(line, FileRow) or line.code in LINE_CODES
    assert reader.error is None or isinstance(reader.error.code, FileFault)
    assert lines or reader.error
    if len(file) < 10_000:
        cut, same = _read(file[at : at + size] for at in range(0, len(file), size))
        assert repr(same) == repr(lines)
        assert (cut.error, cut.cursor) == (reader.error, reader.cursor)


def _read(chunks: list[bytes] | Iterator[bytes]) -> tuple[RowFileReader, list[FileRow | LineError]]:
    reader = RowFileReader(chunks)
    return reader, list(reader)
