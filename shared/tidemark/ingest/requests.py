"""Intake: from the body of a request to windows on their way.

What is accepted is written in this order: the pack with the payloads, the errors and the windows; then the upload's
record, which names the pack, together with what its rows teach the dataset; then the windows are sent. The record
decides. Before it, nothing has happened; after it, a repeat sends the windows that were written, so it cannot come out
different.
"""

import uuid
from contextlib import suppress
from datetime import datetime
from typing import Any

from tidemark.aws import queues
from tidemark.aws.backend import Backend
from tidemark.aws.table import ConditionFailed
from tidemark.catalog import dataset_records
from tidemark.catalog.schema_records import SchemaConflict
from tidemark.domain.canonical import digest
from tidemark.domain.datasets import Dataset, Mode
from tidemark.domain.errors import IdempotencyMismatch, InvalidRequest, RowError, TooLarge
from tidemark.domain.frames.fields import json_type
from tidemark.domain.limits import MAX_REQUEST_BYTES, MAX_REQUEST_ROWS
from tidemark.domain.problems import pointer, shown
from tidemark.domain.rows.strict_json import RepeatingObject, read_json
from tidemark.domain.uploads import MAX_RECEIPT_ERRORS, Receipt, Upload, UploadStatus, upload_id_of
from tidemark.ingest import admission, backpressure, batch_mode, chunk_writer
from tidemark.ingest.chunk_writer import CheckedRows, Row
from tidemark.uploads import chunks
from tidemark.uploads.chunks import Chunk

ENVELOPE = '{"mutations": [...]}'


def submit(
    backend: Backend, *, project: str, dataset: str, body: bytes, actor: str, idempotency_key: str | None
) -> Receipt:
    """Take the mutations in `body`, `{"mutations": [row, …]}`, and send those that are valid on their way (R20, R21).

    With an idempotency key, a repeat of the same body gets the same receipt and nothing is done twice.
    Raises NotFound, Conflict (`dataset_sealed`, `dataset_archived`), TooLarge, IdempotencyMismatch and InvalidRequest
    (`malformed_json`, `duplicate_name`, `invalid_request`), and TooManyInFlight, but not for a repeat; a row that is
    wrong is not raised but listed in the receipt.
    """
    found = dataset_records.get(backend, project, dataset)
    if len(body) > MAX_REQUEST_BYTES:
        raise TooLarge(
            f"The body has {len(body):,} bytes; a request may have {MAX_REQUEST_BYTES:,}. Send the rows in several."
        )
    upload_id = derived_upload_id(found.uid, actor, idempotency_key)
    chunk = chunks.find(backend, found.uid, upload_id) if idempotency_key else None
    if chunk is None:
        backpressure.refuse_if_full(backend, found)
        rows = list(enumerate(_rows(body)))
        for fresh in chunk_writer.attempts():
            with suppress(SchemaConflict):
                receipt = _accept(backend, found, rows, body, actor, upload_id, fresh=fresh)
                break
        if receipt is not None:
            return receipt
        chunk = chunks.get(backend, found.uid, upload_id)
    return _repeat(backend, chunk, body)


def _accept(
    backend: Backend, dataset: Dataset, rows: list[Row], body: bytes, actor: str, upload_id: str, *, fresh: bool
) -> Receipt | None:
    """Record an upload and send its windows; None if it is on record already. Raises SchemaConflict, and Conflict for a
    BATCH dataset that is filled."""
    batch = dataset.mode is Mode.BATCH
    admission.admit(backend, dataset, upload_id)
    checked = chunk_writer.check(backend, dataset, rows, fresh=fresh)
    if batch and checked.errors:
        checked = checked._replace(accepted=[], schema_update=None)
    upload = _upload(dataset, checked, upload_id, actor, backend.clock())
    written = chunk_writer.write(backend, dataset, checked, upload, body_digest=digest(body))
    fills = dataset_records.fill(backend, dataset.uid, upload_id) if batch and checked.accepted else None
    try:
        if not chunks.create(backend, written.chunk, checked.schema_update, fills):
            return None
    except ConditionFailed:
        raise batch_mode.sealed_error(dataset.name, None) from None
    queues.send_windows(backend, written.windows)
    return _receipt(written.chunk, checked.errors)


def _repeat(backend: Backend, chunk: Chunk, body: bytes) -> Receipt:
    """Answer for an upload that was recorded before, and send again what its first sender may not have sent."""
    if chunk.body_digest != digest(body):
        raise IdempotencyMismatch(
            "This Idempotency-Key was used before with another body; use a new key for a new request.",
            pointer="Idempotency-Key",
        )
    if chunk.upload.status is UploadStatus.PENDING:
        queues.send_windows(backend, chunks.unsettled_windows(backend, chunk))
    return _receipt(chunk, chunks.rejected_rows(backend, chunk))


def _upload(dataset: Dataset, checked: CheckedRows, upload_id: str, actor: str, now: datetime) -> Upload:
    nothing = not checked.accepted
    wrong = len({error.row for error in checked.errors})
    return Upload(
        id=upload_id,
        project=dataset.project,
        dataset=dataset.name,
        mode=dataset.mode,
        status=UploadStatus.FAILED if nothing else UploadStatus.PENDING,
        reason=batch_mode.rejection_reason(wrong, checked.total) if nothing and dataset.mode is Mode.BATCH else None,
        actor=actor,
        accepted_at=now,
        pending_since=None if nothing else now,
        settled_at=now if nothing else None,
        rows=checked.total,
        rejected=checked.total - len(checked.accepted),
        labels=sum(row.labels for row in checked.accepted),
    )


def derived_upload_id(uid: str, actor: str, idempotency_key: str | None) -> str:
    """The id of the upload that a sender's idempotency key stands for in a dataset; without a key, a new one."""
    if idempotency_key is None:
        return uuid.uuid4().hex
    return upload_id_of(uid, actor, idempotency_key)


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


def _receipt(chunk: Chunk, errors: list[RowError]) -> Receipt:
    upload = chunk.upload
    return Receipt(
        upload=upload.id,
        accepted=upload.rows - upload.rejected,
        rejected=upload.rejected,
        errors=errors[:MAX_RECEIPT_ERRORS],
    )
