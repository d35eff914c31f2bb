"""Transfers: roll backs and clones, whose rows a workflow makes from the log (R10, R32, R33).

A transfer is an upload of several chunks. Its workflow reads the shards of a version in parallel and makes chunks whose
rows point at existing payloads. No window is sent until all shards are read, so a failed workflow changes no frame, and
a retry continues where the failed workflow stopped. After that the upload is released: its windows are sent, settled
and retried like those of any other upload, without the workflow.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from pydantic import TypeAdapter
from pydantic_core import to_json

from tidemark.aws import queues, shard_progress, workflows
from tidemark.aws.backend import Backend
from tidemark.aws.shard_progress import ShardProgress
from tidemark.aws.table import ConditionFailed
from tidemark.aws.workflows import Workflow
from tidemark.domain.datasets import Dataset, Origin
from tidemark.domain.frames.operations import Op
from tidemark.domain.intake_tasks import ResumeUpload
from tidemark.domain.limits import MAX_WINDOW_FRAMES
from tidemark.domain.transfers import Transfer, TransferWork
from tidemark.domain.uploads import Source, Upload, UploadStatus
from tidemark.domain.windows import Restore, WindowPlan, WindowRow, chunk_name, chunk_source, cut
from tidemark.shards import frame_versions
from tidemark.shards.packs import PackWriter
from tidemark.shards.restore import restoring_row
from tidemark.uploads import chunked_uploads, chunks
from tidemark.uploads.chunked_uploads import ChunkedUpload
from tidemark.uploads.chunks import Chunk
from tidemark.versions.changed_frames import HeadPair, Position, changed_frames

MAX_CHUNK_ROWS = 10 * MAX_WINDOW_FRAMES
"""Most rows that a page of a shard puts in a chunk. They fill ten windows."""
DELETING_PAGES = "deletes"
"""Name of the number of pages with rows that delete frames, in the totals of a shard's progress."""
REMEDIES = {
    Source.ROLLBACK: "Nothing was changed; roll back once more.",
    Source.CLONE: "A retry of the upload goes on where it stopped.",
}
"""What users should know or do about a failed transfer, by the transfer's source. Ends the upload's `reason`."""
POSITION = TypeAdapter(Position)


def new_upload(
    dataset: Dataset,
    transfer: Transfer,
    *,
    upload_id: str,
    source: Source,
    origin: Origin,
    actor: str,
    at: datetime,
    message: str = "",
) -> ChunkedUpload:
    """Returns a pending upload that brings a transfer's frames into `dataset`. The upload is not stored yet."""
    upload = Upload(
        id=upload_id,
        project=dataset.project,
        dataset=dataset.name,
        mode=dataset.mode,
        status=UploadStatus.PENDING,
        actor=actor,
        source=source,
        origin=origin,
        message=message,
        accepted_at=at,
        pending_since=at,
        shards=dataset.shards,
    )
    return ChunkedUpload(uid=dataset.uid, upload=upload, transfer=transfer)


def start(backend: Backend, record: ChunkedUpload, *, force: bool = False) -> None:
    """Starts a transfer's workflow, unless the upload has been released or is not pending.

    Does nothing if the workflow was already started in the upload's current retry. With `force`, starts another
    execution even then, in case the first execution is lost.
    """
    if record.released or record.upload.status is not UploadStatus.PENDING:
        return
    suffix = f"-{uuid.uuid4().hex[:8]}" if force else ""
    workflows.start(
        backend,
        Workflow.TRANSFER,
        TransferWork(uid=record.uid, upload=record.upload.id, retries=record.upload.retries),
        record.upload.shards,
        name=f"{record.upload.id}-{record.upload.retries}{suffix}",
    )


