"""Packs: payloads of many frames in one S3 object, written once and never again.

A pack is JSON lines: a payload a line. The pack of an upload ends with two lines of its own, its errors and its
windows; the upload's record says where they lie. Every pack has a name that was never used before, so that a late
writer can spoil nothing, and every payload is checked against its digest when it is read.
"""

import uuid
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from botocore.exceptions import ClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from tidemark.aws.backend import Backend
from tidemark.aws.bucket import NOT_FOUND_CODES
from tidemark.domain.canonical import digest
from tidemark.domain.errors import Unavailable
from tidemark.domain.windows import WindowRow

MAX_GAP_BYTES = 32 * 1024
"""Payloads of a pack that lie closer than this are read by one request: bytes are cheaper than requests."""
MAX_RANGE_BYTES = 4 * 1024 * 1024
"""Most bytes that one request reads."""
MAX_ATTEMPTS = 2
"""Tries at an answer that breaks off. One that stalls takes the client's read timeout of 10 s, and the API has 28 s in
all, in which it should still answer."""


class ByteRange(NamedTuple):
    """A range of bytes of a pack."""

    offset: int
    length: int


class PayloadPointer(NamedTuple):
    """Where a payload lies and what its SHA-256 is."""

    pack: str
    offset: int
    length: int
    digest: str


class PackCorrupt(Exception):
    """A payload does not have the digest it was written with."""


class ReadInterrupted(Unavailable):
    """S3 answered, and its answer broke off, again and again."""

    def __init__(self) -> None:
        super().__init__("The store's answer broke off; send the same request again in a moment.")


class PackGone(Unavailable):
    """A pack is not there: its dataset was purged while this was under way. Nothing else deletes packs."""

    code = "pack_gone"

    def __init__(self) -> None:
        super().__init__(
            "The frames lie in an object that is gone, as when the dataset is purged meanwhile; ask again."
        )


class PackWriter:
    """Collects lines, then writes them as one new pack of a dataset."""

    def __init__(self, uid: str) -> None:
        self.name = f"{uid}/{uuid.uuid4().hex}"
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, line: bytes) -> ByteRange:
        """Append a line, given without its newline; answers where it will lie."""
        span = ByteRange(self._size, len(line))
        self._lines.append(line)
        self._size += len(line) + 1
        return span

    def write(self, backend: Backend) -> None:
        """Write the pack: one PUT."""
        backend.s3.put_object(
            Bucket=backend.bucket,
            Key=object_key(self.name),
            Body=b"".join(line + b"\n" for line in self._lines),
            ContentType="application/jsonl",
        )


def payload_of(row: WindowRow, pack: str) -> PayloadPointer:
    """Where the payload of a row of an upload lies, in the upload's `pack` unless the row names another."""
    return PayloadPointer(row.pack or pack, row.offset, row.length, row.digest)


def object_key(pack: str) -> str:
    """The S3 key of a pack."""
    return f"packs/{pack}"


def read_range(backend: Backend, pack: str, span: ByteRange) -> bytes:
    """A range of a pack: one ranged GET, and another where the first one's answer breaks off. Raises ReadInterrupted."""
    attempts = Retrying(
        retry=retry_if_exception_type(ReadInterrupted),
        stop=stop_after_attempt(MAX_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.05, max=1),
        sleep=backend.sleep,
        reraise=True,
    )
    return attempts(_read_range, backend, pack, span)


def _read_range(backend: Backend, pack: str, span: ByteRange) -> bytes:
    try:
        answer = backend.s3.get_object(
            Bucket=backend.bucket,
            Key=object_key(pack),
            Range=f"bytes={span.offset}-{span.offset + span.length - 1}",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_FOUND_CODES:
            raise PackGone from error
        raise
    try:
        return answer["Body"].read()
    except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError) as error:
        # The client has its answer by now, and does not try again for what happens while it is read.
        raise ReadInterrupted from error


def read_payloads(backend: Backend, pointers: Sequence[PayloadPointer]) -> list[bytes]:
    """The payloads at `pointers`, in their order; near ones share a request, requests run in parallel.

    Raises PackCorrupt and ReadInterrupted.
    """
    reads = coalesce(pointers)

    def fetch(read: tuple[str, ByteRange]) -> bytes:
        return read_range(backend, *read)

    found: dict[PayloadPointer, bytes] = {}
    for ((_, span), members), data in zip(reads.items(), backend.parallel(fetch, reads), strict=True):
        for pointer in members:
            start = pointer.offset - span.offset
            payload = data[start : start + pointer.length]
            if digest(payload) != pointer.digest:
                raise PackCorrupt(f"{pointer} does not have its digest")
            found[pointer] = payload
    return [found[pointer] for pointer in pointers]


def coalesce(pointers: Iterable[PayloadPointer]) -> dict[tuple[str, ByteRange], list[PayloadPointer]]:
    """The ranges to read for `pointers`, each with the pointers it serves (within the two limits above)."""
    reads: dict[tuple[str, ByteRange], list[PayloadPointer]] = {}
    run: list[PayloadPointer] = []
    end = 0

    def close() -> None:
        if run:
            span = ByteRange(run[0].offset, end - run[0].offset)
            reads[run[0].pack, span] = list(run)
            run.clear()

    for pointer in sorted(set(pointers)):
        apart = run and (
            pointer.pack != run[0].pack
            or pointer.offset - end > MAX_GAP_BYTES
            or pointer.offset + pointer.length - run[0].offset > MAX_RANGE_BYTES
        )
        if apart:
            close()
        end = pointer.offset + pointer.length if not run else max(end, pointer.offset + pointer.length)
        run.append(pointer)
    close()
    return reads
