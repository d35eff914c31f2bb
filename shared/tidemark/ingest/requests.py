"""Intake of requests: turns the body of a request into windows and sends them.

The order of writes is: the pack, with payloads, errors and windows; the upload's record, which names the pack, together
with the schema update of its rows; then the windows are sent. The record decides. Before it exists, nothing has
happened. Once it exists, a repeat sends the windows that were written, so the result is always the same.
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
"""The form of a body, as errors describe it."""


def submit(
    backend: Backend, *, project: str, dataset: str, body: bytes, actor: str, idempotency_key: str | None
) -> Receipt:
    """Accepts the valid mutations in `body`, `{"mutations": [row, …]}`, and sends their windows (R20, R21).

    The receipt lists the invalid rows. With an idempotency key, a repeat of the same body gets the same receipt and
    changes nothing.

    Raises NotFound, Conflict (`dataset_sealed`, `dataset_archived`), TooLarge, IdempotencyMismatch and InvalidRequest
    (`malformed_json`, `duplicate_name`, `invalid_request`). Raises TooManyInFlight unless it is a repeat.
    """
    target = dataset_records.get(backend, project, dataset)
    if len(body) > MAX_REQUEST_BYTES:
        raise TooLarge(
            f"The body has {len(body):,} bytes; a request may have {MAX_REQUEST_BYTES:,}. Send several requests."
        )
    upload_id = derived_upload_id(target.uid, actor, idempotency_key)
    chunk = chunks.find(backend, target.uid, upload_id) if idempotency_key else None
    if chunk is None:
        backpressure.refuse_if_full(backend, target)
        rows = list(enumerate(_rows(body)))
        for fresh in chunk_writer.attempts():
            with suppress(SchemaConflict):
                receipt = _accept(backend, target, rows, body, actor, upload_id, fresh=fresh)
                break
        if receipt is not None:
            return receipt
        chunk = chunks.get(backend, target.uid, upload_id)
    return _repeat(backend, chunk, body)


def _accept(
    backend: Backend, dataset: Dataset, rows: list[Row], body: bytes, actor: str, upload_id: str, *, fresh: bool
) -> Receipt | None:
    """Records an upload and sends its windows. Returns None if the upload is already recorded.

    Raises SchemaConflict, and Conflict if the dataset takes no mutations.
    """
    is_batch = dataset.mode is Mode.BATCH
    admission.admit(backend, dataset, upload_id)
    checked = chunk_writer.check(backend, dataset, rows, fresh=fresh)
    if not batch_mode.accepts(dataset.mode, len(checked.errors)):
        checked = checked._replace(accepted=[], schema_update=None)
    upload = _upload(dataset, checked, upload_id, actor, backend.clock())
    written = chunk_writer.write(backend, dataset, checked, upload, body_digest=digest(body))
    fills = dataset_records.fill(backend, dataset.uid, upload_id) if is_batch and checked.accepted else None
    try:
        if not chunks.create(backend, written.chunk, checked.schema_update, fills):
            return None
    except ConditionFailed:
        raise batch_mode.sealed_error(dataset.name, None) from None
    queues.send_windows(backend, written.windows)
    return _receipt(written.chunk, checked.errors)


def _repeat(backend: Backend, chunk: Chunk, body: bytes) -> Receipt:
    """Returns the receipt of a recorded upload, and sends again the windows that may not have been sent."""
    if chunk.body_digest != digest(body):
        raise IdempotencyMismatch(
            "This Idempotency-Key was used before with another body; use a new key for a new request.",
            pointer="Idempotency-Key",
        )
    if chunk.upload.status is UploadStatus.PENDING:
        queues.send_windows(backend, chunks.unsettled_windows(backend, chunk))
    return _receipt(chunk, chunks.rejected_rows(backend, chunk))


def _upload(dataset: Dataset, checked: CheckedRows, upload_id: str, actor: str, now: datetime) -> Upload:
    is_empty = not checked.accepted
    rejected = len({error.row for error in checked.errors})
    return Upload(
        id=upload_id,
        project=dataset.project,
        dataset=dataset.name,
        mode=dataset.mode,
        status=UploadStatus.FAILED if is_empty else UploadStatus.PENDING,
        reason=batch_mode.rejection_reason(rejected, checked.total)
        if is_empty and dataset.mode is Mode.BATCH
        else None,
        actor=actor,
        accepted_at=now,
        pending_since=None if is_empty else now,
        settled_at=now if is_empty else None,
        rows=checked.total,
        rejected=checked.total - len(checked.accepted),
        labels=sum(row.labels for row in checked.accepted),
    )


def derived_upload_id(uid: str, actor: str, idempotency_key: str | None) -> str:
    """Returns the upload id that a sender's idempotency key stands for in a dataset; without a key, a new id."""
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
    unknown = next((name for name in envelope if name != "mutations"), None)
    if unknown is not None:
        message = f"'{shown(unknown)}' is not a field here; the body is {ENVELOPE} and nothing else."
        raise _invalid("unknown_field", pointer(unknown), message)
    if "mutations" not in envelope:
        raise _invalid("missing_field", "/mutations", f"'mutations' is required: {ENVELOPE}.")
    rows = envelope["mutations"]
    if not isinstance(rows, list):
        raise _invalid("wrong_type", "/mutations", f"'mutations' must be a list of rows; this is {json_type(rows)}.")
    if not rows:
        raise _invalid("too_short", "/mutations", "'mutations' must not be empty.")
    if len(rows) > MAX_REQUEST_ROWS:
        raise TooLarge(
            f"The request has {len(rows):,} mutations; it may have {MAX_REQUEST_ROWS:,}. Send several requests.",
            pointer="/mutations",
        )
    return rows


def _invalid(fault: str, location: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, pointer=location, fault=fault)


def _receipt(chunk: Chunk, errors: list[RowError]) -> Receipt:
    upload = chunk.upload
    return Receipt(
        upload=upload.id,
        accepted=upload.rows - upload.rejected,
        rejected=upload.rejected,
        errors=errors[:MAX_RECEIPT_ERRORS],
    )
