"""The requests that the functions make for each step under load, and the units that these cost.

`test_requests.py` compares them with what the real handlers send.
"""

from math import ceil
from typing import NamedTuple

from tests.capacity.design import Design, Reports

COMMIT_BYTES = 190
COMMIT_ROW_BYTES = 32
"""Bytes of a commit's item, and more for each of its rows, with frame ids of some twenty characters."""
ITEM_BYTES = 1024
TALLY_ROW_BYTES = 14
"""Bytes of a window's outcome in its chunk's tally."""


class Request(NamedTuple):
    """A request to AWS: its kind, and the write units that it takes of the table and of the table's indexes."""

    kind: str
    units: float = 0
    index_units: float = 0


GET = Request("dynamodb.GetItem")
BATCH_GET = Request("dynamodb.BatchGetItem")
QUERY = Request("dynamodb.Query")
PUT_PACK = Request("s3.PutObject")
SEND = Request("sqs.SendMessageBatch")
EVENTS = Request("events.PutEvents")


def _units(size: float) -> int:
    return max(1, ceil(size / ITEM_BYTES))


def commit(rows: int) -> Request:
    """Returns the transaction that applies a window: head, marker, commit and frame versions, two units a KB each."""
    return Request("dynamodb.TransactWriteItems", 2 * (rows + 2 + _units(COMMIT_BYTES + rows * COMMIT_ROW_BYTES)))


def report(design: Design, windows: int) -> Request:
    """Returns the request with which apply reports a window of a chunk with so many windows.

    The last window of a tally sends a message besides.
    """
    if tallies(design, windows):
        return Request("dynamodb.UpdateItem", _units(100 + windows * TALLY_ROW_BYTES))
    return SEND


def tallies(design: Design, windows: int) -> bool:
    """Returns whether the outcomes of a chunk's windows are collected before publish receives them."""
    return design.reports is Reports.CHUNKS and 1 < windows <= 128


def store_chunk(design: Design) -> list[Request]:
    """Returns the requests that store a chunk of a file: its pack, then its record with the file's progress."""
    if design.shared_totals:
        return [PUT_PACK, Request("dynamodb.TransactWriteItems", 6, 1)]
    return [PUT_PACK, Request("dynamodb.TransactWriteItems", 4), Request("dynamodb.UpdateItem", 1, 1)]


def clone_page(design: Design) -> list[Request]:
    """Returns the requests for a page of a clone."""
    return [QUERY, PUT_PACK, Request("dynamodb.TransactWriteItems", 6 if design.shared_totals else 4)]


def settle_chunks(chunks: int = 1) -> Request:
    """Returns the transaction that records decided chunks of an upload, and adds them to its totals."""
    return Request("dynamodb.TransactWriteItems", 2 * chunks + 2, 1)


UPDATE_CHUNK = Request("dynamodb.PutItem", 1)
"""Records outcomes of a chunk that has undecided windows left."""


READ_DATASET = [GET, BATCH_GET]
"""Reads a dataset's state, then the heads of its shards."""


def record_outcomes(design: Design, decided: int, undecided: int) -> list[Request]:
    """Returns the requests of a publish call that receives windows of one upload, which does not settle yet.

    `decided` chunks have no window left without an outcome then; `undecided` ones have.
    """
    if design.reports is Reports.CHUNKS:
        return [BATCH_GET, *READ_DATASET, GET, QUERY, settle_chunks(decided)]
    settled = [settle_chunks()] * decided + ([GET] if decided else [])
    return [BATCH_GET, *[UPDATE_CHUNK] * undecided, *settled]


def version(uploads: int, shards: int) -> Request:
    """Returns the transaction that publishes a version into which uploads settle. Each leaves the index `unsettled`."""
    return Request("dynamodb.TransactWriteItems", 2 * (uploads + 1 + _units(200 + 22 * shards)), uploads)


def settle(design: Design, uploads: int, shards: int) -> list[Request]:
    """Returns the requests that settle complete uploads of a dataset in one version, and announce them."""
    read_again = [] if design.side_by_side else [GET]
    return [*READ_DATASET, version(uploads, shards), *read_again, EVENTS]


ACCEPT_ROW = [PUT_PACK, Request("dynamodb.PutItem", 1, 3)]
"""A request with one row: its pack and its record, which has three index entries."""
