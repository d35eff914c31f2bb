"""What is archived is not listed unless it is asked for."""

from datetime import datetime
from enum import StrEnum


class Archived(StrEnum):
    """Which datasets, or checkpoints, a list has."""

    NO = "false"
    """Those that are not archived."""
    YES = "true"
    """Those that are."""
    ALL = "all"

    def takes(self, archived_at: datetime | None) -> bool:
        """Whether a list has what is archived since `archived_at`, or not at all."""
        return self is Archived.ALL or (archived_at is not None) == (self is Archived.YES)
