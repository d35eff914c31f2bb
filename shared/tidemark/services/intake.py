"""Intake: from the body of a request to windows on their way.

What is accepted is written in this order: the pack with the payloads, the errors and the windows; then the upload's
record, which names the pack; then the windows are sent. The record decides. Before it, nothing has happened; after it,
a repeat sends the windows that were written, so it cannot come out different.
"""

import hashlib
import json
import uuid
from datetime import datetime
from typing import Any, NamedTuple

from pydantic_core import to_json

from tidemark.domain.canonical import digest
from tidemark.domain.class_map import ClassMap
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import IdempotencyMismatch, InvalidRequest, RowError, TooLarge, Unavailable
from tidemark.domain.fields import json_type
from tidemark.domain.json_input import RepeatingObject, read_json
from tidemark.domain.limits import MAX_REQUEST_BYTES, MAX_REQUEST_ROWS
from tidemark.domain.mutations import Op
from tidemark.domain.problems import pointer, shown
from tidemark.domain.uploads import MAX_RECEIPT_ERRORS, Receipt, Upload, UploadStatus
from tidemark.domain.validation import AcceptedRow, RowValidator
from tidemark.domain.windows import Window, WindowPlan, WindowRow, cut
from tidemark.store import catalog, queues, uploads
from tidemark.store.backend import Backend
from tidemark.store.packs import PackWriter
from tidemark.store.uploads import UploadRecord

ENVELOPE = '{"mutations": [...]}'
RACES = 8
"""Times that rows are checked again because another request taught the dataset new metadata fields meanwhile."""


class Checked(NamedTuple):
    """The rows of a request after validation."""

    total: int
    accepted: list[AcceptedRow]
    errors: list[RowError]


class Accepted(NamedTuple):
    """An upload that is written to a pack, its windows, and the errors of its rejected rows."""

    record: UploadRecord
    windows: list[Window]
    errors: list[RowError]


def submit(
    backend: Backend, *, project: str, dataset: str, body: bytes, actor: str, idempotency_key: str | None
) -> Receipt:
    """Take the mutations in `body`, `{"mutations": [row, …]}`, and send those that are valid on their way (R20, R21).

    With an idempotency key, a repeat of the same body gets the same receipt and nothing is done twice.
    Raises NotFound, TooLarge, InvalidRequest (`malformed_json`, `duplicate_name`, `invalid_request`) and
    IdempotencyMismatch; a row that is wrong is not raised but listed in the receipt.
    """
    found = catalog.dataset(backend, project, dataset)
    if len(body) > MAX_REQUEST_BYTES:
        raise TooLarge(
            f"The body has {len(body):,} bytes; a request may have {MAX_REQUEST_BYTES:,}. Send the rows in several."
        )
    upload_id = derived_upload_id(found.uid, actor, idempotency_key)
    record = uploads.find(backend, found.uid, upload_id) if idempotency_key else None
    if record is None:
        accepted = _accept(backend, found, body, actor, upload_id)
        if uploads.create(backend, accepted.record):
            queues.send_windows(backend, accepted.windows)
            return _receipt(accepted.record, accepted.errors)
        record = uploads.get(backend, found.uid, upload_id)
    return _repeat(backend, record, body)


def _repeat(backend: Backend, record: UploadRecord, body: bytes) -> Receipt:
    """Answer for an upload that was recorded before, and send again what its first sender may not have sent."""
    if record.body_digest != digest(body):
        raise IdempotencyMismatch(
            "This Idempotency-Key was used before with another body; use a new key for a new request.",
            pointer="Idempotency-Key",
        )
    if record.upload.status is UploadStatus.PENDING:
        queues.send_windows(backend, uploads.unsettled_windows(backend, record))
    return _receipt(record, uploads.rejected_rows(backend, record))


def _accept(backend: Backend, dataset: Dataset, body: bytes, actor: str, upload_id: str) -> Accepted:
    """Validate the rows of a request and write them to a pack; nothing refers to it yet."""
    checked = _check(backend, dataset, _rows(body))
    pack = PackWriter(dataset.uid)
    plans = [
        WindowPlan(number=number, shard=shard, rows=[_window_row(pack, row) for row in rows])
        for number, (shard, rows) in enumerate(cut(checked.accepted, dataset.shards))
    ]
    errors = pack.add(to_json(checked.errors)) if checked.errors else None
    index = pack.add(to_json(plans))
    pack.write(backend)
    record = UploadRecord(
        uid=dataset.uid,
        upload=_upload(checked, len(plans), upload_id, actor, backend.clock()),
        body_digest=digest(body),
        pack=pack.name,
        index=index,
        errors=errors,
        deletes=any(row.op is Op.DELETE for row in checked.accepted),
    )
    return Accepted(record, [uploads.window(record, plan) for plan in plans], checked.errors)


