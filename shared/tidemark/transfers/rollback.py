"""Roll backs: restore a dataset to the state of an earlier version, as a new version (R10).

A roll back is an upload whose rows a workflow makes (see `workflow`). In each shard, the roll back's last window draws
the line for other uploads: changes applied before that window are undone, changes applied after it stay.
"""

import uuid

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.table import ConditionFailed
from tidemark.catalog import dataset_records, guards
from tidemark.domain.datasets import Dataset, Mode, Origin
from tidemark.domain.errors import Conflict
from tidemark.domain.transfers import Transfer
from tidemark.domain.uploads import Source, Upload, upload_id_of
from tidemark.domain.versions import Version
from tidemark.shards import log
from tidemark.transfers import workflow
from tidemark.uploads import chunked_uploads
from tidemark.uploads import records as upload_records
from tidemark.uploads.chunked_uploads import ChunkedUpload
from tidemark.versions.resolve import resolve


def roll_back(
    backend: Backend, *, project: str, dataset: str, version: str, message: str, actor: str, request: str | None
) -> Upload:
    """Starts to roll a dataset back to a version. Returns the roll back's upload.

    `request` identifies a request with an idempotency key: its repeat returns the same upload, whatever `version` names
    by then. Raises NotFound, InvalidRequest (the version), and Conflict (`dataset_archived`, `dataset_sealed`,
    `dataset_cloning`, `rollback_pending`).
    """
    target = dataset_records.get(backend, project, dataset)
    upload_id = uuid.uuid4().hex if request is None else upload_id_of("rollback", target.uid, request)
    record = chunked_uploads.find(backend, target.uid, upload_id) if request else None
    if record is None:
        _refuse_unless_mutable(backend, target)
        restored = resolve(backend, target, version, named_by="/version")
        record = _create(backend, target, _record(backend, target, restored, upload_id, message, actor))
    workflow.start(backend, record)
    return upload_records.get(backend, target.uid, upload_id)


def _refuse_unless_mutable(backend: Backend, dataset: Dataset) -> None:
    guards.refuse_if_archived(dataset)
    guards.refuse_while_cloning(backend, dataset)
    if dataset.mode is Mode.BATCH:
        raise Conflict(
            f"The dataset {dataset.name!r} is a BATCH dataset, which never changes; clone the version you want.",
            code="dataset_sealed",
        )


def _record(
    backend: Backend, dataset: Dataset, restored: Version, upload_id: str, message: str, actor: str
) -> ChunkedUpload:
    heads = log.shard_heads(backend, dataset.uid, dataset.shards)
    return workflow.new_upload(
        dataset,
        Transfer(source=dataset.uid, heads=restored.heads, since=tuple(head.n for head in heads)),
        upload_id=upload_id,
        source=Source.ROLLBACK,
        origin=Origin(project=dataset.project, dataset=dataset.name, version=restored.number),
        actor=actor,
        at=backend.clock(),
        message=message,
    )


def _create(backend: Backend, dataset: Dataset, record: ChunkedUpload) -> ChunkedUpload:
    """Stores a roll back and returns its record; for a repeat, returns the existing record.

    Raises Conflict (`rollback_pending`) if another roll back is pending: two at once would undo each other's changes.
    """
    last = dataset_records.state(backend, dataset.uid).rolled_back_by
    if last is not None and upload_records.get(backend, dataset.uid, last).settled_at is None:
        raise _rollback_pending(dataset, last)
    writes = [
        chunked_uploads.new(backend, record),
        dataset_records.roll_back(backend, dataset.uid, record.upload.id, last),
    ]
    if last is not None:  # a retry of the last roll back may start at this moment
        writes.append(chunked_uploads.check_settled(backend, dataset.uid, last))
    try:
        table.transact(backend, writes)
    except ConditionFailed as refused:
        existing = chunked_uploads.find(backend, dataset.uid, record.upload.id) if refused.failed[0] else None
        if existing is None:
            raise _rollback_pending(dataset, dataset_records.state(backend, dataset.uid).rolled_back_by) from None
        return existing
    return record


def _rollback_pending(dataset: Dataset, upload: str | None) -> Conflict:
    return Conflict(
        f"The dataset {dataset.name!r} is being rolled back by upload {upload}; wait until that upload has settled.",
        code="rollback_pending",
    )
