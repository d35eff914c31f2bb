"""Records of uploads that have several chunks, from files or from a workflow.

An upload's record adds up the counts of its chunks. Many invocations work on an upload at once: they read files or
shards in parallel, and publish settles chunks. None of them replaces the whole record. Each adds to the record's totals
in the transaction that stores its work, so nothing is counted twice. Only publish finishes an upload, because it
handles a dataset's messages one after another.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from tidemark.aws import shard_progress, table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item
from tidemark.aws.shard_progress import ShardProgress
from tidemark.aws.writes import Condition, Write
from tidemark.catalog import dataset_records, schema_records
from tidemark.catalog.schema_records import SchemaUpdate
from tidemark.domain.datasets import Mode
from tidemark.domain.transfers import Transfer
from tidemark.domain.uploads import InFlight, Upload, UploadStatus
from tidemark.uploads import chunks, file_records
from tidemark.uploads import records as upload_records
from tidemark.uploads.chunks import Chunk, Counts
from tidemark.uploads.file_records import FileRecord

PLANNING = "attribute_not_exists(settled_at) AND attribute_not_exists(released)"
"""Condition expression: the upload's workflow may still make chunks."""
UNDECIDED = Condition(
    "attribute_not_exists(released) AND attribute_not_exists(refused) AND attribute_not_exists(settled_at)"
)
"""Condition that an upload is neither released, refused nor settled."""
RETRYING = "attribute_exists(retrying)"
"""Condition expression: windows of the upload's retry are still being sent."""


# The record


@dataclass(frozen=True, kw_only=True)
class ChunkedUpload:
    """The stored record of an upload that has several chunks."""

    uid: str
    """The dataset's uid."""
    upload: Upload
    chunks: int = 0
    chunks_settled: int = 0
    retrying: bool = False
    """Whether windows that were given up are being sent again."""
    released: bool = False
    """Whether an upload that must first be read completely may now send its windows."""
    refused: str | None = None
    """Why a BATCH dataset refused the upload as a whole; None if it did not."""
    transfer: Transfer | None = None
    """The roll back or clone whose workflow makes the rows; None if the rows are in files."""

    @property
    def is_read(self) -> bool:
        """Whether every file, or every shard, has been read."""
        upload = self.upload
        return upload.files_read == upload.files and upload.shards_read == upload.shards

    @property
    def is_decided(self) -> bool:
        """Whether the upload has been released or refused. True also for an upload that needs no release."""
        is_held = self.upload.mode is Mode.BATCH or self.transfer is not None
        return not is_held or self.released or self.refused is not None

    @property
    def may_send(self) -> bool:
        """Whether the upload's windows may be sent."""
        return self.is_decided and self.refused is None

    @property
    def in_flight(self) -> InFlight:
        """The upload's rows and windows without an outcome; none until its windows may be sent."""
        counts = {name: getattr(self.upload, name) for name in upload_records.TOTALS}
        return InFlight.of_counts(counts) if self.may_send else InFlight()

    @property
    def is_complete(self) -> bool:
        """Whether the upload is pending and can be finished.

        Everything must be read and, unless the upload was refused, every window must have an outcome.
        """
        if self.upload.status is not UploadStatus.PENDING or self.retrying or not self.is_decided:
            return False
        return self.is_read and (self.refused is not None or self.chunks_settled == self.chunks)


def find(backend: Backend, uid: str, upload_id: str) -> ChunkedUpload | None:
    """Reads the record of an upload of several chunks consistently. None for an unknown or a single-chunk upload."""
    item = table.get(backend, upload_records.key(uid, upload_id))
    return _upload(uid, item) if item and "parts" in item else None


# Creating and starting


def new(backend: Backend, upload: ChunkedUpload) -> Write:
    """Returns the write that stores a new upload, on condition that its id is free."""
    return _put(backend, upload, writes.ABSENT)


