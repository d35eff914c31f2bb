"""References to datasets: `PROJECT/DATASET`, as users write them."""

from typing import NamedTuple


class DatasetRef(NamedTuple):
    """Reference to a dataset by its project and name, written `PROJECT/DATASET`."""

    project: str
    name: str

    @property
    def path(self) -> tuple[str, ...]:
        """Segments of the dataset's URL path in the API."""
        return ("projects", self.project, "datasets", self.name)

    def __str__(self) -> str:
        return f"{self.project}/{self.name}"