def read_shard(backend: Backend, work: TransferWork, shard: int, has_time: Callable[[], bool]) -> bool:
    """Makes chunks of a shard, page by page, while `has_time` returns True. Returns whether the whole shard is read.

    Also returns True if the upload needs no more chunks, because it is released or settled. Raises LookupError.
    """
    record = find(backend, work)
    task = shard_progress.find(backend, work.uid, work.upload, shard)
    if record.is_decided or record.upload.settled_at is not None:
        return True
    try:
        while not task.done:
            task = _read_page(backend, record, task)
            if not has_time():
                break
    except ConditionFailed:
        # Another invocation was faster and continues. If the shard is not done, this workflow waits for it.
        return shard_progress.find(backend, work.uid, work.upload, shard).done
    return task.done


def finish(backend: Backend, work: TransferWork) -> None:
    """Releases a transfer whose shards are all read, and sends intake the task to send its windows, chunk by chunk."""
    record = find(backend, work)
    if record.upload.settled_at is None:
        record = release(backend, record)
        queues.send_tasks(backend, [ResumeUpload(uid=work.uid, upload=work.upload, retries=record.upload.retries)])


def release(backend: Backend, record: ChunkedUpload) -> ChunkedUpload:
    """Releases a transfer, so that its windows may be sent. Raises ConditionFailed if it has been stopped meanwhile."""
    if record.released:
        return record
    if not record.is_read:
        raise LookupError(f"upload {record.upload.id} of {record.uid} is not read")
    progress = shard_progress.find_all(backend, record.uid, record.upload.id, record.upload.shards)
    deletes = any(shard.totals.get(DELETING_PAGES) for shard in progress)
    try:
        return chunked_uploads.release(backend, record, deletes=deletes)
    except ConditionFailed:
        after = chunked_uploads.find(backend, record.uid, record.upload.id)
        if after is None or not after.released:
            raise
        return after


def record_failure(backend: Backend, work: TransferWork, why: str) -> None:
    """Fails a transfer whose workflow failed, unless the upload has been retried since that workflow started."""
    record = find(backend, work)
    if record.upload.retries == work.retries:
        fail(backend, record, why)


def fail(backend: Backend, record: ChunkedUpload, why: str) -> None:
    """Fails a transfer whose rows could not be made. Does nothing after the release: its windows are sent."""
    chunked_uploads.stop(
        backend, record, f"Its rows could not be made: {why.rstrip('.')}. {REMEDIES[record.upload.source]}"
    )


def chunk_names(backend: Backend, record: ChunkedUpload) -> list[list[str]]:
    """Returns the names of a transfer's chunks, page by page: first those of the first page of every shard.

    All shards must be read. One request.
    """
    progress = shard_progress.find_all(backend, record.uid, record.upload.id, record.upload.shards)
    pages = max(shard.pages for shard in progress)
    return [[chunk_name(shard.shard, page) for shard in progress if page < shard.pages] for page in range(pages)]


def restore_windows(backend: Backend, record: ChunkedUpload, pages: list[list[str]]) -> dict[int, str]:
    """Returns the id of a roll back's last window in each shard, by shard number; empty for a clone.

    A shard's last window restores the frames that other uploads have changed since the roll back started. `pages` are
    the names of its chunks, as `chunk_names` returns them. One request.
    """
    if record.transfer is None or record.transfer.since is None:
        return {}
    last = {chunk_source(name): name for names in pages for name in names}
    return chunks.last_windows(backend, record.uid, record.upload.id, [*last.values()])


def find(backend: Backend, work: TransferWork) -> ChunkedUpload:
    """Returns the record of the upload whose rows a workflow makes. Raises LookupError if there is no such transfer."""
    record = chunked_uploads.find(backend, work.uid, work.upload)
    if record is None or record.transfer is None:
        raise LookupError(f"there is no roll back and no clone {work.upload} of {work.uid}")
    return record


class _Page(NamedTuple):
    rows: list[WindowRow]
    cursor: str | None
    """Where the next page begins, as stored in the shard's progress; None after the last page."""