def create(backend: Backend, upload: ChunkedUpload, files: Sequence[FileRecord]) -> bool:
    """Stores a new upload and its files in one transaction. Returns False if the upload already exists."""
    try:
        table.transact(backend, [new(backend, upload), *(file_records.put(backend, file) for file in files)])
    except table.ConditionFailed:
        return False
    return True


def start(backend: Backend, upload: ChunkedUpload, files: Sequence[FileRecord]) -> bool:
    """Makes a waiting upload pending and stores its files, in one transaction. Returns False if it is not waiting."""
    now = backend.clock()
    changes = {"status": UploadStatus.PENDING, "accepted_at": now, "pending_since": now}
    started = replace(upload, upload=upload.upload.model_copy(update=changes))
    start_upload = _put(backend, started, _is_waiting(upload.uid))
    try:
        table.transact(backend, [start_upload, *(file_records.put(backend, file) for file in files)])
    except table.ConditionFailed:
        return False
    return True


def expire(backend: Backend, waiting: ChunkedUpload, reason: str) -> None:
    """Fails a waiting upload whose files were never completed. Does nothing if the upload is no longer waiting."""
    changes = {"status": UploadStatus.FAILED, "reason": reason, "settled_at": backend.clock()}
    failed = replace(waiting, upload=waiting.upload.model_copy(update=changes))
    with suppress(table.ConditionFailed):
        table.write(backend, _put(backend, failed, _is_waiting(waiting.uid)))


def _is_waiting(uid: str) -> Condition:
    waiting = upload_records.unsettled_prefix(uid, UploadStatus.WAITING)
    return Condition("begins_with(unsettled_order, :waiting)", {"waiting": waiting})


# Reading on


def advance_file(
    backend: Backend,
    before: FileRecord,
    after: FileRecord,
    chunk: Chunk | None,
    schema_update: SchemaUpdate | None = None,
    staged: str = "",
) -> None:
    """Stores, in one transaction, a file's progress, the chunk made in that step, and its rows' schema update.

    `chunk` is None if the step made none. `staged` is the id of the upload whose staged schema is updated; if it is
    empty, the dataset's schema is updated. Raises ConditionFailed if the file's record is no longer `before`, otherwise
    SchemaConflict if the schema has changed.
    """
    requests: list[Write] = [file_records.replacement(backend, before, after)]
    added = {"files_read": 1} if after.is_read else {}
    if chunk is not None:
        requests.append(chunks.new(backend, chunk))
        added |= _counts(chunk)
    if added:
        deletes = chunk is not None and chunk.deletes
        in_flight = InFlight() if staged else InFlight.of_counts(added)
        requests.append(_add(backend, before.uid, before.upload, added, deletes=deletes, in_flight=in_flight))
    schema_records.write_with_schema(backend, before.uid, requests, schema_update, staged)


def advance_shard(
    backend: Backend, upload: ChunkedUpload, before: ShardProgress, after: ShardProgress, chunk: Chunk
) -> None:
    """Stores, in one transaction, a workflow's progress in a shard and the chunk made in that step.

    Raises ConditionFailed if the progress is no longer `before`, or the upload was released, settled or retried.
    """
    added = _counts(chunk) | ({"shards_read": 1} if after.done else {})
    totals = _add(
        backend,
        upload.uid,
        upload.upload.id,
        added,
        deletes=chunk.deletes,
        in_flight=InFlight(),
        condition=_in_this_retry(upload, PLANNING),
    )
    progress = shard_progress.replacement(backend, before, after)
    table.transact(backend, [progress, chunks.new(backend, chunk), totals])


def stop(backend: Backend, upload: ChunkedUpload, reason: str) -> None:
    """Fails an upload whose workflow failed. None of its windows is sent before a retry.

    Does nothing if the upload was settled, released or retried after `upload` was read.
    """
    now = backend.clock()
    failed = upload.upload.model_copy(update={"status": UploadStatus.FAILED, "reason": reason, "settled_at": now})
    # The workflow may add to the totals until this write, so `rejected` is set to the stored `rows`.
    expression = "SET upload = :upload, settled_at = :now, rejected = #rows REMOVE unsettled, unsettled_order"
    values = {"upload": failed.model_dump_json(), "now": now.isoformat()}
    key = upload_records.key(upload.uid, upload.upload.id)
    with suppress(table.ConditionFailed):
        table.write(backend, writes.update(backend, key, expression, values, _in_this_retry(upload, PLANNING)))


