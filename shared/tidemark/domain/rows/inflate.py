"""The text in a file, from its bytes: inflated if they are gzip, and given up early where it can be no text of rows.

Everything goes by pieces of at most `PIECE_BYTES`, and what is read depends on the file alone, not on the chunks that
it arrives in: they are cut anew before anything looks at them.
"""

import zlib
from collections.abc import Iterable, Iterator
from enum import StrEnum

from tidemark.domain.limits import MAX_FILE_BYTES, MAX_INFLATION_RATIO

PIECE_BYTES = 64 * 1024
BLOCK_BYTES = 16 * 1024
"""What of a file is looked at together. A block of gzip is copied whenever a piece of text has come out of it, and
whenever a member ends in it, so it is small."""
LOOKED_AT_BYTES = 512
"""Text at the beginning of a file by which its format is told."""
RATIO_FROM_BYTES = 16 * 1024 * 1024
"""Text after which a ratio is one: a file may well begin with a few large frames that are all zeros."""

GZIP = b"\x1f\x8b"
_GZIP_WINDOW = zlib.MAX_WBITS | 16
"""Tells zlib to expect gzip's header and check its trailer."""
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
"""What files begin with that people send by mistake. No JSON begins so."""
_TAR = slice(257, 262)
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\r"))
"""What JSON has none of. Of random bytes one in ten is such, and of UTF-16 every second."""
MAX_STRAY_CONTROLS = 16
"""Such bytes at the beginning of a file up to which they are errors of their lines, and it is text."""


class FileFault(StrEnum):
    """Why a file is not read, or no further."""

    NO_ROWS = "no_rows"
    """It has no bytes, or only blank lines."""
    UNSUPPORTED_FORMAT = "unsupported_format"
    """It is neither text nor gzip of text."""
    TRUNCATED_GZIP = "truncated_gzip"
    CORRUPT_GZIP = "corrupt_gzip"
    INFLATES_TOO_FAR = "inflates_too_far"
    """It has more than `MAX_INFLATION_RATIO` times as much text as gzip."""
    FILE_TOO_LARGE = "file_too_large"
    """It has more than `MAX_FILE_BYTES`, of gzip or of text."""
    TOO_MANY_LINES = "too_many_lines"
    """It has more than `MAX_FILE_LINES`."""


class UnreadableFile(Exception):
    """A file that is not read, or no further; `message` is for its sender."""

    def __init__(self, code: FileFault, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of `chunks` in blocks of `BLOCK_BYTES`; the last one may be shorter, and none is empty."""
    held = bytearray()
    for chunk in chunks:
        begin = 0
        while len(held) + len(chunk) - begin >= BLOCK_BYTES:
            end = begin + BLOCK_BYTES - len(held)
            yield bytes(held) + chunk[begin:end]
            held.clear()
            begin = end
        held += chunk[begin:]
    if held:
        yield bytes(held)


def inflated(gzip: Iterable[bytes]) -> Iterator[bytes]:
    """The text of gzip members that follow one another, in pieces; `gzip` comes in `blocks`.

    Raises UnreadableFile, once all text before the fault is given, but for what shares a piece with damage.
    """
    member = None
    first = True
    taken = given = 0
    for block in gzip:
        data = block
        taken += len(block)
        _check_size("The file", taken)
        while True:
            if member is None:
                data = data.lstrip(b"\0")  # tapes and some tools fill up with zeros
                if not data:
                    break
                _check_begins(data, first)
                member, first = zlib.decompressobj(_GZIP_WINDOW), False
            try:
                piece = member.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise _corrupt(str(error).rpartition(": ")[2]) from None
            given += len(piece)
            data = member.unconsumed_tail
            if member.eof:
                data, member = member.unused_data, None
            _check_ratio(taken - len(data), given)
            yield piece
            if member and len(piece) < PIECE_BYTES:
                break  # all of the block is in; a full piece may have more behind it, even if no data is left
    if member:
        raise UnreadableFile(FileFault.TRUNCATED_GZIP, "The file ends inside its gzip data; send it again, whole.")


def as_text(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same pieces, if their beginning looks like UTF-8 text. Raises UnreadableFile otherwise, at once."""
    pieces = iter(pieces)
    head = b""
    fault = None
    try:
        while len(head) < LOOKED_AT_BYTES and (piece := next(pieces, None)) is not None:
            head += piece
    except UnreadableFile as found:
        fault = found  # told after the lines of the head, and not at all if these are none
    _check_format(head[:LOOKED_AT_BYTES])
    yield head
    if fault:
        raise fault
    yield from pieces


def within_limit(pieces: Iterable[bytes], start: int = 0) -> Iterator[bytes]:
    """The same pieces, up to the last byte that a file may have; `start` bytes of it came before.

    Raises UnreadableFile behind them, if there are more.
    """
    size = start
    for piece in pieces:
        size += len(piece)
        if size > MAX_FILE_BYTES:
            yield piece[: MAX_FILE_BYTES - size]
        _check_size("The text of the file", size)
        yield piece


def after(pieces: Iterable[bytes], skipped: int) -> Iterator[bytes]:
    """The same pieces without their first `skipped` bytes."""
    for piece in pieces:
        if skipped < len(piece):
            yield piece[skipped:]
        skipped = max(0, skipped - len(piece))


def _check_begins(data: bytes, first: bool) -> None:
    if not first and not data.startswith(GZIP[: len(data)]):
        raise _corrupt("something else follows the gzip data")


def _corrupt(reason: str) -> UnreadableFile:
    return UnreadableFile(FileFault.CORRUPT_GZIP, f"The gzip data of the file is damaged: {reason}.")


def _check_ratio(gzip: int, text: int) -> None:
    if text >= RATIO_FROM_BYTES and text > gzip * MAX_INFLATION_RATIO:
        message = f"The gzip data inflates more than {MAX_INFLATION_RATIO} fold; send the file plain."
        raise UnreadableFile(FileFault.INFLATES_TOO_FAR, message)


def _check_size(what: str, size: int) -> None:
    if size > MAX_FILE_BYTES:
        message = f"{what} has more than {MAX_FILE_BYTES:,} bytes; send the rows in several files."
        raise UnreadableFile(FileFault.FILE_TOO_LARGE, message)


def _check_format(head: bytes) -> None:
    looks = next((name for magic, name in _FORMATS.items() if head.startswith(magic)), None)
    if looks is None and head[_TAR] == b"ustar":
        looks = "a tar archive"
    if looks is None and len(head) - len(head.translate(None, _CONTROLS)) > MAX_STRAY_CONTROLS:
        looks = "binary data"
    if looks:
        message = f"The file looks like {looks}; send JSON lines in UTF-8, plain or gzip."
        raise UnreadableFile(FileFault.UNSUPPORTED_FORMAT, message)