def _read_page(backend: Backend, record: ChunkedUpload, task: ShardProgress) -> ShardProgress:
    """Stores a chunk made of a shard's next page. Returns the shard's new progress. Raises ConditionFailed."""
    transfer = record.transfer
    assert transfer is not None  # noqa: S101 - `find` checks it
    if transfer.since is None:
        page = _page_of_version(backend, transfer, task)
    else:
        page = _page_of_changes(backend, transfer, transfer.since, task)
    plans = [
        WindowPlan(number=number, shard=task.shard, rows=rows)
        for number, (_, rows) in enumerate(cut(page.rows, record.upload.shards))
    ]
    if page.cursor is None and transfer.since is not None:
        restore = Restore(
            to=transfer.heads[task.shard], since=transfer.since[task.shard], row=task.counted + len(page.rows)
        )
        plans.append(WindowPlan(number=len(plans), shard=task.shard, rows=[], restore=restore))
    chunk = _chunk(backend, record, task, plans)
    after = replace(
        task,
        cursor=page.cursor or "",
        pages=task.pages + 1,
        counted=task.counted + len(page.rows),
        totals=_totals(task, chunk),
        done=page.cursor is None,
        revision=task.revision + 1,
    )
    chunked_uploads.advance_shard(backend, task, after, chunk)
    return after


def _totals(task: ShardProgress, chunk: Chunk) -> dict[str, int]:
    """Returns the totals of a shard's upload after a page that made `chunk`."""
    added = {"labels": chunk.upload.labels, "windows": chunk.upload.windows, DELETING_PAGES: int(chunk.deletes)}
    return {name: task.totals.get(name, 0) + count for name, count in added.items()}


def _chunk(backend: Backend, record: ChunkedUpload, task: ShardProgress, plans: list[WindowPlan]) -> Chunk:
    """Writes a pack with only the window plans. Returns the chunk, whose rows point at payloads in other packs."""
    rows = [row for plan in plans for row in plan.rows]
    pack = PackWriter(record.uid)
    index = pack.add(to_json(plans))
    pack.write(backend)
    zero_counts = ("rejected", "applied", "dropped", "failed", "windows_settled", "windows_failed", "shards_read")
    counts = {"rows": len(rows), "labels": sum(row.labels for row in rows), "windows": len(plans)}
    return Chunk(
        uid=record.uid,
        upload=record.upload.model_copy(update={**counts, **dict.fromkeys(zero_counts, 0)}),
        name=chunk_name(task.shard, task.pages),
        pack=pack.name,
        index=index,
        errors=None,
        deletes=any(row.op is Op.DELETE for row in rows),
    )


def _page_of_version(backend: Backend, transfer: Transfer, task: ShardProgress) -> _Page:
    """Returns rows that add a shard's next frames, as of the version to clone."""
    frames, stopped_at = frame_versions.live_frames(
        backend, transfer.source, task.shard, transfer.heads[task.shard], task.cursor, limit=MAX_CHUNK_ROWS
    )
    rows = [restoring_row(task.counted + count, frame.frame_id, frame) for count, frame in enumerate(frames)]
    if stopped_at is None and len(frames) == MAX_CHUNK_ROWS:
        stopped_at = frames[-1].frame_id
    return _Page(rows, stopped_at)


def _page_of_changes(backend: Backend, transfer: Transfer, since: tuple[int, ...], task: ShardProgress) -> _Page:
    """Returns rows that restore a shard's next frames that changed between the version to restore and the roll back."""
    pair = HeadPair(transfer.source, _heads_of(transfer.heads, task.shard), _heads_of(since, task.shard))
    start = POSITION.validate_json(task.cursor) if task.cursor else Position(shard=task.shard)
    changed, rest = changed_frames(backend, pair, start, MAX_CHUNK_ROWS)
    rows = [restoring_row(task.counted + count, frame.frame_id, frame.before) for count, frame in enumerate(changed)]
    return _Page(rows, POSITION.dump_json(rest).decode() if rest else None)


def _heads_of(heads: tuple[int, ...], shard: int) -> tuple[int, ...]:
    """Returns `heads` with 0 in place of all other shards' heads, so that a comparison covers only `shard`."""
    return tuple(head if number == shard else 0 for number, head in enumerate(heads))
