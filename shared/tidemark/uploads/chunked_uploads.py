"""Uploads of several chunks, from files or from a workflow, and their records, in which the chunks add up.

Many invocations work on an upload at once: they read files or shards side by side, and publish settles chunks. None of
them replaces the upload's record. Each adds to its totals in the transaction that records the work, so that nothing is
counted twice. Only publish finishes an upload, because it handles the messages of a dataset one after another.
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
"""The condition that a workflow is still making chunks of an upload."""
UNDECIDED = Condition(
    "attribute_not_exists(released) AND attribute_not_exists(refused) AND attribute_not_exists(settled_at)"
)
"""The condition that an upload is neither released nor refused."""
RETRYING = "attribute_exists(retrying)"
"""The condition that the windows of a retry are still being sent."""


# The record


@dataclass(frozen=True, kw_only=True)
class ChunkedUpload:
    """The record of an upload of several chunks."""

    uid: str
    """The dataset's uid."""
    upload: Upload
    chunks: int = 0
    chunks_settled: int = 0
    retrying: bool = False
    """Whether windows that were given up are being sent again."""
    released: bool = False
    """Whether the windows of an upload that waits until it is read completely may be sent."""
    refused: str | None = None
    """Why a BATCH dataset refused the upload as a whole."""
    transfer: Transfer | None = None
    """The transfer whose workflow makes the rows; None if they are in files."""

    @property
    def is_read(self) -> bool:
        """Whether every file, or every shard, has been read."""
        upload = self.upload
        return upload.files_read == upload.files and upload.shards_read == upload.shards

    @property
    def is_decided(self) -> bool:
        """Whether it is certain that the windows may be sent, or that they never will be."""
        is_held = self.upload.mode is Mode.BATCH or self.transfer is not None
        return not is_held or self.released or self.refused is not None

    @property
    def may_send(self) -> bool:
        """Whether the windows may be sent."""
        return self.is_decided and self.refused is None

    @property
    def in_flight(self) -> InFlight:
        """The upload's rows and windows in flight; none until the windows may be sent."""
        counts = {name: getattr(self.upload, name) for name in upload_records.TOTALS}
        return InFlight.of_counts(counts) if self.may_send else InFlight()

    @property
    def is_complete(self) -> bool:
        """Whether everything is read, every window has an outcome, and the upload is still pending."""
        if self.upload.status is not UploadStatus.PENDING or self.retrying or not self.is_decided:
            return False
        return self.is_read and (self.refused is not None or self.chunks_settled == self.chunks)


def find(backend: Backend, uid: str, upload_id: str) -> ChunkedUpload | None:
    """Reads an upload of several chunks consistently. None for an unknown upload, and for one of a single chunk."""
    item = table.get(backend, upload_records.key(uid, upload_id))
    return _upload(uid, item) if item and "parts" in item else None


# Creating and starting


def new(backend: Backend, upload: ChunkedUpload) -> Write:
    """The write that stores a new upload, on condition that its id is free."""
    return _put(backend, upload, writes.ABSENT)


def create(backend: Backend, upload: ChunkedUpload, files: Sequence[FileRecord]) -> bool:
    """Stores a new upload and its files. Returns False if the upload already exists."""
    try:
        table.transact(backend, [new(backend, upload), *(file_records.put(backend, file) for file in files)])
    except table.ConditionFailed:
        return False
    return True


def start(backend: Backend, upload: ChunkedUpload, files: Sequence[FileRecord]) -> bool:
    """Starts a waiting upload and stores its `files`. Returns False if it has already started."""
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
    """Fails an upload whose files were never completed. Nothing happens if it has just been started."""
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
    """Records that a file was read further, with the chunk made of its rows and their schema update.

    `staged` names the upload whose staged schema is updated; without it, the dataset's schema is. Raises
    ConditionFailed if another invocation has read on from `before`, otherwise SchemaConflict.
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
    """Records a workflow's progress in a shard and the chunk that it made.

    Raises ConditionFailed if another invocation has gone on from `before`, or the upload has ended.
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
    """Fails an upload whose workflow failed, so that nothing of it is sent before a retry.

    Nothing happens if it was stopped, released or retried since it was read.
    """
    now = backend.clock()
    failed = upload.upload.model_copy(update={"status": UploadStatus.FAILED, "reason": reason, "settled_at": now})
    # Pages in progress add to the totals until this is written, so `rejected` takes the stored `rows`.
    expression = "SET upload = :upload, settled_at = :now, rejected = #rows REMOVE unsettled, unsettled_order"
    values = {"upload": failed.model_dump_json(), "now": now.isoformat()}
    key = upload_records.key(upload.uid, upload.upload.id)
    with suppress(table.ConditionFailed):
        table.write(backend, writes.update(backend, key, expression, values, _in_this_retry(upload, PLANNING)))


