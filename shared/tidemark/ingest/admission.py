"""Admission: decides whether a dataset accepts an upload now."""

from tidemark.aws.backend import Backend
from tidemark.catalog import guards
from tidemark.domain.datasets import Dataset
from tidemark.ingest import batch_mode


def admit(backend: Backend, dataset: Dataset, upload_id: str | None = None) -> None:
    """Raises Conflict if a dataset does not accept an upload now.

    The codes are `dataset_archived`, `dataset_sealed` (R22), and `dataset_cloning` while the dataset is an incomplete
    clone. The upload that already fills a BATCH dataset is admitted again if `upload_id` names that upload.
    """
    guards.refuse_if_archived(dataset)
    batch_mode.refuse_if_filled(backend, dataset, upload_id)
    guards.refuse_while_cloning(backend, dataset)