def _counts(chunk: Chunk) -> dict[str, int]:
    """Returns what a new chunk adds to its upload's totals, by attribute name."""
    counts = chunk.upload
    added = {"rows": counts.rows, "rejected": counts.rejected, "labels": counts.labels, "windows": counts.windows}
    return added | {"parts": 1, "parts_settled": 0 if counts.windows else 1}


# Deciding


def release(backend: Backend, upload: ChunkedUpload, schema_update: SchemaUpdate | None) -> ChunkedUpload:
    """Releases an upload, so that its windows may be sent. An upload to a BATCH dataset then also fills the dataset.

    `schema_update` adds the upload's staged schema to the dataset's schema. Raises ConditionFailed if another upload
    fills the dataset, or this upload is already decided, otherwise SchemaConflict if the schema has changed.
    """
    released = replace(upload, released=True)
    requests = [_decide(backend, upload, "released", True, in_flight=released.in_flight)]
    if upload.upload.mode is Mode.BATCH:
        requests.insert(0, dataset_records.fill(backend, upload.uid, upload.upload.id))
    schema_records.write_with_schema(backend, upload.uid, requests, schema_update)
    return released


def refuse(backend: Backend, upload: ChunkedUpload, reason: str) -> ChunkedUpload:
    """Refuses an upload to a BATCH dataset as a whole. Raises ConditionFailed if the upload is already decided."""
    table.transact(backend, [_decide(backend, upload, "refused", reason, in_flight=InFlight())])
    return replace(upload, refused=reason)


def _decide(backend: Backend, upload: ChunkedUpload, verdict: str, value: Any, *, in_flight: InFlight) -> Write:
    """Returns the write that stores the verdict `released` or `refused`, on condition that an upload is undecided."""
    key = upload_records.key(upload.uid, upload.upload.id)
    counts = upload_records.in_flight_attributes(in_flight)
    expression = f"SET #{verdict} = :verdict, " + ", ".join(f"#{name} = :{name}" for name in counts)
    return writes.update(backend, key, expression, {"verdict": value, **counts}, UNDECIDED)


# Settling


def settle_chunk(backend: Backend, chunk: Chunk) -> None:
    """Records that all windows of a chunk have an outcome, and adds the chunk's counts to its upload's totals.

    Raises ConditionFailed if the chunk has changed since it was read.
    """
    _recount(backend, chunk, chunk.counted, settled=1, deletes=False, condition=writes.PRESENT)


def finish(backend: Backend, settled: ChunkedUpload) -> Write:
    """Returns the write that stores a finished upload, on condition that it has not settled since its last retry."""
    return _put(backend, settled, _in_this_retry(settled, "attribute_not_exists(settled_at)"))


def check_settled(backend: Backend, uid: str, upload_id: str) -> Write:
    """Returns a write that changes nothing, but fails its transaction unless an upload has settled."""
    return writes.check(backend, upload_records.key(uid, upload_id), Condition("attribute_exists(settled_at)"))


# Retrying


def begin_retry(backend: Backend, settled: ChunkedUpload, begun: ChunkedUpload, others: Sequence[Write] = ()) -> None:
    """Stores a settled upload as `begun`, which starts its retry, and makes `others` in the same transaction.

    Raises ConditionFailed if the retry has already started, or a condition of `others` fails.
    """
    condition = _in_this_retry(settled, "attribute_exists(settled_at)")
    table.transact(backend, [_put(backend, begun, condition), *others])


