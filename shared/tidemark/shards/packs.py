"""Packs: S3 objects that each hold the payloads of many frames, written once and never changed.

A pack is in JSON Lines format, with one payload to a line. The pack of an upload's chunk ends with the errors of the
rejected rows, if there are any, on one line, and the plans of the windows on another. The chunk's record stores where
these two lines are. Every pack has a new name, so a late writer cannot damage another pack. Every payload is checked
against its digest when it is read.
"""

import uuid
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from botocore.exceptions import ClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError

from tidemark.aws.backend import Backend
from tidemark.aws.bucket import NOT_FOUND_CODES
from tidemark.aws.retrying import retrying
from tidemark.domain.canonical import digest
from tidemark.domain.errors import Unavailable
from tidemark.domain.windows import WindowRow

MAX_GAP_BYTES = 32 * 1024
"""Largest gap between two payloads of a pack that are read in one request: bytes are cheaper than requests."""
MAX_RANGE_BYTES = 4 * 1024 * 1024
"""Most bytes that one request reads, unless a single payload is larger."""
MAX_ATTEMPTS = 2
"""Most attempts to read a response that breaks off. A response that stalls takes the S3 client's read timeout of 10 s,
and the API must respond within 28 s."""


class ByteRange(NamedTuple):
    """A range of bytes in a pack."""

    offset: int
    length: int


class PayloadPointer(NamedTuple):
    """Where a payload is stored in a pack, and the payload's SHA-256."""

    pack: str
    offset: int
    length: int
    digest: str


class PackCorrupt(Exception):
    """Raised when a payload in a pack does not match its digest."""


class ReadInterrupted(Unavailable):
    """Raised when S3's response breaks off in every attempt to read a pack."""

    def __init__(self) -> None:
        super().__init__("The store's response broke off. Send the same request again in a moment.")


class PackGone(Unavailable):
    """Raised when a pack does not exist. Only the purge of a dataset deletes packs."""

    code = "pack_gone"
    is_transient = False

    def __init__(self) -> None:
        super().__init__(
            "The object that holds the frames no longer exists. The dataset may have been purged. "
            "Send the request again."
        )


class PackWriter:
    """Collects lines in memory, then writes them to S3 as a new pack of a dataset."""

    def __init__(self, uid: str) -> None:
        self.name = f"{uid}/{uuid.uuid4().hex}"
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, line: bytes) -> ByteRange:
        """Appends a line, given without its newline. Returns the line's byte range in the pack."""
        byte_range = ByteRange(self._size, len(line))
        self._lines.append(line)
        self._size += len(line) + 1
        return byte_range

    def write(self, backend: Backend) -> None:
        """Writes the pack to S3: one PUT."""
        backend.s3.put_object(
            Bucket=backend.bucket,
            Key=object_key(self.name),
            Body=b"".join(line + b"\n" for line in self._lines),
            ContentType="application/jsonl",
        )


def read_payloads(backend: Backend, pointers: Sequence[PayloadPointer]) -> list[bytes]:
    """Returns the payloads at `pointers`, in the same order.

    Payloads close to each other share a ranged GET, and the GETs run in parallel. Raises PackCorrupt, PackGone and
    ReadInterrupted.
    """
    reads = coalesce(pointers)

    def fetch(read: tuple[str, ByteRange]) -> bytes:
        return read_range(backend, *read)

    payloads: dict[PayloadPointer, bytes] = {}
    for ((_, byte_range), members), data in zip(reads.items(), backend.parallel(fetch, reads), strict=True):
        for pointer in members:
            start = pointer.offset - byte_range.offset
            payload = data[start : start + pointer.length]
            if digest(payload) != pointer.digest:
                raise PackCorrupt(f"{pointer} does not have its digest")
            payloads[pointer] = payload
    return [payloads[pointer] for pointer in pointers]


def coalesce(pointers: Iterable[PayloadPointer]) -> dict[tuple[str, ByteRange], list[PayloadPointer]]:
    """Returns the ranges to read for `pointers`, as (pack, byte range), each with the pointers inside it.

    No gap in a range exceeds `MAX_GAP_BYTES`. Only a range of a single, larger payload exceeds `MAX_RANGE_BYTES`.
    """
    reads: dict[tuple[str, ByteRange], list[PayloadPointer]] = {}
    run: list[PayloadPointer] = []
    end = 0

    def close() -> None:
        if run:
            byte_range = ByteRange(run[0].offset, end - run[0].offset)
            reads[run[0].pack, byte_range] = list(run)
            run.clear()

    for pointer in sorted(set(pointers)):
        is_apart = run and (
            pointer.pack != run[0].pack
            or pointer.offset - end > MAX_GAP_BYTES
            or pointer.offset + pointer.length - run[0].offset > MAX_RANGE_BYTES
        )
        if is_apart:
            close()
        end = pointer.offset + pointer.length if not run else max(end, pointer.offset + pointer.length)
        run.append(pointer)
    close()
    return reads


def read_range(backend: Backend, pack: str, byte_range: ByteRange) -> bytes:
    """Reads a byte range of a pack: one ranged GET, and another if the response breaks off.

    Raises PackGone and ReadInterrupted.
    """
    attempts = retrying(backend, ReadInterrupted, attempts=MAX_ATTEMPTS, multiplier=0.05)
    return attempts(_read_range, backend, pack, byte_range)


def _read_range(backend: Backend, pack: str, byte_range: ByteRange) -> bytes:
    try:
        response = backend.s3.get_object(
            Bucket=backend.bucket,
            Key=object_key(pack),
            Range=f"bytes={byte_range.offset}-{byte_range.offset + byte_range.length - 1}",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_FOUND_CODES:
            raise PackGone from error
        raise
    try:
        return response["Body"].read()
    except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError) as error:
        # The S3 client retries a request until it has a response, but not while the response's body is read.
        raise ReadInterrupted from error


def payload_of(row: WindowRow, pack: str) -> PayloadPointer:
    """Returns where the payload of an upload's row is stored: in the pack that the row names, otherwise in `pack`."""
    return PayloadPointer(row.pack or pack, row.offset, row.length, row.digest)


def object_key(pack: str) -> str:
    """Returns the S3 key of a pack."""
    return f"packs/{pack}"
