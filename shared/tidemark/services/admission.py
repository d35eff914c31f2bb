"""Whether a dataset takes mutations at this moment."""

from tidemark.domain.datasets import Dataset
from tidemark.services import archiving, batches, clones
from tidemark.store.backend import Backend


def admit(backend: Backend, dataset: Dataset, upload_id: str | None = None) -> None:
    """Raises Conflict where an upload may not add to a dataset (`dataset_archived`; `dataset_sealed`, R22), or not yet
    (`dataset_cloning`).

    An upload that fills a BATCH dataset is named, so that it may be repeated.
    """
    archiving.refuse_if_archived(dataset)
    batches.refuse_if_filled(backend, dataset, upload_id)
    clones.refuse_while_cloning(backend, dataset)
