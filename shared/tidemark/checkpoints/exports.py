"""Exports of checkpoints: requests for them, their status, and their files (R15)."""

from datetime import datetime

from tidemark.aws import bucket
from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.checkpoints import export_records, objects
from tidemark.checkpoints.checkpoints import check_is_ready, find_checkpoint, start_writing
from tidemark.domain.assets import SignedGet
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import Conflict, NotFound
from tidemark.domain.exports import Export, ExportFile, ExportFormat
from tidemark.domain.pages import Page, decode_cursor, encode_cursor
from tidemark.domain.workflows import ArtifactStatus


def create_export(
    backend: Backend, *, project: str, dataset: str, checkpoint: str, form: ExportFormat, actor: str
) -> Export:
    """Starts writing an export of a checkpoint. Starts another attempt if the last one failed or was abandoned.

    Changes nothing if an attempt is in progress or the export is ready. If a failure prevents the writing from
    starting, a repeat starts it. Raises NotFound, and Conflict until the checkpoint's manifest is ready.
    """
    record = dataset_records.get(backend, project, dataset)
    check_is_ready(find_checkpoint(backend, record, checkpoint))
    now = backend.clock()

    def begun(before: Export | None) -> Export:
        export = before or Export(checkpoint=checkpoint, format=form, requested_at=now, requested_by=actor)
        return export.begun(now)

    export = export_records.edit(backend, record.uid, checkpoint, form, begun)
    start_writing(backend, record, checkpoint, export, form)
    return export


def list_exports(backend: Backend, *, project: str, dataset: str, checkpoint: str) -> Page[Export]:
    """Returns a checkpoint's exports, at most one for each format, in a single page. Raises NotFound."""
    record = dataset_records.get(backend, project, dataset)
    find_checkpoint(backend, record, checkpoint)
    return Page(items=export_records.find_all(backend, record.uid, checkpoint))


def get_export(backend: Backend, *, project: str, dataset: str, checkpoint: str, form: ExportFormat) -> Export:
    """Returns a checkpoint's export in one format, whatever its status. Raises NotFound."""
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
    """Returns a page of an export's files, in order, each with a signed URL to download it.

    Raises NotFound, and Conflict until the export is ready.
    """
    record = dataset_records.get(backend, project, dataset)
    export = _existing(backend, record, checkpoint, form)
    if export.status is not ArtifactStatus.READY:
        failed = f"could not be written ({export.reason}); request it again"
        raise Conflict(
            f"The export of checkpoint {checkpoint!r} as {form.value} "
            f"{'is being written; try again when its status is READY' if export.reason is None else failed}.",
            code="export_not_ready",
            pointer="format",
        )
    scope = f"files:{record.uid}:{checkpoint}:{form}"
    first = int(decode_cursor(scope, cursor, int)[0]) if cursor else 0
    written = objects.file_list(backend, record.uid, checkpoint, form).files
    end = first + limit
    expires_at = bucket.url_expiry(backend)
    return Page(
        items=[
            ExportFile(**file.model_dump(), get=_signed_url(backend, record, export, file.name, expires_at))
            for file in written[first:end]
        ],
        cursor=encode_cursor(scope, end) if end < len(written) else None,
    )


def _signed_url(backend: Backend, dataset: Dataset, export: Export, name: str, expires_at: datetime) -> SignedGet:
    key = objects.export_key(dataset.uid, export.checkpoint, export.format, name)
    return SignedGet(url=bucket.sign_get(backend, key), expires_at=expires_at)


def _existing(backend: Backend, dataset: Dataset, checkpoint: str, form: ExportFormat) -> Export:
    find_checkpoint(backend, dataset, checkpoint)
    export = export_records.find(backend, dataset.uid, checkpoint, form)
    if export is None:
        raise NotFound(
            f"Checkpoint {checkpoint!r} of dataset {dataset.name!r} has no export as {form.value}; request one.",
            code="unknown_export",
            pointer="format",
        )
    return export
