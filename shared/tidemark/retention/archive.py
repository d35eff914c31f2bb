"""Archiving datasets: an archived one is not listed unless asked for and takes no more writes; it reads as before."""

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import Conflict


def archive_dataset(backend: Backend, *, project: str, dataset: str, actor: str) -> Dataset:
    """Archive a dataset. A repeat changes nothing.

    Other processes know of it within a minute; what they accept until then, and what was accepted before, goes on to
    its end. Raises NotFound.
    """
    now = backend.clock()
    return dataset_records.edit(backend, project, dataset, lambda before: before.archived(now, actor))


def unarchive_dataset(backend: Backend, *, project: str, dataset: str) -> Dataset:
    """Put an archived dataset back into the list, and let it be written to. A repeat changes nothing.

    Raises NotFound, and Conflict (`dataset_purged`) where it is being purged.
    """

    def edit(before: Dataset) -> Dataset:
        if before.purge is not None:
            raise Conflict(f"Dataset {dataset!r} is being purged, which cannot be undone.", code="dataset_purged")
        return before.unarchived()

    return dataset_records.edit(backend, project, dataset, edit)
