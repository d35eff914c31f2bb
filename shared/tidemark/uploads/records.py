"""Uploads as their senders follow them, whichever door they came through.

The record of an upload that came in a request is that of its one chunk (see `chunks`). One that came in files has a
record of its own, whose totals its chunks add up in (see `parted_uploads`).
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
"""Pending uploads that a dataset's activity counts before it stops."""

UNSETTLED = "unsettled"
"""Attribute of uploads that have not settled, by which the sweep finds them: the first digit of their dataset's uid."""
ROWS_IN_FLIGHT, WINDOWS_IN_FLIGHT = "rows_in_flight", "windows_in_flight"
"""Attributes of uploads that have not settled: what of them is on its way. The index of those carries them."""
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
"""Counts of an upload that attributes of its record hold, where chunks add to them."""

ListScope = Literal["dataset", "project"]
"""What a list of uploads is of; the attribute that names it is the partition of the list's index."""
INDEXES: Final[Mapping[ListScope, Literal["uploads", "project_uploads"]]] = {
    "dataset": "uploads",
    "project": "project_uploads",
}


class Position(NamedTuple):
    """Where an upload stands in a list."""

    accepted_at: str
    uid: str
    """Its dataset's."""
    upload: str


def key(uid: str, upload_id: str) -> Key:
    """Where an upload's record lies."""
    return Key(dataset_pk(uid), f"U#{upload_id}")


def find(backend: Backend, uid: str, upload_id: str) -> Upload | None:
    """An upload as it stands, read consistently, or None."""
    item = table.get(backend, key(uid, upload_id))
    return from_item(item) if item else None


def get(backend: Backend, uid: str, upload_id: str) -> Upload:
    """An upload as it stands, read consistently. Raises NotFound."""
    upload = find(backend, uid, upload_id)
    if upload is None:
        raise NotFound(f"The dataset has no upload {upload_id[:80]!r}.", code="unknown_upload")
    return upload


def newest_first(
    backend: Backend, of: ListScope, name: str, after: Position | None, *, page_size: int
) -> Iterator[tuple[Position, Upload]]:
    """The uploads of the dataset with uid `name`, or of the project of that name: newest first, from the one after
    `after`. A query and its records, `page_size` of them, are read whenever those before are used up."""
    start: Mapping[str, Any] | None = None
    if after is not None:
        place = key(after.uid, after.upload)
        start = {"PK": place.pk, "SK": place.sk, of: name, "accepted_at": after.accepted_at}
    while True:
        entries, start = table.query_index(
            backend, INDEXES[of], (of, name), limit=page_size, start=start, forward=False
        )
        keys = [Key(entry["PK"], entry["SK"]) for entry in entries]
        found = table.get_many(backend, keys)
        for entry, record in zip(entries, keys, strict=True):
            if record in found:
                yield _position(entry), from_item(found[record])
        if start is None:
            return


def _position(entry: Item) -> Position:
    _, uid = entry["PK"].split("#")
    _, upload_id = entry["SK"].split("#")
    return Position(entry["accepted_at"], uid, upload_id)


def pending(backend: Backend, uid: str) -> list[bool]:
    """Whether it deletes frames, for each upload of a dataset that is on its way, counted up to a limit (R18)."""
    entries, _ = _pending(backend, uid, limit=MAX_PENDING_COUNTED)
    return [bool(entry["deletes"]) for entry in entries]


def in_flight(backend: Backend, uid: str, *, most: InFlight) -> InFlight:
    """What of a dataset is in flight, as the index knows it, a moment late; no more is looked at once that is `most`.

    A query a megabyte, which holds some five thousand uploads.
    """
    rows = windows = 0
    start: Mapping[str, Any] | None = None
    while rows < most.rows and windows < most.windows:
        entries, start = _pending(backend, uid, start=start, attributes=(ROWS_IN_FLIGHT, WINDOWS_IN_FLIGHT))
        # Uploads that were recorded before this was counted have no such attributes, as in a table put back in time.
        rows += sum(int(entry.get(ROWS_IN_FLIGHT, 0)) for entry in entries)
        windows += sum(int(entry.get(WINDOWS_IN_FLIGHT, 0)) for entry in entries)
        if start is None:
            break
    return InFlight(rows, windows)


def _pending(backend: Backend, uid: str, **how: Any) -> tuple[list[Item], Mapping[str, Any] | None]:
    """Entries of the uploads of a dataset that are on their way, and where the query stopped, `how` as it is asked."""
    prefix = "unsettled_order", unsettled_prefix(uid, UploadStatus.PENDING)
    return table.query_index(backend, "unsettled", (UNSETTLED, uid[0]), prefix=prefix, **how)


class Unsettled(NamedTuple):
    """An upload that has not settled."""

    uid: str
    upload: str
    status: UploadStatus
    since: datetime
    """Since when it waits for its files, or is pending."""


def unsettled(backend: Backend, digit: str) -> Iterator[Unsettled]:
    """The uploads that have not settled of all datasets whose uid begins with a digit: a query a megabyte."""
    start: Mapping[str, Any] | None = None
    while True:
        entries, start = table.query_index(backend, "unsettled", (UNSETTLED, digit), start=start)
        for entry in entries:
            uid, letter, since = entry["unsettled_order"].split("#")
            status = next(status for status in UNSETTLED_STATUSES if status[0] == letter)
            yield Unsettled(uid, entry["SK"].removeprefix("U#"), status, datetime.fromisoformat(since))
        if start is None:
            return


def index_attributes(uid: str, upload: Upload, *, deletes: bool, in_flight: InFlight) -> dict[str, Any]:
    """The attributes by which an upload is found in the indexes: newest first, and as long as it has not settled."""
    accepted_at = upload.accepted_at.isoformat()
    since = (upload.pending_since or upload.accepted_at).isoformat()
    unsettled = upload.status in UNSETTLED_STATUSES
    return {
        "accepted_at": accepted_at,
        "project": upload.project,
        "dataset": uid,
        "deletes": deletes,
        UNSETTLED: uid[0] if unsettled else None,
        "unsettled_order": unsettled_prefix(uid, upload.status) + since if unsettled else None,
        **(in_flight_attributes(in_flight) if unsettled else {}),
    }


def in_flight_attributes(in_flight: InFlight) -> dict[str, int]:
    """What is in flight of an upload, as attributes of its record."""
    return {ROWS_IN_FLIGHT: in_flight.rows, WINDOWS_IN_FLIGHT: in_flight.windows}


def unsettled_prefix(uid: str, status: UploadStatus) -> str:
    """What the order of a dataset's uploads of one status begins with, as long as they have not settled."""
    return f"{uid}#{status[0]}#"


def from_item(item: Item) -> Upload:
    """The upload of a record of either kind."""
    upload = Upload.model_validate_json(item["upload"])
    if not upload.is_chunked:
        return upload
    totals: dict[str, Any] = {name: int(item[name]) for name in TOTALS}
    return upload.model_copy(update=totals)
