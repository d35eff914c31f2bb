"""Uploads of several chunks, those of files and those that a workflow makes: their record, in which the chunks add up.

Many invocations work on one upload at a time: files, or shards, are read side by side, publish settles chunks. None of
them replaces the upload's record; each adds to its totals, in the transaction that records what is added, so that
nothing is added twice. Only publish finishes an upload: its messages of one dataset come one after another.
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
from tidemark.uploads.chunks import Chunk
from tidemark.uploads.file_records import FileRecord


@dataclass(frozen=True, kw_only=True)
class ChunkedUpload:
    """An upload of several chunks, as it stands."""

    uid: str
    upload: Upload
    chunks: int = 0
    chunks_settled: int = 0
    retrying: bool = False
    """Whether windows of it that were given up are being sent again."""
    released: bool = False
    """Of an upload that is sent only once it is read whole, whether that is done."""
    refused: str | None = None
    """Of an upload of a BATCH dataset, why nothing of it is taken."""
    transfer: Transfer | None = None
    """What a workflow makes its rows of; None where they are in files."""

    @property
    def is_read(self) -> bool:
        """Whether every file, or every shard, is read."""
        upload = self.upload
        return upload.files_read == upload.files and upload.shards_read == upload.shards

    @property
    def is_decided(self) -> bool:
        """Whether its windows may be sent, or never will be."""
        is_held = self.upload.mode is Mode.BATCH or self.transfer is not None
        return not is_held or self.released or self.refused is not None

    @property
    def may_send(self) -> bool:
        """Whether its windows may be sent."""
        return self.is_decided and self.refused is None

    @property
    def in_flight(self) -> InFlight:
        """What of it is on its way: nothing before its windows may be sent."""
        counts = {name: getattr(self.upload, name) for name in upload_records.TOTALS}
        return InFlight.of_counts(counts) if self.may_send else InFlight()

    @property
    def is_complete(self) -> bool:
        """Whether everything is read and every window decided, and nobody has said so yet."""
        if self.upload.status is not UploadStatus.PENDING or self.retrying or not self.is_decided:
            return False
        return self.is_read and (self.refused is not None or self.chunks_settled == self.chunks)


def new(backend: Backend, upload: ChunkedUpload) -> Write:
    """The write of a new upload, on condition that there is none of its id."""
    return _put(backend, upload, writes.ABSENT)


def create(backend: Backend, upload: ChunkedUpload, files: Sequence[FileRecord]) -> bool:
    """Write a new upload and its files; False if the upload exists already."""
    try:
        table.transact(backend, [new(backend, upload), *(file_records.put(backend, file) for file in files)])
    except table.ConditionFailed:
        return False
    return True


def find(backend: Backend, uid: str, upload_id: str) -> ChunkedUpload | None:
    """An upload of several chunks, read consistently, or None."""
    item = table.get(backend, upload_records.key(uid, upload_id))
    return _upload(uid, item) if item and "parts" in item else None


def start(backend: Backend, upload: ChunkedUpload, files: Sequence[FileRecord]) -> bool:
    """Let a waiting upload begin, with its files as they are now; False if it has begun already."""
    now = backend.clock()
    changes = {"status": UploadStatus.PENDING, "accepted_at": now, "pending_since": now}
    begun = replace(upload, upload=upload.upload.model_copy(update=changes))
    start_upload = _put(backend, begun, _is_waiting(upload.uid))
    try:
        table.transact(backend, [start_upload, *(file_records.put(backend, file) for file in files)])
    except table.ConditionFailed:
        return False
    return True


def advance_file(
    backend: Backend,
    before: FileRecord,
    after: FileRecord,
    chunk: Chunk | None,
    schema_update: SchemaUpdate | None = None,
    staged: str = "",
) -> None:
    """Record that a file was read further, the chunk that was made of it, and what its rows teach the dataset, or the
    upload named `staged`.

    Raises ConditionFailed where another invocation has read on from `before`, else SchemaConflict.
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
    """Record that a workflow has come further in a shard, and the chunk that it made.

    Raises ConditionFailed where another invocation has gone on from `before`, and where the upload has ended.
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


PLANNING = "attribute_not_exists(settled_at) AND attribute_not_exists(released)"
"""The condition that a workflow still makes chunks of an upload."""


def _counts(chunk: Chunk) -> dict[str, int]:
    counts = chunk.upload
    added = {"rows": counts.rows, "rejected": counts.rejected, "labels": counts.labels, "windows": counts.windows}
    return added | {"parts": 1, "parts_settled": 0 if counts.windows else 1}


def release(backend: Backend, upload: ChunkedUpload, schema_update: SchemaUpdate | None) -> ChunkedUpload:
    """Let the windows of an upload be sent. If its dataset is a BATCH dataset, it fills it, and teaches it what it has
    learned. Raises ConditionFailed where another upload does, or where it was decided before."""
    released = replace(upload, released=True)
    requests = [_decide(backend, upload, "released", True, in_flight=released.in_flight)]
    if upload.upload.mode is Mode.BATCH:
        requests.insert(0, dataset_records.fill(backend, upload.uid, upload.upload.id))
    schema_records.write_with_schema(backend, upload.uid, requests, schema_update)
    return released


def refuse(backend: Backend, upload: ChunkedUpload, reason: str) -> ChunkedUpload:
    """Take nothing of an upload of a BATCH dataset. Raises ConditionFailed where it was decided before."""
    table.transact(backend, [_decide(backend, upload, "refused", reason, in_flight=InFlight())])
    return replace(upload, refused=reason)


def expire(backend: Backend, waiting: ChunkedUpload, reason: str) -> None:
    """Let an upload fail that was never completed; nothing happens where it begins at this moment."""
    changes = {"status": UploadStatus.FAILED, "reason": reason, "settled_at": backend.clock()}
    failed = replace(waiting, upload=waiting.upload.model_copy(update=changes))
    with suppress(table.ConditionFailed):
        table.write(backend, _put(backend, failed, _is_waiting(waiting.uid)))


def stop(backend: Backend, upload: ChunkedUpload, reason: str) -> None:
    """Let an upload fail that a workflow could not make, so that nothing of it is sent until a retry.

    Nothing happens where it has been stopped, released or retried since it was read.
    """
    now = backend.clock()
    failed = upload.upload.model_copy(update={"status": UploadStatus.FAILED, "reason": reason, "settled_at": now})
    # Pages that are being made still add to the totals until this is written, so `rejected` takes the stored `rows`.
    expression = "SET upload = :upload, settled_at = :now, rejected = #rows REMOVE unsettled, unsettled_order"
    values = {"upload": failed.model_dump_json(), "now": now.isoformat()}
    key = upload_records.key(upload.uid, upload.upload.id)
    with suppress(table.ConditionFailed):
        table.write(backend, writes.update(backend, key, expression, values, _in_this_retry(upload, PLANNING)))


def _decide(backend: Backend, upload: ChunkedUpload, verdict: str, value: Any, *, in_flight: InFlight) -> Write:
    """The write that releases or refuses an upload, on condition that neither has happened."""
    key = upload_records.key(upload.uid, upload.upload.id)
    carried = upload_records.in_flight_attributes(in_flight)
    expression = f"SET #{verdict} = :verdict, " + ", ".join(f"#{name} = :{name}" for name in carried)
    return writes.update(backend, key, expression, {"verdict": value, **carried}, UNDECIDED)


UNDECIDED = Condition(
    "attribute_not_exists(released) AND attribute_not_exists(refused) AND attribute_not_exists(settled_at)"
)


def _is_waiting(uid: str) -> Condition:
    waiting = upload_records.unsettled_prefix(uid, UploadStatus.WAITING)
    return Condition("begins_with(unsettled_order, :waiting)", {"waiting": waiting})


def settle_chunk(backend: Backend, chunk: Chunk) -> None:
    """Record that all windows of a chunk are decided. Raises ConditionFailed when the chunk has changed meanwhile."""
    added = chunk.counts.since(chunk.counted) | {"parts_settled": 1}
    added["rows"] = added.pop("found")
    in_flight = InFlight.of_counts(added)
    totals = _add(backend, chunk.uid, chunk.upload.id, added, deletes=False, in_flight=in_flight)
    counted = replace(chunk, counted=chunk.counts)
    table.transact(backend, [chunks.replacement(backend, counted), totals])


def finish(backend: Backend, settled: ChunkedUpload) -> Write:
    """The write that finishes an upload, on condition that nobody has, since its last retry."""
    return _put(backend, settled, _in_this_retry(settled, "attribute_not_exists(settled_at)"))


def check_settled(backend: Backend, uid: str, upload_id: str) -> Write:
    """Part of a transaction that writes nothing, on condition that an upload has settled."""
    return writes.check(backend, upload_records.key(uid, upload_id), Condition("attribute_exists(settled_at)"))


def begin_retry(backend: Backend, settled: ChunkedUpload, begun: ChunkedUpload, others: Sequence[Write] = ()) -> None:
    """Let an upload that has settled begin anew, and make `others` with it, all or nothing.

    Raises ConditionFailed if it has begun already, or a condition of `others` does not hold.
    """
    condition = _in_this_retry(settled, "attribute_exists(settled_at)")
    table.transact(backend, [_put(backend, begun, condition), *others])


def reopen_chunk(backend: Backend, upload: ChunkedUpload, before: Chunk, after: Chunk) -> None:
    """Record that windows of a chunk that has settled are to be decided once more.

    Raises ConditionFailed when the chunk has changed meanwhile, or the retry is over.
    """
    added = after.counts.since(before.counts) | {"parts_settled": -1}
    added["rows"] = added.pop("found")
    in_flight = InFlight.of_counts(added)
    totals = _add(
        backend,
        after.uid,
        after.upload.id,
        added,
        deletes=after.deletes,
        in_flight=in_flight,
        condition=_in_this_retry(upload, RETRYING),
    )
    counted = replace(after, counted=after.counts)
    table.transact(backend, [chunks.replacement(backend, counted), totals])


def end_retry(backend: Backend, upload: ChunkedUpload) -> None:
    """Record that all that is to be sent again has been; nothing happens where it is on record."""
    key = upload_records.key(upload.uid, upload.upload.id)
    with suppress(table.ConditionFailed):
        table.write(backend, writes.update(backend, key, "REMOVE retrying", {}, _in_this_retry(upload, RETRYING)))


RETRYING = "attribute_exists(retrying)"


def _in_this_retry(upload: ChunkedUpload, expression: str) -> Condition:
    """A condition that holds only until the upload is retried once more."""
    return Condition(f"{expression} AND retries = :retry", {"retry": upload.upload.retries})


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
    # A change of what is in flight changes an index entry too, which costs a write; most calls make none.
    added: dict[str, Any] = counts | {
        name: n for name, n in upload_records.in_flight_attributes(in_flight).items() if n
    }
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
