"""Exports of checkpoints: asking for them, following them, and fetching their files (R15)."""

from datetime import datetime

from tidemark.aws import bucket, workflows
from tidemark.aws.backend import Backend
from tidemark.aws.workflows import Workflow
from tidemark.catalog import dataset_records
from tidemark.checkpoints import export_records, objects
from tidemark.checkpoints.checkpoints import check_is_ready, find_checkpoint
from tidemark.checkpoints.model import CheckpointWork
from tidemark.domain.assets import SignedGet
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import Conflict, NotFound
from tidemark.domain.exports import Export, ExportFile, ExportFormat
from tidemark.domain.pages import Page, decode_cursor, encode_cursor
from tidemark.domain.workflows import ArtifactStatus


def create_export(
    backend: Backend, *, project: str, dataset: str, checkpoint: str, form: ExportFormat, actor: str
) -> Export:
    """Let a checkpoint be written in a format, unless it is, or is under way; what failed is tried again.

    It may be repeated, also where this dies before the writing has begun. Raises NotFound, and Conflict while the
    checkpoint's manifest is not written.
    """
    found = dataset_records.get(backend, project, dataset)
    check_is_ready(find_checkpoint(backend, found, checkpoint))
    now = backend.clock()

    def begun(before: Export | None) -> Export:
        export = before or Export(checkpoint=checkpoint, format=form, requested_at=now, requested_by=actor)
        return export.begun(now)

    export = export_records.edit(backend, found.uid, checkpoint, form, begun)
    if export.status is ArtifactStatus.WRITING:
        work = CheckpointWork(
            uid=found.uid, project=found.project, checkpoint=checkpoint, format=form, attempt=export.attempt
        )
        workflows.start(backend, Workflow.CHECKPOINT, work, found.shards, name=work.execution)
    return export


def list_exports(backend: Backend, *, project: str, dataset: str, checkpoint: str) -> Page[Export]:
    """The exports of a checkpoint that were asked for: one of each format at most. Raises NotFound."""
    found = dataset_records.get(backend, project, dataset)
    find_checkpoint(backend, found, checkpoint)
    return Page(items=export_records.find_all(backend, found.uid, checkpoint))


def get_export(backend: Backend, *, project: str, dataset: str, checkpoint: str, form: ExportFormat) -> Export:
    """An export of a checkpoint. Raises NotFound."""
    return _existing(backend, dataset_records.get(backend, project, dataset), checkpoint, form)


def list_files(
    backend: Backend,
    *,
    project: str,
    dataset: str,
    checkpoint: str,
    form: ExportFormat,
    limit: int,
    cursor: str | None,
) -> Page[ExportFile]:
    """The files of an export, in their order, each with a URL that is signed now.

    Raises NotFound, and Conflict before the export is ready.
    """
    found = dataset_records.get(backend, project, dataset)
    export = _existing(backend, found, checkpoint, form)
    if export.status is not ArtifactStatus.READY:
        failed = f"could not be written ({export.reason}); ask for it again"
        raise Conflict(
            f"The export of checkpoint {checkpoint!r} as {form.value} "
            f"{'is being written; ask again when its status is READY' if export.reason is None else failed}.",
            code="export_not_ready",
            pointer="format",
        )
    scope = f"files:{found.uid}:{checkpoint}:{form}"
    first = int(decode_cursor(scope, cursor, int)[0]) if cursor else 0
    written = objects.files(backend, found.uid, checkpoint, form).files
    end = first + limit
    expires_at = bucket.url_expiry(backend)
    return Page(
        items=[
            ExportFile(**file.model_dump(), get=_signed(backend, found, export, file.name, expires_at))
            for file in written[first:end]
        ],
        cursor=encode_cursor(scope, end) if end < len(written) else None,
    )


def _signed(backend: Backend, dataset: Dataset, export: Export, name: str, expires_at: datetime) -> SignedGet:
    key = objects.export_key(dataset.uid, export.checkpoint, export.format, name)
    return SignedGet(url=bucket.sign_get(backend, key), expires_at=expires_at)


def _existing(backend: Backend, dataset: Dataset, checkpoint: str, form: ExportFormat) -> Export:
    find_checkpoint(backend, dataset, checkpoint)
    found = export_records.find(backend, dataset.uid, checkpoint, form)
    if found is None:
        raise NotFound(
            f"Checkpoint {checkpoint!r} of dataset {dataset.name!r} has no export as {form.value}; ask for one.",
            code="unknown_export",
            pointer="format",
        )
    return found
