"""What workflows write of a checkpoint, its manifest and its exports: how far that is."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import BaseModel

from tidemark.domain.workflows import ABANDONED

MAX_REASON = 500
"""Characters of a reason."""


class Status(StrEnum):
    """How far the writing is."""

    WRITING = "WRITING"
    READY = "READY"
    FAILED = "FAILED"
    """The last attempt failed; another may be made, which goes on where that one stopped."""


class Written(BaseModel):
    """Something that a workflow writes, in one attempt or more."""

    status: Status = Status.WRITING
    reason: str | None = None
    """Why the last attempt failed, if it did."""
    attempt: int = 0
    """Number of the last attempt, from 1; 0 while there was none."""
    attempted_at: datetime | None = None
    """When it began."""
    ready_at: datetime | None = None

    def begun(self, at: datetime) -> Self:
        """With an attempt under way: a new one where there is none, or where the last one failed or is abandoned."""
        if self.status is Status.READY or (self.status is Status.WRITING and self._is_under_way(at)):
            return self
        attempt = {"status": Status.WRITING, "reason": None, "attempt": self.attempt + 1, "attempted_at": at}
        return self.model_copy(update=attempt)

    def ready(self, at: datetime) -> Self:
        """Written, whichever attempt it was."""
        if self.status is Status.READY:
            return self
        return self.model_copy(update={"status": Status.READY, "reason": None, "ready_at": at})

    def failed(self, attempt: int, reason: str) -> Self:
        """With an attempt that failed; as it is where a later one began since, or where it is written after all."""
        if self.status is not Status.WRITING or attempt != self.attempt:
            return self
        return self.model_copy(update={"status": Status.FAILED, "reason": reason[:MAX_REASON]})

    def _is_under_way(self, at: datetime) -> bool:
        return self.attempted_at is not None and at - self.attempted_at < ABANDONED
