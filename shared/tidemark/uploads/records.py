"""Records of uploads, as their senders see them, however their rows arrived.

An upload that came in a request has a single chunk and shares its record with that chunk (see `chunks`). An upload of
several chunks has a record of its own (see `chunked_uploads`). What its files or shards contribute is counted in their
records, so that many invocations can read them at once without sharing an item. Readers add the counts up until the
upload settles; then its record stores the sums.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from tidemark.aws import shard_progress, table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, dataset_pk
from tidemark.domain.errors import NotFound
from tidemark.domain.uploads import InFlight, Upload, UploadFilter, UploadStatus
from tidemark.uploads import file_records

MAX_PENDING_COUNTED = 100
"""Most pending uploads that are counted for the activity of a dataset."""
MAX_COUNTED_ALONE = 1000
"""Most pending uploads that a process counts by itself, for what a dataset has in flight. They take 25 read units."""

UNSETTLED = "unsettled"
"""Attribute that only unsettled uploads have: the first digit of their dataset's uid. The sweep queries for this
digit."""
ROWS_IN_FLIGHT, WINDOWS_IN_FLIGHT = "rows_in_flight", "windows_in_flight"
"""Attributes with the number of rows and windows an unsettled upload has in flight. The index `unsettled` includes
them."""
UNSETTLED_STATUSES = frozenset({UploadStatus.WAITING, UploadStatus.PENDING})

TOTALS = (
    "retries",
    "rows",
    "rejected",
    "applied",
    "dropped",
    "failed",
    "labels",
    "windows",
    "windows_settled",
    "windows_failed",
    "files_read",
    "shards_read",
)
"""Counts that the record of an upload of several chunks stores as separate attributes, so that invocations can add to
them. Until the upload settles, they leave out what the records of its files or shards count."""
TOTALS_COMPLETE = "totals_complete"
"""Attribute of the record of an upload of several chunks whose `TOTALS` include all files or shards."""

ListScope = Literal["dataset", "project"]
"""What a list of uploads covers. The value is also the name of the list index's partition attribute."""
INDEXES: Final[Mapping[ListScope, Literal["uploads", "project_uploads"]]] = {
    "dataset": "uploads",
    "project": "project_uploads",
}


class Position(NamedTuple):
    """The position of an upload in a list of uploads, which is sorted by time of acceptance."""

    accepted_at: str
    uid: str
    """The dataset's uid."""
    upload: str


class Unsettled(NamedTuple):
    """An upload that has not settled."""

    uid: str
    """The dataset's uid."""
    upload: str
    status: UploadStatus
    since: datetime
    """When the upload began to wait for its files, or became pending."""


def get(backend: Backend, uid: str, upload_id: str) -> Upload:
    """Reads an upload consistently. Raises NotFound."""
    upload = find(backend, uid, upload_id)
    if upload is None:
        raise NotFound(f"The dataset has no upload {upload_id[:80]!r}.", code="unknown_upload")
    return upload


def find(backend: Backend, uid: str, upload_id: str) -> Upload | None:
    """Reads an upload consistently. None if it is unknown."""
    item = table.get(backend, key(uid, upload_id))
    return of_item(backend, uid, item) if item else None


def of_item(backend: Backend, uid: str, item: Item) -> Upload:
    """Returns the upload that a record stores.

    Until an upload of several chunks settles, this takes another request: a query of its files, or a read of the
    progress in a hundred shards.
    """
    return _with_totals(backend, uid, item, Upload.model_validate_json(item["upload"]))


def _with_totals(backend: Backend, uid: str, item: Item, upload: Upload) -> Upload:
    if not upload.is_chunked:
        return upload
    totals = Counter({name: int(item[name]) for name in TOTALS})
    if not has_complete_totals(item):
        totals.update(
            _counts_of_files(backend, uid, upload) if upload.files else _counts_of_shards(backend, uid, upload)
        )
    return upload.model_copy(update={name: totals[name] for name in TOTALS})


def has_complete_totals(item: Item) -> bool:
    """Returns whether the record of an upload of several chunks stores its complete totals."""
    is_of_older_release = "parts" in item
    return TOTALS_COMPLETE in item or is_of_older_release