def _upload(checked: Checked, windows: int, upload_id: str, actor: str, now: datetime) -> Upload:
    nothing = not checked.accepted
    return Upload(
        id=upload_id,
        status=UploadStatus.FAILED if nothing else UploadStatus.PENDING,
        actor=actor,
        accepted_at=now,
        settled_at=now if nothing else None,
        rows=checked.total,
        rejected=checked.total - len(checked.accepted),
        labels=sum(row.labels for row in checked.accepted),
        windows=windows,
    )


def derived_upload_id(uid: str, actor: str, idempotency_key: str | None) -> str:
    """The id of the upload that a sender's idempotency key stands for in a dataset; without a key, a new one."""
    if idempotency_key is None:
        return uuid.uuid4().hex
    return hashlib.sha256(json.dumps([uid, actor, idempotency_key]).encode()).hexdigest()[:32]


def _rows(body: bytes) -> list[Any]:
    envelope = read_json(body)
    if not isinstance(envelope, dict):
        raise _invalid("wrong_type", "", f"The body must be an object, {ENVELOPE}; this is {json_type(envelope)}.")
    if isinstance(envelope, RepeatingObject):
        name = shown(envelope.repeated)
        raise InvalidRequest(f"The name '{name}' appears twice in one object.", code="duplicate_name")
    other = next((name for name in envelope if name != "mutations"), None)
    if other is not None:
        message = f"'{shown(other)}' is not a field here; the body is {ENVELOPE} and nothing else."
        raise _invalid("unknown_field", pointer(other), message)
    if "mutations" not in envelope:
        raise _invalid("missing_field", "/mutations", f"'mutations' is required: {ENVELOPE}.")
    rows = envelope["mutations"]
    if not isinstance(rows, list):
        raise _invalid("wrong_type", "/mutations", f"'mutations' must be a list of rows; this is {json_type(rows)}.")
    if not rows:
        raise _invalid("too_short", "/mutations", "'mutations' must not be empty.")
    if len(rows) > MAX_REQUEST_ROWS:
        raise TooLarge(
            f"The request has {len(rows):,} mutations; it may have {MAX_REQUEST_ROWS:,}. Send them in several.",
            pointer="/mutations",
        )
    return rows


def _invalid(fault: str, place: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, pointer=place, fault=fault)


def _check(backend: Backend, dataset: Dataset, rows: list[Any]) -> Checked:
    """Validate rows against class map and schema, and teach the dataset the fields that are new (R1, R3, R4)."""
    fresh = False
    for _ in range(RACES):
        class_map, _ = catalog.class_map(backend, dataset.project, fresh=fresh)
        schema, revision = catalog.schema(backend, dataset.uid, fresh=fresh)
        validator, checked = _validate(rows, class_map, schema)
        if not fresh and any(error.code == "unknown_class" for error in checked.errors):
            fresh = True
            continue
        if validator.schema == schema or catalog.replace_schema(backend, dataset.uid, validator.schema, revision):
            return checked
        fresh = True
    raise Unavailable("Other requests kept adding metadata fields to the dataset; send this one again.")


def _validate(rows: list[Any], class_map: ClassMap, schema: Any) -> tuple[RowValidator, Checked]:
    validator = RowValidator(class_map, schema)
    accepted: list[AcceptedRow] = []
    errors: list[RowError] = []
    for number, row in enumerate(rows):
        outcome = validator.check(number, row)
        if isinstance(outcome, list):
            errors.extend(outcome)
        else:
            accepted.append(outcome)
    return validator, Checked(len(rows), accepted, errors)


def _window_row(pack: PackWriter, row: AcceptedRow) -> WindowRow:
    offset = length = 0
    if row.op is not Op.DELETE:
        offset, length = pack.add(row.payload)
    return WindowRow(row.row, row.op, row.frame_id, offset, length, digest(row.payload), row.labels, row.classes)


def _receipt(record: UploadRecord, errors: list[RowError]) -> Receipt:
    upload = record.upload
    return Receipt(
        upload=upload.id,
        accepted=upload.rows - upload.rejected,
        rejected=upload.rejected,
        errors=errors[:MAX_RECEIPT_ERRORS],
    )
