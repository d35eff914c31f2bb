"""Workflows: long work on all shards of a dataset, whose steps a state machine calls one after another.

All have one shape. Each shard is done in pages, shards side by side, each page by one call that answers whether it was
the shard's last. Then the whole is finished. Where a step fails for good, one last call records why. How far a shard
has come is on record, not in what is passed: a call that is repeated, or made by two executions at once, changes
nothing.
"""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

ABANDONED = timedelta(hours=14)
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
