"""Workflows: long work on all shards of a dataset, whose steps a state machine calls one after another.

All have one shape. Each shard is done in pages, shards side by side, each page by one call that answers whether it was
the shard's last. Then the whole is finished. Where a step fails for good, one last call records why. How far a shard
has come is on record, not in what is passed: a call that is repeated, or made by two executions at once, changes
nothing.
"""

import json
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

ABANDONED_AFTER = timedelta(hours=14)
"""Since its beginning, after which an attempt that told of no end may be followed by another: its execution has ended
by then, and two do no harm."""
MAX_TOLD = 500
"""Characters of a failure that are told."""

Work = TypeVar("Work", bound=BaseModel)


class ShardStep(BaseModel, Generic[Work]):
    """Do the next page of a shard."""

    model_config = ConfigDict(frozen=True)

    step: Literal["shard"] = "shard"
    work: Work
    shard: int


class FinishStep(BaseModel, Generic[Work]):
    """All shards are done; finish the whole."""

    model_config = ConfigDict(frozen=True)

    step: Literal["finish"] = "finish"
    work: Work


class Failure(BaseModel):
    """Why a step failed for good, as Step Functions tells it."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    error: str = Field(alias="Error")
    """Name of the exception."""
    cause: str = Field("", alias="Cause")
    """Of a function's failure, what it raised: JSON with a message and a stack trace."""

    @property
    def told(self) -> str:
        """What failed, in one line for whoever is told of it."""
        said = self.cause
        with suppress(ValueError):
            raised = json.loads(self.cause)
            if isinstance(raised, dict) and isinstance(raised.get("errorMessage"), str):
                said = raised["errorMessage"]
        line = " ".join(f"{self.error}: {said}".split()) if said else self.error
        return line if len(line) <= MAX_TOLD else f"{line[:MAX_TOLD]}…"


class FailStep(BaseModel, Generic[Work]):
    """A step failed for good; record why."""

    model_config = ConfigDict(frozen=True)

    step: Literal["fail"] = "fail"
    work: Work
    failure: Failure


class Progress(BaseModel):
    """What a workflow's function answers: whether the shard, or the whole, is done."""

    model_config = ConfigDict(frozen=True)

    done: bool


class PurgeWork(BaseModel):
    """What the workflow of a purge is told."""

    model_config = ConfigDict(frozen=True)

    project: str
    dataset: str
    uid: str
    attempt: int


PurgeStep = Annotated[ShardStep[PurgeWork] | FinishStep[PurgeWork] | FailStep[PurgeWork], Field(discriminator="step")]
"""What the function of the workflow is called with."""


PURGE_STEP: TypeAdapter[PurgeStep] = TypeAdapter(PurgeStep)


MAX_REASON = 500
"""Characters of a reason."""


class ArtifactStatus(StrEnum):
    """How far the writing is."""

    WRITING = "WRITING"
    READY = "READY"
    FAILED = "FAILED"
    """The last attempt failed; another may be made, which goes on where that one stopped."""


class Artifact(BaseModel):
    """Something that a workflow writes, in one attempt or more."""

    status: ArtifactStatus = ArtifactStatus.WRITING
    reason: str | None = None
    """Why the last attempt failed, if it did."""
    attempt: int = 0
    """Number of the last attempt, from 1; 0 while there was none."""
    attempted_at: datetime | None = None
    """When it began."""
    ready_at: datetime | None = None

    def begun(self, at: datetime) -> Self:
        """With an attempt under way: a new one where there is none, or where the last one failed or is abandoned."""
        if self.status is ArtifactStatus.READY or (self.status is ArtifactStatus.WRITING and self._is_under_way(at)):
            return self
        attempt = {"status": ArtifactStatus.WRITING, "reason": None, "attempt": self.attempt + 1, "attempted_at": at}
        return self.model_copy(update=attempt)

    def ready(self, at: datetime) -> Self:
        """Artifact, whichever attempt it was."""
        if self.status is ArtifactStatus.READY:
            return self
        return self.model_copy(update={"status": ArtifactStatus.READY, "reason": None, "ready_at": at})

    def failed(self, attempt: int, reason: str) -> Self:
        """With an attempt that failed; as it is where a later one began since, or where it is written after all."""
        if self.status is not ArtifactStatus.WRITING or attempt != self.attempt:
            return self
        return self.model_copy(update={"status": ArtifactStatus.FAILED, "reason": reason[:MAX_REASON]})

    def _is_under_way(self, at: datetime) -> bool:
        return self.attempted_at is not None and at - self.attempted_at < ABANDONED_AFTER
