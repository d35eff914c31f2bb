"""Upload records: written before the first window is sent, kept up to date as windows settle."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from tidemark.domain.errors import NotFound, RowError
from tidemark.domain.uploads import Upload, UploadStatus
from tidemark.domain.windows import Settled, Window, WindowPlan
from tidemark.store import packs, table
from tidemark.store.backend import Backend
from tidemark.store.packs import Span
from tidemark.store.table import Item, Key, dataset_pk

MAX_PENDING_COUNTED = 100
"""Pending uploads that a dataset's activity counts before it stops."""

PLANS = TypeAdapter(list[WindowPlan])
ERRORS = TypeAdapter(list[RowError])


@dataclass(frozen=True, kw_only=True)
class UploadRecord:
    """An upload as it is kept: what its sender sees, and what is needed to send its windows again."""

    uid: str
    """The dataset's."""
    upload: Upload
    body_digest: str
    pack: str
    index: Span
    """Where the upload's windows lie in its pack."""
    errors: Span | None
    """Where its rejected rows lie in its pack."""
    deletes: bool
    settled: frozenset[int] = frozenset()
    """Numbers of the windows that have settled."""
    revision: int = 1

    def updated(self, changes: Mapping[str, Any]) -> "UploadRecord":
        """The record with changes to what its sender sees."""
        return replace(self, upload=self.upload.model_copy(update=changes))


def create(backend: Backend, record: UploadRecord) -> bool:
    """Write a new record; False if the upload exists already."""
    return table.put_new(backend, _key(record.uid, record.upload.id), _item(record))


def find(backend: Backend, uid: str, upload_id: str) -> UploadRecord | None:
    """The record of an upload, read consistently, or None."""
    item = table.get(backend, _key(uid, upload_id))
    return _record(uid, item) if item else None


def get(backend: Backend, uid: str, upload_id: str) -> UploadRecord:
    """The record of an upload, read consistently. Raises NotFound."""
    record = find(backend, uid, upload_id)
    if record is None:
        raise NotFound(f"The dataset has no upload {upload_id[:80]!r}.", code="unknown_upload")
    return record


def find_many(backend: Backend, uid: str, upload_ids: list[str]) -> list[UploadRecord]:
    """The records of several uploads, in the order asked for, read consistently; unknown ones are left out."""
    keys = [_key(uid, upload_id) for upload_id in upload_ids]
    found = table.get_many(backend, keys)
    return [_record(uid, found[key]) for key in keys if key in found]


def newest(
    backend: Backend, uid: str, limit: int, after: tuple[str, str] | None
) -> tuple[list[UploadRecord], tuple[str, str] | None]:
    """Uploads, newest first, from the one after `after` = (accepted_at, upload id), and the last one if more follow."""
    start: Mapping[str, Any] | None = None
    if after is not None:
        accepted_at, upload_id = after
        key = _key(uid, upload_id)
        start = {"PK": key.pk, "SK": key.sk, "dataset": uid, "accepted_at": accepted_at}
    entries, last = table.query_index(backend, "uploads", ("dataset", uid), limit=limit, start=start)
    records = find_many(backend, uid, [entry["SK"].removeprefix("U#") for entry in entries])
    return records, (last["accepted_at"], last["SK"].removeprefix("U#")) if last else None


def pending(backend: Backend, uid: str) -> list[bool]:
    """Whether it deletes frames, for each upload of a dataset that is on its way, counted up to a limit (R18)."""
    entries, _ = table.query_index(backend, "pending", ("pending", uid), limit=MAX_PENDING_COUNTED)
    return [bool(entry["deletes"]) for entry in entries]


def plans(backend: Backend, record: UploadRecord) -> list[WindowPlan]:
    """The windows that an upload was cut into, as they were written: one ranged GET."""
    return PLANS.validate_json(packs.read_span(backend, record.pack, record.index))


def unsettled_windows(backend: Backend, record: UploadRecord) -> list[Window]:
    """The windows of an upload whose outcome its record does not know yet, as they were written, to be sent again."""
    unsettled = (plan for plan in plans(backend, record) if plan.number not in record.settled)
    return [window(record, plan, again=True) for plan in unsettled]


def window(record: UploadRecord, plan: WindowPlan, *, again: bool = False) -> Window:
    """A window of an upload, ready to be sent."""
    return Window(
        dataset=record.uid,
        upload=record.upload.id,
        pack=record.pack,
        actor=record.upload.actor,
        accepted_at=record.upload.accepted_at,
        plan=plan,
        again=again,
    )


def rejected_rows(backend: Backend, record: UploadRecord) -> list[RowError]:
    """Why rows of an upload were refused on arrival: one ranged GET, none if there were no such rows."""
    if record.errors is None:
        return []
    return ERRORS.validate_json(packs.read_span(backend, record.pack, record.errors))


def settle(record: UploadRecord, news: list[Settled]) -> UploadRecord:
    """The record after windows have settled; ones that it knows already change nothing."""
    fresh = {one.window: one for one in news if one.window not in record.settled}
    if not fresh:
        return record
    upload = record.upload
    settled = record.settled | fresh.keys()
    return replace(record, settled=settled).updated(
        {
            "applied": upload.applied + sum(one.applied for one in fresh.values()),
            "dropped": upload.dropped + sum(one.dropped for one in fresh.values()),
            "failed": upload.failed + sum(one.failed for one in fresh.values()),
            "windows_settled": len(settled),
        }
    )


def update(backend: Backend, record: UploadRecord) -> None:
    """Bring a record up to date. Raises TransactionRefused when it has changed since it was read."""
    try:
        backend.dynamodb.put_item(**replacement(backend, record))
    except backend.dynamodb.exceptions.ConditionalCheckFailedException:
        raise table.TransactionRefused([True]) from None


def replacement(backend: Backend, record: UploadRecord) -> Any:
    """The write that brings a record up to date, on condition that it has not changed since it was read."""
    return {
        "TableName": backend.table,
        "Item": table.put(_key(record.uid, record.upload.id), _item(replace(record, revision=record.revision + 1))),
        "ConditionExpression": "revision = :seen",
        "ExpressionAttributeValues": {":seen": {"N": str(record.revision)}},
    }


def _key(uid: str, upload_id: str) -> Key:
    return Key(dataset_pk(uid), f"U#{upload_id}")


def _item(record: UploadRecord) -> dict[str, Any]:
    upload = record.upload
    on_its_way = upload.status is UploadStatus.PENDING
    return {
        "upload": upload.model_dump_json(),
        "body": record.body_digest,
        "pack": record.pack,
        "index": json.dumps(record.index),
        "errors": json.dumps(record.errors) if record.errors else None,
        "settled": set(record.settled) or None,
        "revision": record.revision,
        "deletes": record.deletes,
        "accepted_at": upload.accepted_at.isoformat(),
        "dataset": record.uid,
        "pending": record.uid if on_its_way else None,
    }


def _record(uid: str, item: Item) -> UploadRecord:
    return UploadRecord(
        uid=uid,
        upload=Upload.model_validate_json(item["upload"]),
        body_digest=item["body"],
        pack=item["pack"],
        index=Span(*json.loads(item["index"])),
        errors=Span(*json.loads(item["errors"])) if "errors" in item else None,
        deletes=item["deletes"],
        settled=frozenset(int(number) for number in item.get("settled", ())),
        revision=int(item["revision"]),
    )
