"""Records of uploads, as their senders see them, however their rows arrived.

An upload that came in a request has a single chunk and shares its record with that chunk (see `chunks`). An upload of
several chunks has a record of its own, which adds up the chunks' counts (see `chunked_uploads`).
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, dataset_pk
from tidemark.domain.errors import NotFound
from tidemark.domain.uploads import InFlight, Upload, UploadStatus

MAX_PENDING_COUNTED = 100
"""Most pending uploads that are counted for the activity of a dataset."""

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
them."""

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
    return from_item(item) if item else None


def newest_first(
    backend: Backend, scope: ListScope, name: str, after: Position | None, *, page_size: int
) -> Iterator[tuple[Position, Upload]]:
    """Yields the uploads of a dataset or a project, newest first, each with its position, starting after `after`.

    `name` is the dataset's uid or the project's name. Every `page_size` uploads cost a query and a read of their
    records.
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
        for entry, record in zip(entries, keys, strict=True):
            if record in items:
                yield _position(entry), from_item(items[record])
        if start is None:
            return


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


def in_flight(backend: Backend, uid: str, *, most: InFlight) -> InFlight:
    """Counts a dataset's rows and windows in flight. Stops early once either count reaches its limit in `most`.

    The counts come from an index that lags a moment behind the table. One query per MB, which is some five thousand
    uploads.
    """
    rows = windows = 0
    start: Mapping[str, Any] | None = None
    while rows < most.rows and windows < most.windows:
        entries, start = _pending(backend, uid, start=start, attributes=(ROWS_IN_FLIGHT, WINDOWS_IN_FLIGHT))
        # Uploads of an older release lack these attributes, for example in a table restored to an earlier time.
        rows += sum(int(entry.get(ROWS_IN_FLIGHT, 0)) for entry in entries)
        windows += sum(int(entry.get(WINDOWS_IN_FLIGHT, 0)) for entry in entries)
        if start is None:
            break
    return InFlight(rows, windows)


def key(uid: str, upload_id: str) -> Key:
    """Returns the primary key of an upload's record."""
    return Key(dataset_pk(uid), f"U#{upload_id}")


def from_item(item: Item) -> Upload:
    """Returns the upload that a record stores, whether it has a single chunk or several."""
    upload = Upload.model_validate_json(item["upload"])
    if not upload.is_chunked:
        return upload
    totals: dict[str, Any] = {name: int(item[name]) for name in TOTALS}
    return upload.model_copy(update=totals)


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
