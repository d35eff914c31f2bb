"""References to datasets, as a user writes them."""

from typing import NamedTuple


class DatasetRef(NamedTuple):
    """A dataset as the command line names it, `PROJECT/DATASET`."""

    project: str
    name: str

    @property
    def path(self) -> tuple[str, ...]:
        """The segments of its path in the API."""
        return ("projects", self.project, "datasets", self.name)

    def __str__(self) -> str:
        return f"{self.project}/{self.name}"
