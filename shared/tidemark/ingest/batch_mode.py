"""BATCH datasets: one upload fills them, all of its rows or none, and after that they never change (R22).

A request fills the dataset in the transaction that records its upload. Files are first read to their end, and no window
is sent meanwhile. Then their upload either fills the dataset and its windows are sent, or it is refused as a whole.
Until then its schema is staged.
"""

from tidemark.aws.backend import Backend
from tidemark.aws.table import ConditionFailed
from tidemark.catalog import dataset_records, schema_records
from tidemark.domain.datasets import Dataset, Mode
from tidemark.domain.errors import Conflict
from tidemark.uploads import chunked_uploads
from tidemark.uploads.chunked_uploads import ChunkedUpload


def refuse_if_filled(backend: Backend, dataset: Dataset, upload_id: str | None = None) -> None:
    """Raises Conflict (`dataset_sealed`) if another upload fills a BATCH dataset, or has filled it."""
    if dataset.mode is Mode.BATCH:
        filled_by = dataset_records.state(backend, dataset.uid).filled_by
        if filled_by not in (None, upload_id):
            raise sealed_error(dataset.name, filled_by)


def sealed_error(dataset: str, filled_by: str | None) -> Conflict:
    """Returns the error for a mutation of a BATCH dataset that an upload already fills."""
    by = f" Upload {filled_by} fills it." if filled_by else ""
    return Conflict(
        f"The dataset {dataset!r} is a BATCH dataset: one upload fills it, and after that it never changes.{by} "
        "Use a STREAMING dataset for data that changes.",
        code="dataset_sealed",
    )


def accepts(mode: Mode, rejected: int) -> bool:
    """Returns whether an upload with `rejected` rows is accepted: a BATCH dataset accepts all rows or none (R22)."""
    return rejected == 0 or mode is not Mode.BATCH


def rejection_reason(rejected: int, rows: int) -> str:
    """Returns why a BATCH dataset refused an upload with rejected rows."""
    return f"{rejected:,} of its {rows:,} rows cannot be taken, and a BATCH dataset takes all rows or none."


def decide(backend: Backend, upload: ChunkedUpload) -> ChunkedUpload:
    """Lets an upload whose files are all read fill its dataset, or refuses it as a whole. The decision is final.

    Raises ConditionFailed if another invocation decides at the same time.
    """
    if upload.is_decided:
        return upload
    counts = upload.upload
    if not accepts(counts.mode, counts.rejected):
        return chunked_uploads.refuse(backend, upload, rejection_reason(counts.rejected, counts.rows))
    staged, seen = schema_records.schema(backend, upload.uid, staged=counts.id, fresh=True)
    schema_update = schema_records.SchemaUpdate(staged, 1) if seen else None
    try:
        return chunked_uploads.release(backend, upload, schema_update)
    except ConditionFailed:
        filled_by = dataset_records.state(backend, upload.uid).filled_by
        if filled_by in (None, counts.id):
            raise
        return chunked_uploads.refuse(backend, upload, sealed_error(counts.dataset, filled_by).message)
