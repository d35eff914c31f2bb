"""The checkpoint workflow: writes a checkpoint's manifest, or an export of it (R15).

Each shard is written page by page, each page an object of its own; then the whole is finished. What an attempt has
written, the next one does not write again.

A purge of the dataset waits for none of it: whoever finds the dataset gone deletes what it has written, and ends.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from tidemark.aws import shard_progress, table
from tidemark.aws.backend import Backend
from tidemark.aws.shard_progress import ShardProgress
from tidemark.catalog import dataset_records
from tidemark.checkpoints import export_records, objects
from tidemark.checkpoints.coco_file import finish_coco, remove_fragments
from tidemark.checkpoints.export_writer import ExportWriter, existing, finish, finish_files
from tidemark.checkpoints.manifest_writer import ManifestWriter, finish_manifest
from tidemark.checkpoints.model import CheckpointStep, CheckpointWork
from tidemark.domain.exports import ExportFormat
from tidemark.domain.workflows import FailStep, Failure, FinishStep, ShardStep
from tidemark.versions import checkpoint_names


class _PageWriter(Protocol):
    def write(self, task: ShardProgress) -> ShardProgress: ...


def take_step(backend: Backend, step: CheckpointStep, has_time: Callable[[], bool]) -> bool:
    """Take a step of the workflow; answers whether its shard, or the whole, is done, or else is to be gone on with.

    `has_time` is asked between two pages, or two parts of a file, whether there is time for one more. What a step
    raises, the state machine tries again, and at last has recorded by a step of its own.

    Where the dataset is being purged, before the step or at its end, what is in S3 of its checkpoints is deleted: a
    purge may have looked there already. Then all is done.
    """
    uid = step.work.uid
    if _is_there(backend, uid):
        try:
            done = _take(backend, step, has_time)
        except Exception:
            if _is_there(backend, uid):
                raise
        else:
            if _is_there(backend, uid):
                return done
    return objects.delete_all(backend, uid, has_time)


def _is_there(backend: Backend, uid: str) -> bool:
    return dataset_records.find_state(backend, uid) is not None


def _take(backend: Backend, step: CheckpointStep, has_time: Callable[[], bool]) -> bool:
    match step:
        case ShardStep():
            return _write_shard(backend, step.work, step.shard, has_time)
        case FinishStep():
            return _finish(backend, step.work, has_time)
        case FailStep():
            _fail(backend, step.work, step.failure)
            return True


def _write_shard(backend: Backend, work: CheckpointWork, shard: int, has_time: Callable[[], bool]) -> bool:
    writer: _PageWriter | None = None
    while True:
        task = shard_progress.find(backend, work.uid, work.name, shard)
        if task.done:
            return True
        writer = writer or _writer(backend, work, shard)
        after = writer.write(task)
        # Where another call was first, it has written the same page, and this one goes on from there.
        with suppress(table.ConditionFailed):
            shard_progress.advance(backend, task, after)
        if not (after.done or has_time()):
            return False


def _writer(backend: Backend, work: CheckpointWork, shard: int) -> _PageWriter:
    if work.format is None:
        return ManifestWriter(backend, work, shard)
    return ExportWriter(backend, work, work.format, shard)


def _finish(backend: Backend, work: CheckpointWork, has_time: Callable[[], bool]) -> bool:
    if work.format is None:
        finish_manifest(backend, work)
    elif work.format is ExportFormat.COCO:
        files = finish_coco(backend, work, has_time)
        if files is None:
            return False
        finish(backend, work, work.format, files)
        remove_fragments(backend, work)
    else:
        finish_files(backend, work, work.format)
    return True


def _fail(backend: Backend, work: CheckpointWork, failure: Failure) -> None:
    reason = failure.told
    if work.format is None:
        checkpoint_names.edit(backend, work.uid, work.checkpoint, lambda before: before.failed(work.attempt, reason))
        return
    export_records.edit(
        backend,
        work.uid,
        work.checkpoint,
        work.format,
        lambda before: existing(before).failed(work.attempt, reason),
    )