def _counts_of_files(backend: Backend, uid: str, upload: Upload) -> Counter[str]:
    counts: Counter[str] = Counter()
    if upload.status is UploadStatus.WAITING:
        return counts
    for record in file_records.of_upload(backend, uid, upload.id):
        counts.update(
            rows=record.file.rows,
            rejected=record.file.rejected,
            labels=record.labels,
            windows=record.windows,
            files_read=int(record.is_read),
        )
    return counts


def _counts_of_shards(backend: Backend, uid: str, upload: Upload) -> Counter[str]:
    counts: Counter[str] = Counter()
    for progress in shard_progress.find_all(backend, uid, upload.id, upload.shards):
        counts.update(progress.totals)
        counts.update(rows=progress.counted, shards_read=int(progress.done))
    return counts


def newest_first(
    backend: Backend, scope: ListScope, name: str, after: Position | None, wanted: UploadFilter, *, page_size: int
) -> Iterator[tuple[Position, Upload | None]]:
    """Yields the uploads of a dataset or a project, newest first, each with its position, starting after `after`.

    Instead of an upload that does not pass the filter `wanted`, yields None. `name` is the dataset's uid or the
    project's name. Every `page_size` uploads cost a query and a read of their records, and each unsettled upload of
    several chunks that passes another request.
    """
    start: Mapping[str, Any] | None = None
    if after is not None:
        record = key(after.uid, after.upload)
        start = {"PK": record.pk, "SK": record.sk, scope: name, "accepted_at": after.accepted_at}
    while True:
        entries, start = table.query_index(
            backend, INDEXES[scope], (scope, name), limit=page_size, start=start, forward=False
        )
        keys = [Key(entry["PK"], entry["SK"]) for entry in entries]
        items = table.get_many(backend, keys)
        listed = [entry for entry, record in zip(entries, keys, strict=True) if record in items]
        stored = [items[record] for record in keys if record in items]
        uploads = backend.parallel(lambda item: _wanted(backend, item, wanted), stored)
        yield from zip(map(_position, listed), uploads, strict=True)
        if start is None:
            return


def _wanted(backend: Backend, item: Item, wanted: UploadFilter) -> Upload | None:
    upload = Upload.model_validate_json(item["upload"])
    return _with_totals(backend, str(item["dataset"]), item, upload) if wanted.takes(upload) else None


def unsettled(backend: Backend, digit: str) -> Iterator[Unsettled]:
    """Yields the unsettled uploads of all datasets whose uid begins with a hexadecimal `digit`. One query per MB."""
    start: Mapping[str, Any] | None = None
    while True:
        entries, start = table.query_index(backend, "unsettled", (UNSETTLED, digit), start=start)
        for entry in entries:
            uid, letter, since = entry["unsettled_order"].split("#")
            status = next(status for status in UNSETTLED_STATUSES if status[0] == letter)
            yield Unsettled(uid, entry["SK"].removeprefix("U#"), status, datetime.fromisoformat(since))
        if start is None:
            return


def pending(backend: Backend, uid: str) -> list[bool]:
    """Returns, for each pending upload of a dataset, whether the upload deletes frames (R18).

    Counts at most `MAX_PENDING_COUNTED` uploads. One query.
    """
    entries, _ = _pending(backend, uid, limit=MAX_PENDING_COUNTED)
    return [bool(entry["deletes"]) for entry in entries]


def in_flight(backend: Backend, uid: str, *, most: InFlight, count_ttl: timedelta) -> InFlight:
    """Returns a dataset's rows and windows in flight. May stop counting once either reaches its limit in `most`.

    Usually takes a query of an index, which lags a moment behind the table. If the dataset has more pending uploads
    than `MAX_COUNTED_ALONE`, all processes share a count: each reads it, and only one of them counts again when it is
    older than `count_ttl`. What a request costs therefore does not grow with what is pending.
    """
    counted, rest = _count(backend, uid, InFlight(), limit=MAX_COUNTED_ALONE)
    if rest is None or counted.reaches(most):
        return counted
    item = table.get(backend, _count_key(uid), consistent=False)
    # What this process has counted is a part of the whole, and the shared count may be an old one.
    shared = InFlight(int(item["rows"]), int(item["windows"])) if item else InFlight()
    known = InFlight(max(counted.rows, shared.rows), max(counted.windows, shared.windows))
    if not _may_count(backend, uid, item, known, count_ttl):
        return known
    while rest is not None and not counted.reaches(most):
        counted, rest = _count(backend, uid, counted, start=rest)
    table.write(backend, writes.put(backend, _count_key(uid), _count_item(backend, counted)))
    return counted


