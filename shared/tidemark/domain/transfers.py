"""Transfers: roll backs and clones, which copy the frames of a version without copying payloads."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tidemark.domain.datasets import Dataset
from tidemark.domain.uploads import Upload
from tidemark.domain.workflows import FailStep, FinishStep, ShardStep


class Transfer(BaseModel):
    """The frames that a roll back or a clone copies."""

    model_config = ConfigDict(frozen=True)

    source: str
    """Uid of the dataset to copy from."""
    heads: tuple[int, ...]
    """Heads of the source dataset's shards in the version to copy."""
    since: tuple[int, ...] | None = None
    """For a roll back, the heads of the shards when the roll back started. None for a clone, whose dataset is new."""


class CloneReceipt(BaseModel):
    """A clone that has started."""

    dataset: Dataset = Field(description="The new dataset.")
    upload: Upload = Field(
        description="The upload that fills the dataset. Once it has settled, the dataset can be read and changed."
    )


class TransferWork(BaseModel):
    """Input of the workflow that runs a roll back or a clone."""

    model_config = ConfigDict(frozen=True)

    uid: str
    """Uid of the dataset that receives the frames."""
    upload: str
    retries: int = 0
    """Number of times that the upload had been retried when the workflow started."""


TransferStep = Annotated[
    ShardStep[TransferWork] | FinishStep[TransferWork] | FailStep[TransferWork], Field(discriminator="step")
]
"""The event of the function that runs roll backs and clones: a discriminated union of the workflow's steps."""
TRANSFER_STEP: TypeAdapter[TransferStep] = TypeAdapter(TransferStep)