def _counts(chunk: Chunk) -> dict[str, int]:
    """Returns what a new chunk adds to the totals of its upload."""
    counts = chunk.upload
    added = {"rows": counts.rows, "rejected": counts.rejected, "labels": counts.labels, "windows": counts.windows}
    return added | {"parts": 1, "parts_settled": 0 if counts.windows else 1}


# Deciding


def release(backend: Backend, upload: ChunkedUpload, schema_update: SchemaUpdate | None) -> ChunkedUpload:
    """Releases an upload, so that its windows may be sent. In a BATCH dataset, it then fills the dataset.

    `schema_update` moves its staged schema to the dataset. Raises ConditionFailed if another upload fills the dataset,
    or this one is already decided, otherwise SchemaConflict.
    """
    released = replace(upload, released=True)
    requests = [_decide(backend, upload, "released", True, in_flight=released.in_flight)]
    if upload.upload.mode is Mode.BATCH:
        requests.insert(0, dataset_records.fill(backend, upload.uid, upload.upload.id))
    schema_records.write_with_schema(backend, upload.uid, requests, schema_update)
    return released


def refuse(backend: Backend, upload: ChunkedUpload, reason: str) -> ChunkedUpload:
    """Refuses an upload of a BATCH dataset as a whole. Raises ConditionFailed if it is already decided."""
    table.transact(backend, [_decide(backend, upload, "refused", reason, in_flight=InFlight())])
    return replace(upload, refused=reason)


def _decide(backend: Backend, upload: ChunkedUpload, verdict: str, value: Any, *, in_flight: InFlight) -> Write:
    """The write that releases or refuses an upload, on condition that it is undecided."""
    key = upload_records.key(upload.uid, upload.upload.id)
    counts = upload_records.in_flight_attributes(in_flight)
    expression = f"SET #{verdict} = :verdict, " + ", ".join(f"#{name} = :{name}" for name in counts)
    return writes.update(backend, key, expression, {"verdict": value, **counts}, UNDECIDED)


# Settling


def settle_chunk(backend: Backend, chunk: Chunk) -> None:
    """Records that all windows of a chunk have an outcome. Raises ConditionFailed if the chunk has changed since."""
    _recount(backend, chunk, chunk.counted, settled=1, deletes=False, condition=writes.PRESENT)


def finish(backend: Backend, settled: ChunkedUpload) -> Write:
    """The write that finishes an upload, on condition that it is unfinished since its last retry."""
    return _put(backend, settled, _in_this_retry(settled, "attribute_not_exists(settled_at)"))


def check_settled(backend: Backend, uid: str, upload_id: str) -> Write:
    """The write that changes nothing, and makes its transaction depend on an upload having settled."""
    return writes.check(backend, upload_records.key(uid, upload_id), Condition("attribute_exists(settled_at)"))


# Retrying


def begin_retry(backend: Backend, settled: ChunkedUpload, begun: ChunkedUpload, others: Sequence[Write] = ()) -> None:
    """Starts the retry of a settled upload, and makes `others` with it, all or nothing.

    Raises ConditionFailed if the retry has already started, or a condition of `others` does not hold.
    """
    condition = _in_this_retry(settled, "attribute_exists(settled_at)")
    table.transact(backend, [_put(backend, begun, condition), *others])


def reopen_chunk(backend: Backend, upload: ChunkedUpload, before: Chunk, after: Chunk) -> None:
    """Records that windows of a settled chunk are tried again.

    Raises ConditionFailed if the chunk has changed meanwhile, or the retry is over.
    """
    condition = _in_this_retry(upload, RETRYING)
    _recount(backend, after, before.counts, settled=-1, deletes=after.deletes, condition=condition)


def end_retry(backend: Backend, upload: ChunkedUpload) -> None:
    """Records that every window of a retry has been sent. Nothing happens if that is already recorded."""
    key = upload_records.key(upload.uid, upload.upload.id)
    with suppress(table.ConditionFailed):
        table.write(backend, writes.update(backend, key, "REMOVE retrying", {}, _in_this_retry(upload, RETRYING)))


# Writes of the record


def _in_this_retry(upload: ChunkedUpload, expression: str) -> Condition:
    """Returns a condition that holds only until the upload's next retry."""
    return Condition(f"{expression} AND retries = :retry", {"retry": upload.upload.retries})


def _recount(
    backend: Backend, chunk: Chunk, before: Counts, *, settled: int, deletes: bool, condition: Condition
) -> None:
    """Replaces a chunk and adds the change of its counts since `before` to its upload's totals.

    `settled` is added to the number of settled chunks. Raises ConditionFailed if the chunk has changed meanwhile, or
    `condition` does not hold for the upload.
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
    """The write that adds counts to an upload's totals."""
    # Counts in flight are also in an index, where each change costs a write. Counts that do not change are left out.
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
