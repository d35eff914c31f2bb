"""Records of uploads that have several chunks, from files or from a workflow.

Many invocations read an upload's files or shards at once. Each counts what it has read in the record of its file or
shard, in the transaction that stores its work. None of them has the upload's record in a transaction, because DynamoDB
refuses one of two transactions that overlap on an item. Only publish adds the outcomes of windows to the record and
finishes the upload, because it handles a dataset's messages one after another.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
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
"""Condition expression: the upload's workflow has neither failed nor finished."""
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
    has_complete_totals: bool = False
    """Whether the record itself holds the upload's complete totals, because the upload has settled before."""
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
        upload = self.upload
        return self.is_read and (self.refused is not None or upload.windows_settled == upload.windows)

    def with_settled(self, chunks: Sequence[Chunk]) -> "ChunkedUpload":
        """Returns the upload with the outcomes of chunks added that its totals do not include yet."""
        added = _recounted(chunks)
        changes = {name: getattr(self.upload, name) + count for name, count in added.items()}
        return replace(self, upload=self.upload.model_copy(update=changes))


def find(backend: Backend, uid: str, upload_id: str) -> ChunkedUpload | None:
    """Reads an upload of several chunks consistently. None for an unknown or a single-chunk upload.

    Takes two requests until the upload settles; see `uploads.records.of_item`.
    """
    item = table.get(backend, upload_records.key(uid, upload_id))
    if item is None:
        return None
    upload = upload_records.of_item(backend, uid, item)
    return _upload(uid, item, upload) if upload.is_chunked else None


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
    failed = replace(waiting, upload=waiting.upload.model_copy(update=changes), has_complete_totals=True)
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
    if chunk is not None:
        requests.append(chunks.new(backend, chunk))
    schema_records.write_with_schema(backend, before.uid, requests, schema_update, staged)


def count_in_flight(backend: Backend, chunk: Chunk) -> None:
    """Adds a new chunk of a file to the rows and windows that its upload has in flight.

    A plain write, so that many files of an upload are read without conflicts. If it fails, or the process dies before
    it, the upload has a chunk more in flight than counted, until it settles. No write for a chunk without windows.
    """
    counts = chunk.upload
    if not counts.windows:
        return
    in_flight = InFlight(counts.rows - counts.rejected, counts.windows)
    totals = upload_records.in_flight_attributes(in_flight)
    is_unsettled = Condition(f"attribute_exists({upload_records.UNSETTLED})")
    with suppress(table.ConditionFailed):  # a late invocation: its chunk has settled with the upload
        table.write(backend, _add(backend, chunk.uid, counts.id, totals, deletes=chunk.deletes, condition=is_unsettled))


def advance_shard(backend: Backend, before: ShardProgress, after: ShardProgress, chunk: Chunk) -> None:
    """Stores, in one transaction, a workflow's progress in a shard and the chunk made in that step.

    Raises ConditionFailed if the progress is no longer `before`. After the last page it never is, so a late invocation
    adds nothing to an upload that is released.
    """
    progress = shard_progress.replacement(backend, before, after)
    table.transact(backend, [progress, chunks.new(backend, chunk)])


def stop(backend: Backend, upload: ChunkedUpload, reason: str) -> None:
    """Fails an upload whose workflow failed. None of its windows is sent before a retry.

    Does nothing if the upload was settled, released or retried after `upload` was read.
    """
    changes = {
        "status": UploadStatus.FAILED,
        "reason": reason,
        "settled_at": backend.clock(),
        "rejected": upload.upload.rows,
    }
    # Rows that the workflow may still make are not counted. A retry counts the rows of all shards again.
    failed = replace(upload, upload=upload.upload.model_copy(update=changes), has_complete_totals=True)
    with suppress(table.ConditionFailed):
        table.write(backend, _put(backend, failed, _in_this_retry(upload, PLANNING)))


# Deciding


def release(
    backend: Backend, upload: ChunkedUpload, schema_update: SchemaUpdate | None = None, *, deletes: bool = False
) -> ChunkedUpload:
    """Releases an upload, so that its windows may be sent. An upload to a BATCH dataset then also fills the dataset.

    `schema_update` adds the upload's staged schema to the dataset's schema. `deletes` is whether any rows are DELETEs.
    Raises ConditionFailed if another upload fills the dataset, or this upload is already decided, otherwise
    SchemaConflict if the schema has changed.
    """
    released = replace(upload, released=True, has_complete_totals=True)
    requests = [_decide(backend, upload, "released", True, deletes=deletes, in_flight=released.in_flight)]
    if upload.upload.mode is Mode.BATCH:
        requests.insert(0, dataset_records.fill(backend, upload.uid, upload.upload.id))
    schema_records.write_with_schema(backend, upload.uid, requests, schema_update)
    return released


def refuse(backend: Backend, upload: ChunkedUpload, reason: str) -> ChunkedUpload:
    """Refuses an upload to a BATCH dataset as a whole. Raises ConditionFailed if the upload is already decided."""
    table.transact(backend, [_decide(backend, upload, "refused", reason, deletes=False, in_flight=InFlight())])
    return replace(upload, refused=reason, has_complete_totals=True)


