"""Datasets as a caller names them."""

from typing import NamedTuple


class DatasetRef(NamedTuple):
    """A dataset as it is named on the command line, `PROJECT/DATASET`."""

    project: str
    name: str

    @property
    def path(self) -> tuple[str, ...]:
        """Where the API has it."""
        return ("projects", self.project, "datasets", self.name)

    def __str__(self) -> str:
        return f"{self.project}/{self.name}"
