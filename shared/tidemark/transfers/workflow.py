"""Transfers: roll backs and clones, made by a workflow out of what is in the log (R10, R32, R33).

A transfer is an upload of several chunks. Its workflow reads the shards of a version side by side and makes chunks of
rows that point at payloads that are there already. Nothing is sent before all shards are read: a workflow that fails
leaves nothing half done, and a retry goes on where it stopped. Then the upload is released, and its windows take the
way of all windows; who sends them, settles them and tries them again is no concern of the workflow.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from pydantic import TypeAdapter
from pydantic_core import to_json

from tidemark.aws import queues, shard_progress, workflows
from tidemark.aws.backend import Backend
from tidemark.aws.shard_progress import ShardProgress
from tidemark.aws.table import ConditionFailed
from tidemark.aws.workflows import Workflow
from tidemark.domain.frames.mutations import Op
from tidemark.domain.intake_tasks import ResumeUpload
from tidemark.domain.transfers import Transfer, TransferWork
from tidemark.domain.uploads import Source, UploadStatus
from tidemark.domain.windows import Restore, WindowPlan, WindowRow, chunk_name, cut
from tidemark.shards import frame_versions
from tidemark.shards.packs import PackWriter
from tidemark.shards.restore import restoring_row
from tidemark.uploads import chunked_uploads, chunks
from tidemark.uploads.chunked_uploads import ChunkedUpload
from tidemark.uploads.chunks import Chunk
from tidemark.versions.changed_frames import HeadPair, Position, changed_frames

PAGE_ROWS = 1000
"""Rows of a chunk: as many as those of a chunk that is read from a file."""


def start(backend: Backend, record: ChunkedUpload, *, again: bool = False) -> None:
    """Start the workflow of a transfer, unless it has done its work or failed; `again` starts one more, where the first
    seems to be lost."""
    if record.released or record.upload.status is not UploadStatus.PENDING:
        return
    mark = f"-{uuid.uuid4().hex[:8]}" if again else ""
    workflows.start(
        backend,
        Workflow.TRANSFER,
        TransferWork(uid=record.uid, upload=record.upload.id, retries=record.upload.retries),
        record.upload.shards,
        name=f"{record.upload.id}-{record.upload.retries}{mark}",
    )


def read_shard(backend: Backend, work: TransferWork, shard: int, has_time: Callable[[], bool]) -> bool:
    """Make chunks of a shard, page by page, for as long as there is time; tells whether it is read to its end.

    True also where another invocation is at it, or nothing is to be read any more.
    """
    record = find(backend, work)
    task = shard_progress.find(backend, work.uid, work.upload, shard)
    if record.is_decided or record.upload.settled_at is not None:
        return True
    try:
        while not task.done:
            task = _take(backend, record, task)
            if not has_time():
                break
    except ConditionFailed:
        # Whoever was faster goes on; this workflow waits for it where it has more to do.
        return shard_progress.find(backend, work.uid, work.upload, shard).done
    return task.done


def finish(backend: Backend, work: TransferWork) -> None:
    """Let a transfer that is read be sent: intake does so, chunk by chunk."""
    record = find(backend, work)
    if record.upload.settled_at is None:
        record = release(backend, record)
        queues.send_tasks(backend, [ResumeUpload(uid=work.uid, upload=work.upload, retries=record.upload.retries)])


def release(backend: Backend, record: ChunkedUpload) -> ChunkedUpload:
    """Let the windows of a transfer be sent. Raises ConditionFailed where it was stopped meanwhile."""
    if record.released:
        return record
    if not record.is_read:
        raise LookupError(f"upload {record.upload.id} of {record.uid} is not read")
    try:
        return chunked_uploads.release(backend, record, None)
    except ConditionFailed:
        after = chunked_uploads.find(backend, record.uid, record.upload.id)
        if after is None or not after.released:
            raise
        return after


def record_failure(backend: Backend, work: TransferWork, why: str) -> None:
    """Let the transfer of a workflow that failed fail, unless it was retried since that was started."""
    record = find(backend, work)
    if record.upload.retries == work.retries:
        fail(backend, record, why)


def fail(backend: Backend, record: ChunkedUpload, why: str) -> None:
    """Let a transfer fail whose rows could not be made. Nothing happens where they were: they are sent."""
    chunked_uploads.stop(
        backend, record, f"Its rows could not be made: {why.rstrip('.')}. {MEND[record.upload.source]}"
    )


def last_windows(backend: Backend, record: ChunkedUpload) -> dict[int, str]:
    """The ids of the windows by which a roll back that is read restores its shards, by shard; none of a clone.

    Two requests.
    """
    if record.transfer is None or record.transfer.since is None:
        return {}
    tasks = shard_progress.find_all(backend, record.uid, record.upload.id, record.upload.shards)
    names = [chunk_name(task.shard, task.pages - 1) for task in tasks]
    return chunks.last_windows(backend, record.uid, record.upload.id, names)


MEND = {
    Source.ROLLBACK: "Nothing was changed; roll back once more.",
    Source.CLONE: "A retry of the upload goes on where it stopped.",
}


def find(backend: Backend, work: TransferWork) -> ChunkedUpload:
    """The upload that a workflow is to make. Raises LookupError."""
    record = chunked_uploads.find(backend, work.uid, work.upload)
    if record is None or record.transfer is None:
        raise LookupError(f"there is no roll back and no clone {work.upload} of {work.uid}")
    return record


class _Page(NamedTuple):
    rows: list[WindowRow]
    cursor: str | None
    """Where the next page begins; None at the end."""


POSITION = TypeAdapter(Position)


def _take(backend: Backend, record: ChunkedUpload, task: ShardProgress) -> ShardProgress:
    """Make a chunk of the next page of a shard; answers how far the shard is read now. Raises ConditionFailed."""
    transfer = record.transfer
    assert transfer is not None  # noqa: S101 - found as one
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
    after = replace(
        task,
        cursor=page.cursor or "",
        pages=task.pages + 1,
        counted=task.counted + len(page.rows),
        done=page.cursor is None,
        revision=task.revision + 1,
    )
    chunked_uploads.advance_shard(backend, record, task, after, _chunk(backend, record, task, plans))
    return after


def _chunk(backend: Backend, record: ChunkedUpload, task: ShardProgress, plans: list[WindowPlan]) -> Chunk:
    """A chunk of rows that point at payloads elsewhere: its pack holds nothing but its windows."""
    rows = [row for plan in plans for row in plan.rows]
    pack = PackWriter(record.uid)
    index = pack.add(to_json(plans))
    pack.write(backend)
    nothing = ("rejected", "applied", "dropped", "failed", "windows_settled", "windows_failed", "shards_read")
    counts = {"rows": len(rows), "labels": sum(row.labels for row in rows), "windows": len(plans)}
    return Chunk(
        uid=record.uid,
        upload=record.upload.model_copy(update={**counts, **dict.fromkeys(nothing, 0)}),
        name=chunk_name(task.shard, task.pages),
        pack=pack.name,
        index=index,
        errors=None,
        deletes=any(row.op is Op.DELETE for row in rows),
    )


def _page_of_version(backend: Backend, transfer: Transfer, task: ShardProgress) -> _Page:
    """The next frames of a shard as they are in the version that is taken."""
    frames, come_to = frame_versions.live_frames(
        backend, transfer.source, task.shard, transfer.heads[task.shard], task.cursor, limit=PAGE_ROWS
    )
    rows = [restoring_row(task.counted + count, frame.frame_id, frame) for count, frame in enumerate(frames)]
    if come_to is None and len(frames) == PAGE_ROWS:
        come_to = frames[-1].frame_id
    return _Page(rows, come_to)


def _page_of_changes(backend: Backend, transfer: Transfer, since: tuple[int, ...], task: ShardProgress) -> _Page:
    """The next frames of a shard that differ between the version that is taken and the moment of the roll back."""
    pair = HeadPair(transfer.source, _only(transfer.heads, task.shard), _only(since, task.shard))
    start = POSITION.validate_json(task.cursor) if task.cursor else Position(shard=task.shard)
    found, rest = changed_frames(backend, pair, start, PAGE_ROWS)
    rows = [
        restoring_row(task.counted + count, changed.frame_id, changed.before) for count, changed in enumerate(found)
    ]
    return _Page(rows, POSITION.dump_json(rest).decode() if rest else None)


def _only(heads: tuple[int, ...], shard: int) -> tuple[int, ...]:
    """Heads as if nothing had come along in other shards."""
    return tuple(head if at == shard else 0 for at, head in enumerate(heads))