def _decide(
    backend: Backend, upload: ChunkedUpload, verdict: str, value: Any, *, deletes: bool, in_flight: InFlight
) -> Write:
    """Returns the write that stores the verdict `released` or `refused`, on condition that an upload is undecided."""
    key = upload_records.key(upload.uid, upload.upload.id)
    # All is read, and no window has an outcome yet. From now on, readers need not add up what was read.
    totals = {name: getattr(upload.upload, name) for name in upload_records.TOTALS}
    changes = {verdict: value, "deletes": deletes, upload_records.TOTALS_COMPLETE: True, **totals}
    changes |= upload_records.in_flight_attributes(in_flight)
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in changes)
    return writes.update(backend, key, expression, changes, UNDECIDED)


# Settling


def settle_chunks(backend: Backend, settled: Sequence[Chunk]) -> None:
    """Stores chunks of one upload whose windows all have an outcome, and adds their counts to the upload's totals.

    One transaction. Raises ConditionFailed if one of the chunks has changed since it was read.
    """
    upload = settled[0].upload.id
    totals = _add_recounted(
        backend, settled[0].uid, upload, _recounted(settled), deletes=False, condition=writes.PRESENT
    )
    table.transact(backend, [*store_settled(backend, settled), totals])


def store_settled(backend: Backend, settled: Sequence[Chunk]) -> list[Write]:
    """Returns the writes that store chunks whose counts an upload's totals include from now on.

    Each is on condition that the chunk has not changed since it was read.
    """
    return [chunks.replacement(backend, replace(chunk, counted=chunk.counts)) for chunk in settled]


def finish(backend: Backend, settled: ChunkedUpload) -> Write:
    """Returns the write that stores a finished upload, on condition that it has not settled since its last retry."""
    complete = replace(settled, has_complete_totals=True)
    return _put(backend, complete, _in_this_retry(settled, "attribute_not_exists(settled_at)"))


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
    reopened = replace(after, counted=before.counts)
    totals = _add_recounted(
        backend, after.uid, upload.upload.id, _recounted([reopened]), deletes=after.deletes, condition=condition
    )
    table.transact(backend, [*store_settled(backend, [reopened]), totals])


def end_retry(backend: Backend, upload: ChunkedUpload) -> None:
    """Records that every window of a retry has been sent. Does nothing if that is already recorded."""
    key = upload_records.key(upload.uid, upload.upload.id)
    with suppress(table.ConditionFailed):
        table.write(backend, writes.update(backend, key, "REMOVE retrying", {}, _in_this_retry(upload, RETRYING)))


# Writes of the record


def _in_this_retry(upload: ChunkedUpload, expression: str) -> Condition:
    """Returns the condition that `expression` holds and the upload has not been retried again."""
    return Condition(f"{expression} AND retries = :retry", {"retry": upload.upload.retries})


def _recounted(settled: Sequence[Chunk]) -> dict[str, int]:
    """Returns what chunks add to their upload's totals beyond what these include already, by attribute name."""
    added: Counter[str] = Counter()
    for chunk in settled:
        added.update(chunk.counts.since(chunk.counted))
    counts = {name: added[name] for name in Counts._fields}
    counts["rows"] = counts.pop("found")
    return counts


def _add_recounted(
    backend: Backend, uid: str, upload_id: str, added: dict[str, int], *, deletes: bool, condition: Condition
) -> Write:
    """Returns the write that adds the outcomes of windows to an upload's totals and to what it has in flight."""
    # Counts in flight are copied to an index, so changing one costs an index write. Unchanged counts are left out.
    changes = upload_records.in_flight_attributes(InFlight.of_counts(added))
    totals = added | {name: count for name, count in changes.items() if count}
    return _add(backend, uid, upload_id, totals, deletes=deletes, condition=condition)


def _add(
    backend: Backend, uid: str, upload_id: str, added: Mapping[str, int], *, deletes: bool, condition: Condition
) -> Write:
    expression = "ADD " + ", ".join(f"#{name} :{name}" for name in added)
    values: dict[str, Any] = dict(added)
    if deletes:
        expression += " SET deletes = :deletes"
        values["deletes"] = True
    return writes.update(backend, upload_records.key(uid, upload_id), expression, values, condition)


def _put(backend: Backend, record: ChunkedUpload, condition: Condition) -> Write:
    return writes.put(backend, upload_records.key(record.uid, record.upload.id), _upload_item(record), condition)


def _upload_item(record: ChunkedUpload) -> dict[str, Any]:
    upload = record.upload
    is_complete = record.has_complete_totals
    totals = {name: getattr(upload, name) if is_complete else 0 for name in upload_records.TOTALS}
    totals["retries"] = upload.retries
    attributes = upload_records.index_attributes(record.uid, upload, deletes=False, in_flight=record.in_flight) | totals
    attributes |= {
        "upload": upload.model_dump_json(),
        upload_records.TOTALS_COMPLETE: record.has_complete_totals or None,
        "retrying": record.retrying or None,
        "released": record.released or None,
        "refused": record.refused,
        "transfer": record.transfer.model_dump_json() if record.transfer else None,
        "settled_at": upload.settled_at.isoformat() if upload.settled_at else None,
    }
    return attributes


def _upload(uid: str, item: Item, upload: Upload) -> ChunkedUpload:
    return ChunkedUpload(
        uid=uid,
        upload=upload,
        has_complete_totals=upload_records.has_complete_totals(item),
        retrying=bool(item.get("retrying")),
        released=bool(item.get("released")),
        refused=item.get("refused"),
        transfer=Transfer.model_validate_json(item["transfer"]) if "transfer" in item else None,
    )
