"""Roll backs: bringing a dataset to the state of an earlier version, as a new version (R10).

A roll back is an upload like others, whose rows a workflow makes (see `transfers`). In each shard it has one place
among the windows of others: what was applied before its last window is undone, what is applied after it stays.
"""

import uuid

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.table import ConditionFailed
from tidemark.catalog import dataset_records, guards
from tidemark.domain.datasets import Dataset, Mode, Origin
from tidemark.domain.errors import Conflict
from tidemark.domain.transfers import Transfer
from tidemark.domain.uploads import Source, Upload, UploadStatus, upload_id_of
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
    """Begin to bring a dataset to the state of a version; answers the upload that does so. A repeat of the same
    `request` gets the same upload, whatever the version names by now.

    Raises what `resolve` raises, and Conflict (`dataset_archived`, `dataset_sealed`, `dataset_cloning`,
    `rollback_pending`).
    """
    found = dataset_records.get(backend, project, dataset)
    upload_id = uuid.uuid4().hex if request is None else upload_id_of("rollback", found.uid, request)
    record = chunked_uploads.find(backend, found.uid, upload_id) if request else None
    if record is None:
        _check(backend, found)
        record = _record(
            backend, found, resolve(backend, found, version, named_by="/version"), upload_id, message, actor
        )
        record = _create(backend, found, record)
    workflow.start(backend, record)
    return upload_records.get(backend, found.uid, upload_id)


def _check(backend: Backend, dataset: Dataset) -> None:
    guards.refuse_if_archived(dataset)
    guards.refuse_while_cloning(backend, dataset)
    if dataset.mode is Mode.BATCH:
        raise Conflict(
            f"The dataset {dataset.name!r} is a BATCH dataset, which never changes; clone the version you want.",
            code="dataset_sealed",
        )


def _record(backend: Backend, dataset: Dataset, to: Version, upload_id: str, message: str, actor: str) -> ChunkedUpload:
    heads = log.shard_heads(backend, dataset.uid, dataset.shards)
    now = backend.clock()
    upload = Upload(
        id=upload_id,
        project=dataset.project,
        dataset=dataset.name,
        mode=dataset.mode,
        status=UploadStatus.PENDING,
        actor=actor,
        source=Source.ROLLBACK,
        origin=Origin(project=dataset.project, dataset=dataset.name, version=to.number),
        message=message,
        accepted_at=now,
        pending_since=now,
        shards=dataset.shards,
    )
    transfer = Transfer(source=dataset.uid, heads=to.heads, since=tuple(head.n for head in heads))
    return ChunkedUpload(uid=dataset.uid, upload=upload, transfer=transfer)


def _create(backend: Backend, dataset: Dataset, record: ChunkedUpload) -> ChunkedUpload:
    """Put a roll back on record, one at a time: two that run side by side would each undo the other, shard by shard."""
    last = dataset_records.state(backend, dataset.uid).rolled_back_by
    if last is not None and upload_records.get(backend, dataset.uid, last).settled_at is None:
        raise _pending(dataset, last)
    writes = [
        chunked_uploads.new(backend, record),
        dataset_records.roll_back(backend, dataset.uid, record.upload.id, last),
    ]
    if last is not None:  # it may be retried at this moment
        writes.append(chunked_uploads.check_settled(backend, dataset.uid, last))
    try:
        table.transact(backend, writes)
    except ConditionFailed as refused:
        existing = chunked_uploads.find(backend, dataset.uid, record.upload.id) if refused.failed[0] else None
        if existing is None:
            raise _pending(dataset, dataset_records.state(backend, dataset.uid).rolled_back_by) from None
        return existing
    return record


def _pending(dataset: Dataset, upload: str | None) -> Conflict:
    return Conflict(
        f"The dataset {dataset.name!r} is being rolled back, by upload {upload}; wait until that has settled.",
        code="rollback_pending",
    )
