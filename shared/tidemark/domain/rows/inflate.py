"""The text of a row file: decompressed if the file is gzip, and refused early if it cannot contain rows.

Text is processed in pieces of at most `PIECE_BYTES`. What is read depends only on the file, not on the chunks in which
its bytes arrive, because `blocks` first cuts these chunks anew.
"""

import zlib
from collections.abc import Iterable, Iterator
from enum import StrEnum

from tidemark.domain.limits import MAX_FILE_BYTES, MAX_INFLATION_RATIO

PIECE_BYTES = 64 * 1024
"""Most bytes in a piece of text."""
BLOCK_BYTES = 16 * 1024
"""Number of bytes of a file that are processed at a time. It is small because zlib copies the rest of a gzip block
after each piece of text and at each end of a gzip member."""
HEAD_BYTES = 512
"""Number of bytes at the start of the text that are examined to detect its format."""
RATIO_FROM_BYTES = 16 * 1024 * 1024
"""Number of bytes of text from which the inflation ratio is checked. It is not checked earlier, because a file may well
start with a few large frames of zeros."""

GZIP = b"\x1f\x8b"
_GZIP_WINDOW = zlib.MAX_WBITS | 16
"""Window size for zlib, with the flag that makes zlib expect a gzip header and verify the gzip trailer."""
_FORMATS = {
    GZIP: "gzip inside gzip",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"BZh91AY&SY": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"PAR1": "Parquet",
    b"ARROW1": "Arrow",
    b"Obj\x01": "Avro",
    b"\x89HDF": "HDF5",
    b"\x93NUMPY": "a NumPy array",
    b"SQLite format 3\x00": "an SQLite database",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}
"""Signatures of file formats that people send by mistake. No JSON text starts with any of them."""
_TAR = slice(257, 262)
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\r"))
"""Control characters that JSON never contains. They make up a tenth of random bytes, and every second byte of UTF-16.
"""
MAX_STRAY_CONTROLS = 16
"""Most control characters in the first `HEAD_BYTES` of a file that still counts as text. They are then reported as
errors of their lines."""


class FileFault(StrEnum):
    """Why a file was not read, or was read only in part."""

    NO_ROWS = "no_rows"
    """The file is empty or has only blank lines."""
    UNSUPPORTED_FORMAT = "unsupported_format"
    """The file is neither text nor gzipped text."""
    TRUNCATED_GZIP = "truncated_gzip"
    CORRUPT_GZIP = "corrupt_gzip"
    INFLATES_TOO_FAR = "inflates_too_far"
    """The text is more than `MAX_INFLATION_RATIO` times as large as the gzip data."""
    FILE_TOO_LARGE = "file_too_large"
    """The gzip data or the text exceeds `MAX_FILE_BYTES`."""
    TOO_MANY_LINES = "too_many_lines"
    """The file exceeds `MAX_FILE_LINES`."""


class UnreadableFile(Exception):
    """Raised when a file cannot be read, or cannot be read further. `message` is written for the file's sender."""

    def __init__(self, code: FileFault, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the bytes of `chunks` in blocks of `BLOCK_BYTES`. The last block may be shorter; no block is empty."""
    pending = bytearray()
    for chunk in chunks:
        start = 0
        while len(pending) + len(chunk) - start >= BLOCK_BYTES:
            end = start + BLOCK_BYTES - len(pending)
            yield bytes(pending) + chunk[start:end]
            pending.clear()
            start = end
        pending += chunk[start:]
    if pending:
        yield bytes(pending)


def inflated(gzip: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the text of consecutive gzip members in pieces. `gzip` must consist of the blocks that `blocks` yields.

    Raises UnreadableFile after all text before the fault is yielded, except text that shares a piece with damaged data.
    """
    member = None
    first = True
    bytes_in = bytes_out = 0
    for block in gzip:
        data = block
        bytes_in += len(block)
        _check_size("The file", bytes_in)
        while True:
            if member is None:
                data = data.lstrip(b"\0")  # tapes and some tools pad with zeros
                if not data:
                    break
                _check_member_start(data, first)
                member, first = zlib.decompressobj(_GZIP_WINDOW), False
            try:
                piece = member.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise _corrupt(str(error).rpartition(": ")[2]) from None
            bytes_out += len(piece)
            data = member.unconsumed_tail
            if member.eof:
                data, member = member.unused_data, None
            _check_ratio(bytes_in - len(data), bytes_out)
            yield piece
            if member and len(piece) < PIECE_BYTES:
                break  # the block is consumed; after a full piece, zlib may hold more text even without more data
    if member:
        raise UnreadableFile(
            FileFault.TRUNCATED_GZIP, "The gzip data of the file is incomplete. Send the whole file again."
        )


def as_text(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the text in `pieces` if it starts like UTF-8 text. Otherwise raises UnreadableFile at once."""
    pieces = iter(pieces)
    head = b""
    error = None
    try:
        while len(head) < HEAD_BYTES and (piece := next(pieces, None)) is not None:
            head += piece
    except UnreadableFile as unreadable:
        error = unreadable  # raised after the lines of the head, unless the head has the wrong format
    _check_format(head[:HEAD_BYTES])
    yield head
    if error:
        raise error
    yield from pieces


def limited(pieces: Iterable[bytes], start: int = 0) -> Iterator[bytes]:
    """Yields `pieces` until the text reaches `MAX_FILE_BYTES`, counted with the `start` bytes that came before.

    Raises UnreadableFile at that point if there is more text.
    """
    size = start
    for piece in pieces:
        size += len(piece)
        if size > MAX_FILE_BYTES:
            yield piece[: MAX_FILE_BYTES - size]
        _check_size("The text of the file", size)
        yield piece


def without_first(pieces: Iterable[bytes], skipped: int) -> Iterator[bytes]:
    """Yields `pieces` without their first `skipped` bytes."""
    for piece in pieces:
        if skipped < len(piece):
            yield piece[skipped:]
        skipped = max(0, skipped - len(piece))


def _check_member_start(data: bytes, first: bool) -> None:
    if not first and not data.startswith(GZIP[: len(data)]):
        raise _corrupt("the gzip data is followed by something else")


def _corrupt(reason: str) -> UnreadableFile:
    return UnreadableFile(FileFault.CORRUPT_GZIP, f"The gzip data of the file is damaged: {reason}.")


def _check_ratio(gzip: int, text: int) -> None:
    if text >= RATIO_FROM_BYTES and text > gzip * MAX_INFLATION_RATIO:
        message = (
            f"The gzip data inflates to more than {MAX_INFLATION_RATIO} times its size. Send the file uncompressed."
        )
        raise UnreadableFile(FileFault.INFLATES_TOO_FAR, message)


def _check_size(what: str, size: int) -> None:
    if size > MAX_FILE_BYTES:
        message = f"{what} has more than {MAX_FILE_BYTES:,} bytes. Send the rows in several files."
        raise UnreadableFile(FileFault.FILE_TOO_LARGE, message)


def _check_format(head: bytes) -> None:
    kind = next((name for magic, name in _FORMATS.items() if head.startswith(magic)), None)
    if kind is None and head[_TAR] == b"ustar":
        kind = "a tar archive"
    if kind is None and len(head) - len(head.translate(None, _CONTROLS)) > MAX_STRAY_CONTROLS:
        kind = "binary data"
    if kind:
        message = f"The file looks like {kind}. Send JSON lines in UTF-8, uncompressed or as gzip."
        raise UnreadableFile(FileFault.UNSUPPORTED_FORMAT, message)
