"""Packs: payloads of many frames in one S3 object, written once and never changed.

A pack is JSON lines, with one payload to a line. The pack of an upload ends with two more lines, its errors and its
windows; the upload's record says where they are. Every pack has a new name, so that a late writer cannot damage another
pack. Every payload is checked against its digest when it is read.
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
"""Payloads of a pack with a smaller gap between them are read in one request: bytes are cheaper than requests."""
MAX_RANGE_BYTES = 4 * 1024 * 1024
"""Most bytes that one request reads, unless a single payload is larger."""
MAX_ATTEMPTS = 2
"""Most attempts at a response that breaks off. One that stalls takes the client's read timeout of 10 s, and the API has
28 s in all to respond."""


class ByteRange(NamedTuple):
    """A range of bytes of a pack."""

    offset: int
    length: int


class PayloadPointer(NamedTuple):
    """Where a payload is stored, and its SHA-256."""

    pack: str
    offset: int
    length: int
    digest: str


class PackCorrupt(Exception):
    """Raised when a payload does not have the digest that it was written with."""


class ReadInterrupted(Unavailable):
    """Raised when S3's response breaks off in every attempt."""

    def __init__(self) -> None:
        super().__init__("The store's response broke off. Send the same request again in a moment.")


class PackGone(Unavailable):
    """Raised when a pack does not exist. Only the purge of a dataset deletes packs."""

    code = "pack_gone"

    def __init__(self) -> None:
        super().__init__(
            "The object that holds the frames no longer exists. The dataset may have been purged. "
            "Send the request again."
        )


class PackWriter:
    """Collects lines, then writes them as one new pack of a dataset."""

    def __init__(self, uid: str) -> None:
        self.name = f"{uid}/{uuid.uuid4().hex}"
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, line: bytes) -> ByteRange:
        """Appends a line, given without its newline. Returns its range in the pack."""
        byte_range = ByteRange(self._size, len(line))
        self._lines.append(line)
        self._size += len(line) + 1
        return byte_range

    def write(self, backend: Backend) -> None:
        """Writes the pack: one PUT."""
        backend.s3.put_object(
            Bucket=backend.bucket,
            Key=object_key(self.name),
            Body=b"".join(line + b"\n" for line in self._lines),
            ContentType="application/jsonl",
        )


def read_payloads(backend: Backend, pointers: Sequence[PayloadPointer]) -> list[bytes]:
    """Returns the payloads at `pointers`, in their order.

    Payloads close to each other share a request, and requests run in parallel. Raises PackCorrupt, PackGone and
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
    """Returns the ranges to read for `pointers`, each with the pointers inside it.

    A range has no gap over `MAX_GAP_BYTES`, and no more than `MAX_RANGE_BYTES` unless one payload has.
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
    """Reads a range of a pack: one ranged GET, and another if its response breaks off.

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
        # The client retries a request only until it has a response, not while the response is read.
        raise ReadInterrupted from error


def payload_of(row: WindowRow, pack: str) -> PayloadPointer:
    """Returns the pointer to the payload of an upload's row. It is in `pack` unless the row names another pack."""
    return PayloadPointer(row.pack or pack, row.offset, row.length, row.digest)


def object_key(pack: str) -> str:
    """Returns the S3 key of a pack."""
    return f"packs/{pack}"
