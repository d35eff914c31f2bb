"""Archiving datasets. An archived dataset accepts no writes and is listed only on request; reads do not change."""

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import Conflict


def archive_dataset(backend: Backend, *, project: str, dataset: str, actor: str) -> Dataset:
    """Archives a dataset. Repeating it changes nothing.

    Other processes notice within a minute. Uploads accepted before that are processed to their end. Raises NotFound.
    """
    now = backend.clock()
    return dataset_records.edit(backend, project, dataset, lambda before: before.archived(now, actor))


def unarchive_dataset(backend: Backend, *, project: str, dataset: str) -> Dataset:
    """Restores an archived dataset to the list, and permits writes to it. Repeating it changes nothing.

    Raises NotFound, and Conflict (`dataset_purged`) if it is being purged.
    """

    def unarchived(before: Dataset) -> Dataset:
        if before.purge is not None:
            raise Conflict(f"Dataset {dataset!r} is being purged, which cannot be undone.", code="dataset_purged")
        return before.unarchived()

    return dataset_records.edit(backend, project, dataset, unarchived)