def reopen_chunk(backend: Backend, upload: ChunkedUpload, before: Chunk, after: Chunk) -> None:
    """Replaces a settled chunk with `after`, whose given-up windows are unsettled again.

    Also corrects the upload's totals, in the same transaction. Raises ConditionFailed if the chunk has changed since
    `before` was read, or the upload's retry is over.
    """
    condition = _in_this_retry(upload, RETRYING)
    _recount(backend, after, before.counts, settled=-1, deletes=after.deletes, condition=condition)


def end_retry(backend: Backend, upload: ChunkedUpload) -> None:
    """Records that every window of a retry has been sent. Does nothing if that is already recorded."""
    key = upload_records.key(upload.uid, upload.upload.id)
    with suppress(table.ConditionFailed):
        table.write(backend, writes.update(backend, key, "REMOVE retrying", {}, _in_this_retry(upload, RETRYING)))


# Writes of the record


def _in_this_retry(upload: ChunkedUpload, expression: str) -> Condition:
    """Returns the condition that `expression` holds and the upload has not been retried again."""
    return Condition(f"{expression} AND retries = :retry", {"retry": upload.upload.retries})


def _recount(
    backend: Backend, chunk: Chunk, before: Counts, *, settled: int, deletes: bool, condition: Condition
) -> None:
    """Replaces a chunk and, in the same transaction, adds its counts' change since `before` to its upload's totals.

    `settled` is added to the number of settled chunks. Raises ConditionFailed if the chunk has changed since it was
    read, or `condition` fails for the upload's record.
    """
    added = chunk.counts.since(before) | {"parts_settled": settled}
    added["rows"] = added.pop("found")
    in_flight = InFlight.of_counts(added)
    totals = _add(backend, chunk.uid, chunk.upload.id, added, deletes=deletes, in_flight=in_flight, condition=condition)
    counted = replace(chunk, counted=chunk.counts)
    table.transact(backend, [chunks.replacement(backend, counted), totals])


def _add(
    backend: Backend,
    uid: str,
    upload_id: str,
    counts: dict[str, int],
    *,
    deletes: bool,
    in_flight: InFlight,
    condition: Condition = writes.PRESENT,
) -> Write:
    """Returns the write that adds `counts` to an upload's totals, and `in_flight` to its rows and windows in flight."""
    # Counts in flight are copied to an index, so changing one costs an index write. Unchanged counts are left out.
    changes = {name: count for name, count in upload_records.in_flight_attributes(in_flight).items() if count}
    added: dict[str, Any] = counts | changes
    expression = "ADD " + ", ".join(f"#{name} :{name}" for name in added)
    if deletes:
        expression += " SET deletes = :deletes"
        added["deletes"] = True
    return writes.update(backend, upload_records.key(uid, upload_id), expression, added, condition)


def _put(backend: Backend, record: ChunkedUpload, condition: Condition) -> Write:
    return writes.put(backend, upload_records.key(record.uid, record.upload.id), _upload_item(record), condition)


def _upload_item(record: ChunkedUpload) -> dict[str, Any]:
    upload = record.upload
    totals = {name: getattr(upload, name) for name in upload_records.TOTALS}
    attributes = upload_records.index_attributes(record.uid, upload, deletes=False, in_flight=record.in_flight) | totals
    attributes |= {
        "upload": upload.model_dump_json(),
        "parts": record.chunks,
        "parts_settled": record.chunks_settled,
        "retrying": record.retrying or None,
        "released": record.released or None,
        "refused": record.refused,
        "transfer": record.transfer.model_dump_json() if record.transfer else None,
        "settled_at": upload.settled_at.isoformat() if upload.settled_at else None,
    }
    return attributes


def _upload(uid: str, item: Item) -> ChunkedUpload:
    return ChunkedUpload(
        uid=uid,
        upload=upload_records.from_item(item),
        chunks=int(item["parts"]),
        chunks_settled=int(item["parts_settled"]),
        retrying=bool(item.get("retrying")),
        released=bool(item.get("released")),
        refused=item.get("refused"),
        transfer=Transfer.model_validate_json(item["transfer"]) if "transfer" in item else None,
    )
