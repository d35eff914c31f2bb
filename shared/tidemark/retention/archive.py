"""Archiving datasets. An archived dataset accepts no writes and is listed only on request; reads do not change."""

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import Conflict


def archive_dataset(backend: Backend, *, project: str, dataset: str, actor: str) -> Dataset:
    """Archives a dataset. A repeat changes nothing.

    Other processes may accept uploads for up to a minute more. All accepted uploads are processed to their end. Raises
    NotFound.
    """
    now = backend.clock()
    return dataset_records.edit(backend, project, dataset, lambda before: before.archived(now, actor))


def unarchive_dataset(backend: Backend, *, project: str, dataset: str) -> Dataset:
    """Unarchives a dataset: lists include it again, and it accepts writes. A repeat changes nothing.

    Raises NotFound, and Conflict (`dataset_purged`) if the dataset is being purged.
    """

    def unarchived(before: Dataset) -> Dataset:
        if before.purge is not None:
            raise Conflict(f"Dataset {dataset!r} is being purged, which cannot be undone.", code="dataset_purged")
        return before.unarchived()

    return dataset_records.edit(backend, project, dataset, unarchived)
