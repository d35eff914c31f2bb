"""Whether a dataset takes mutations at this moment."""

from tidemark.aws.backend import Backend
from tidemark.catalog import guards
from tidemark.domain.datasets import Dataset
from tidemark.ingest import batch_mode


def admit(backend: Backend, dataset: Dataset, upload_id: str | None = None) -> None:
    """Raises Conflict where an upload may not add to a dataset (`dataset_archived`; `dataset_sealed`, R22), or not yet
    (`dataset_cloning`).

    An upload that fills a BATCH dataset is named, so that it may be repeated.
    """
    guards.refuse_if_archived(dataset)
    batch_mode.refuse_if_filled(backend, dataset, upload_id)
    guards.refuse_while_cloning(backend, dataset)
