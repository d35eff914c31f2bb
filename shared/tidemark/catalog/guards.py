"""Guards that refuse changes to a dataset while it is archived or still being cloned."""

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import Conflict


def refuse_if_archived(dataset: Dataset) -> None:
    """Raises Conflict (`dataset_archived`) if a dataset is archived."""
    if dataset.archived_at is not None:
        raise Conflict(
            f"Dataset {dataset.name!r} was archived by {dataset.archived_by!r}, at "
            f"{dataset.archived_at.isoformat(timespec='seconds')}. It can be read, and takes no changes; unarchive it "
            "first.",
            code="dataset_archived",
        )


def refuse_while_cloning(backend: Backend, dataset: Dataset) -> None:
    """Raises Conflict (`dataset_cloning`) while a clone lacks frames, because a change might need a missing frame.

    One read for each call until this process has seen that the clone is complete, and none after that.
    """
    if dataset.cloned_from is None or dataset.uid in backend.memory.complete_clones:
        return
    if dataset_records.state(backend, dataset.uid).latest == 0:
        raise Conflict(
            f"The dataset {dataset.name!r} is still being cloned from {dataset.cloned_from.dataset!r}. "
            f"It takes changes once upload {dataset.cloned_from.upload} has settled.",
            code="dataset_cloning",
        )
    backend.memory.complete_clones[dataset.uid] = True
