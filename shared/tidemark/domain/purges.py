"""Purges: datasets that are deleted for good."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tidemark.domain.workflows import FailStep, FinishStep, ShardStep


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
