"""Transfers: frames that a dataset takes from a version, its own or another dataset's, without copying payloads."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tidemark.domain.datasets import Dataset
from tidemark.domain.uploads import Upload
from tidemark.domain.workflows import FailStep, FinishStep, ShardStep


class Transfer(BaseModel):
    """What a roll back or a clone takes, and where it begins."""

    model_config = ConfigDict(frozen=True)

    source: str
    """The uid of the dataset whose version is taken."""
    heads: tuple[int, ...]
    """The heads of its shards in that version."""
    since: tuple[int, ...] | None = None
    """Of a roll back, the heads of the shards when it began; None for a clone, whose dataset is new."""


class CloneReceipt(BaseModel):
    """A clone that has been started."""

    dataset: Dataset
    upload: Upload
    """The upload that fills the clone. The clone can be read and changed once this upload has settled."""


class TransferWork(BaseModel):
    """What the workflow of a roll back or a clone is told."""

    model_config = ConfigDict(frozen=True)

    uid: str
    """The dataset that takes frames."""
    upload: str
    retries: int = 0
    """How often the upload had been retried when the workflow was started."""


TransferStep = Annotated[
    ShardStep[TransferWork] | FinishStep[TransferWork] | FailStep[TransferWork], Field(discriminator="step")
]
"""What the function of these workflows is called with."""
TRANSFER_STEP: TypeAdapter[TransferStep] = TypeAdapter(TransferStep)