def _count(backend: Backend, uid: str, before: InFlight, **options: Any) -> tuple[InFlight, Mapping[str, Any] | None]:
    """Adds to `before` what a query of pending uploads has in flight. Returns the sum, and the next query's `start`."""
    entries, rest = _pending(backend, uid, attributes=(ROWS_IN_FLIGHT, WINDOWS_IN_FLIGHT), **options)
    # Uploads of an older release lack these attributes, for example in a table restored to an earlier time.
    rows = sum(int(entry.get(ROWS_IN_FLIGHT, 0)) for entry in entries)
    windows = sum(int(entry.get(WINDOWS_IN_FLIGHT, 0)) for entry in entries)
    return InFlight(before.rows + rows, before.windows + windows), rest


def _may_count(backend: Backend, uid: str, item: Item | None, known: InFlight, count_ttl: timedelta) -> bool:
    """Returns whether this process counts again, for all processes, because the shared count `item` is too old.

    Until it has counted, the others use `known`.
    """
    now = backend.clock()
    if item is not None and now - datetime.fromisoformat(item["at"]) < count_ttl:
        return False
    seen = writes.unchanged("at", item["at"]) if item else writes.ABSENT
    try:
        table.write(backend, writes.put(backend, _count_key(uid), _count_item(backend, known), seen))
    except table.ConditionFailed:
        return False
    return True


def _count_item(backend: Backend, counted: InFlight) -> Item:
    return {"at": backend.clock().isoformat(), **counted._asdict()}


def _count_key(uid: str) -> Key:
    return Key(dataset_pk(uid), "IN_FLIGHT")


def key(uid: str, upload_id: str) -> Key:
    """Returns the primary key of an upload's record."""
    return Key(dataset_pk(uid), f"U#{upload_id}")


def index_attributes(uid: str, upload: Upload, *, deletes: bool, in_flight: InFlight) -> dict[str, Any]:
    """Returns the attributes that put an upload into the indexes of the table.

    All uploads are in the indexes for lists; unsettled ones are also in the index that the sweep queries.
    """
    accepted_at = upload.accepted_at.isoformat()
    since = (upload.pending_since or upload.accepted_at).isoformat()
    is_unsettled = upload.status in UNSETTLED_STATUSES
    return {
        "accepted_at": accepted_at,
        "project": upload.project,
        "dataset": uid,
        "deletes": deletes,
        UNSETTLED: uid[0] if is_unsettled else None,
        "unsettled_order": unsettled_prefix(uid, upload.status) + since if is_unsettled else None,
        **(in_flight_attributes(in_flight) if is_unsettled else {}),
    }


def in_flight_attributes(in_flight: InFlight) -> dict[str, int]:
    """Returns the number of rows and windows in flight as attributes of an upload's record."""
    return {ROWS_IN_FLIGHT: in_flight.rows, WINDOWS_IN_FLIGHT: in_flight.windows}


def unsettled_prefix(uid: str, status: UploadStatus) -> str:
    """Returns the prefix of `unsettled_order` that all uploads of a dataset with the same status share."""
    return f"{uid}#{status[0]}#"


def _pending(backend: Backend, uid: str, **options: Any) -> tuple[list[Item], Mapping[str, Any] | None]:
    """Queries the index `unsettled` for the pending uploads of a dataset; returns what `table.query_index` does.

    `options` are passed on to `table.query_index`.
    """
    prefix = "unsettled_order", unsettled_prefix(uid, UploadStatus.PENDING)
    return table.query_index(backend, "unsettled", (UNSETTLED, uid[0]), prefix=prefix, **options)


def _position(entry: Item) -> Position:
    _, uid = entry["PK"].split("#")
    _, upload_id = entry["SK"].split("#")
    return Position(entry["accepted_at"], uid, upload_id)
