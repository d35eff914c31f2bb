"""Workflows: long-running work on all shards of a dataset, driven by a Step Functions state machine.

Every workflow has the same steps. Shards are processed side by side, each page by page. Each call of the workflow's
function processes one page of a shard and returns whether that was the last. When all shards are done, one call
finishes the work. If a step fails for good, one last call records why. The progress of a shard is stored rather than
passed between calls, so a call that is repeated, or made by two executions at once, changes nothing.
"""

import json
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

ABANDONED_AFTER = timedelta(hours=14)
"""Age at which an attempt that has neither finished nor failed counts as abandoned, so that another attempt may start.
By then the Step Functions execution of the old attempt has ended. Even two executions at once would do no harm."""
MAX_SUMMARY_CHARACTERS = 500
"""Most characters of a failure's summary, without the ellipsis that marks a cut. A stack trace is far longer."""
MAX_REASON_CHARACTERS = 500
"""Most characters of the stored reason of a failed attempt."""

Work = TypeVar("Work", bound=BaseModel)


class ShardStep(BaseModel, Generic[Work]):
    """Asks a workflow's function to process the next page of a shard."""

    model_config = ConfigDict(frozen=True)

    step: Literal["shard"] = "shard"
    work: Work
    shard: int


class FinishStep(BaseModel, Generic[Work]):
    """Asks a workflow's function to finish the work, after all shards are done."""

    model_config = ConfigDict(frozen=True)

    step: Literal["finish"] = "finish"
    work: Work


class Failure(BaseModel):
    """Why a step failed for good, as Step Functions reports it."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    error: str = Field(alias="Error")
    """Name of the exception."""
    cause: str = Field("", alias="Cause")
    """Details of the failure. If a Lambda function failed, they are JSON with a message and a stack trace."""

    @property
    def summary(self) -> str:
        """The exception's name and message in one line, without the stack trace."""
        message = self.cause
        with suppress(ValueError):
            details = json.loads(self.cause)
            if isinstance(details, dict) and isinstance(details.get("errorMessage"), str):
                message = details["errorMessage"]
        line = " ".join(f"{self.error}: {message}".split()) if message else self.error
        return line if len(line) <= MAX_SUMMARY_CHARACTERS else f"{line[:MAX_SUMMARY_CHARACTERS]}…"


class FailStep(BaseModel, Generic[Work]):
    """Asks a workflow's function to record why a step failed for good."""

    model_config = ConfigDict(frozen=True)

    step: Literal["fail"] = "fail"
    work: Work
    failure: Failure


class Progress(BaseModel):
    """The result of one call of a workflow's function: whether the shard, or all of the work, is done."""

    model_config = ConfigDict(frozen=True)

    done: bool


class PurgeWork(BaseModel):
    """Input of the purge workflow."""

    model_config = ConfigDict(frozen=True)

    project: str
    dataset: str
    uid: str
    attempt: int


PurgeStep = Annotated[ShardStep[PurgeWork] | FinishStep[PurgeWork] | FailStep[PurgeWork], Field(discriminator="step")]
"""The event of the purge function: a discriminated union of its steps."""
PURGE_STEP: TypeAdapter[PurgeStep] = TypeAdapter(PurgeStep)


class ArtifactStatus(StrEnum):
    """Status of an artifact that a workflow writes."""

    WRITING = "WRITING"
    READY = "READY"
    FAILED = "FAILED"
    """The last attempt failed. The next attempt resumes where the last one stopped."""


class Artifact(BaseModel):
    """Something that a workflow writes in one or more attempts, such as a manifest or an export."""

    status: ArtifactStatus = ArtifactStatus.WRITING
    reason: str | None = None
    """Why the last attempt failed; None if it has not failed."""
    attempt: int = 0
    """Number of the last attempt, from 1; 0 before the first attempt."""
    attempted_at: datetime | None = None
    """When the last attempt started."""
    ready_at: datetime | None = None
    """When the artifact became ready; None until then."""

    def begun(self, at: datetime) -> Self:
        """Returns the artifact with a new attempt that starts at time `at`. An artifact that is ready, or whose last
        attempt is still in progress, is returned unchanged."""
        if self.status is ArtifactStatus.READY or (self.status is ArtifactStatus.WRITING and self._is_in_progress(at)):
            return self
        attempt = {"status": ArtifactStatus.WRITING, "reason": None, "attempt": self.attempt + 1, "attempted_at": at}
        return self.model_copy(update=attempt)

    def ready(self, at: datetime) -> Self:
        """Returns the artifact as ready at time `at`, whichever attempt wrote it. An artifact that is already ready is
        returned unchanged."""
        if self.status is ArtifactStatus.READY:
            return self
        return self.model_copy(update={"status": ArtifactStatus.READY, "reason": None, "ready_at": at})

    def failed(self, attempt: int, reason: str) -> Self:
        """Returns the artifact as failed for `reason`. The artifact is returned unchanged unless it is being written by
        this `attempt`."""
        if self.status is not ArtifactStatus.WRITING or attempt != self.attempt:
            return self
        return self.model_copy(update={"status": ArtifactStatus.FAILED, "reason": reason[:MAX_REASON_CHARACTERS]})

    def _is_in_progress(self, at: datetime) -> bool:
        return self.attempted_at is not None and at - self.attempted_at < ABANDONED_AFTER
