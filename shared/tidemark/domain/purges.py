"""Purges: datasets that are deleted for good."""

from pydantic import BaseModel, ConfigDict


class PurgeWork(BaseModel):
    """What the workflow of a purge is told."""

    model_config = ConfigDict(frozen=True)

    project: str
    dataset: str
    uid: str
    attempt: int
