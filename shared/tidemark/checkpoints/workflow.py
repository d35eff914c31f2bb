"""The checkpoint workflow: writes a checkpoint's manifest, or an export of the checkpoint (R15).

The workflow writes each shard page by page, each page as an S3 object of its own, and finishes when all shards are
done. An attempt does not repeat what earlier attempts have written.

A purge of the dataset does not wait for the workflow. A step that finds the dataset gone deletes the objects that the
workflow has written, and ends.
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
from tidemark.checkpoints.export_writer import ExportWriter, finish_page_files, record_files
from tidemark.checkpoints.manifest_writer import ManifestWriter, finish_manifest
from tidemark.checkpoints.model import CheckpointStep, CheckpointWork
from tidemark.domain.exports import ExportFormat
from tidemark.domain.workflows import FailStep, Failure, FinishStep, ShardStep
from tidemark.versions import checkpoint_names


def take_step(backend: Backend, step: CheckpointStep, has_time: Callable[[], bool]) -> bool:
    """Runs a step of the workflow. Returns whether the step is done; if not, the same step must be run again.

    Stops between two pages, or two parts of a file, once `has_time` returns False. The state machine retries a step
    that raises. When retries are exhausted, it runs a step that records the failure.

    If the dataset is being purged, before or after the step, deletes the S3 objects of all its checkpoints instead,
    because the purge may already have listed the objects to delete. The step is done when they are deleted.
    """
    uid = step.work.uid
    if _dataset_exists(backend, uid):
        try:
            is_done = _do(backend, step, has_time)
        except Exception:
            if _dataset_exists(backend, uid):
                raise
        else:
            if _dataset_exists(backend, uid):
                return is_done
    return objects.delete_all(backend, uid, has_time)


def _dataset_exists(backend: Backend, uid: str) -> bool:
    return dataset_records.find_state(backend, uid) is not None


def _do(backend: Backend, step: CheckpointStep, has_time: Callable[[], bool]) -> bool:
    match step:
        case ShardStep():
            return _write_shard(backend, step.work, step.shard, has_time)
        case FinishStep():
            return _finish_work(backend, step.work, has_time)
        case FailStep():
            _fail(backend, step.work, step.failure)
            return True


class _PageWriter(Protocol):
    def write(self, task: ShardProgress) -> ShardProgress: ...


def _write_shard(backend: Backend, work: CheckpointWork, shard: int, has_time: Callable[[], bool]) -> bool:
    writer: _PageWriter | None = None
    while True:
        task = shard_progress.find(backend, work.uid, work.name, shard)
        if task.done:
            return True
        writer = writer or _writer(backend, work, shard)
        after = writer.write(task)
        # If another invocation was faster, it has written the same page, and this invocation continues after that.
        with suppress(table.ConditionFailed):
            shard_progress.advance(backend, task, after)
        if not (after.done or has_time()):
            return False


def _writer(backend: Backend, work: CheckpointWork, shard: int) -> _PageWriter:
    if work.format is None:
        return ManifestWriter(backend, work, shard)
    return ExportWriter(backend, work, work.format, shard)


def _finish_work(backend: Backend, work: CheckpointWork, has_time: Callable[[], bool]) -> bool:
    if work.format is None:
        finish_manifest(backend, work)
    elif work.format is ExportFormat.COCO:
        files = finish_coco(backend, work, has_time)
        if files is None:
            return False
        record_files(backend, work, work.format, files)
        remove_fragments(backend, work)
    else:
        finish_page_files(backend, work, work.format)
    return True


def _fail(backend: Backend, work: CheckpointWork, failure: Failure) -> None:
    reason = failure.summary
    if work.format is None:
        checkpoint_names.edit(backend, work.uid, work.checkpoint, lambda before: before.failed(work.attempt, reason))
        return
    export_records.edit_existing(
        backend, work.uid, work.checkpoint, work.format, lambda before: before.failed(work.attempt, reason)
    )
