"""Datasets: a fixed number of shards, and a dense sequence of versions."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from tidemark.domain.frames.schema import Schema
from tidemark.domain.ids import DatasetName, ProjectName
from tidemark.domain.limits import MAX_SHARDS


class Mode(StrEnum):
    """How a dataset takes uploads (R22)."""

    STREAMING = "STREAMING"
    """Uploads come at any time, and what is good in them is taken."""
    BATCH = "BATCH"
    """One upload fills it, taken whole or not at all; after that it never changes."""


class Clone(BaseModel):
    """A clone of a BATCH dataset, and the upload that fills it (R32)."""

    model_config = ConfigDict(frozen=True)

    project: str
    dataset: str
    uid: str
    upload: str


class Origin(BaseModel):
    """The version of a dataset that a roll back or a clone takes (R10, R33)."""

    model_config = ConfigDict(frozen=True)

    project: str
    dataset: str
    version: int


class ClonedFrom(Origin):
    """What a dataset was cloned from, and the upload that fills it."""

    upload: str


class Purge(BaseModel):
    """How far the deletion of a dataset is."""

    model_config = ConfigDict(frozen=True)

    requested_at: datetime
    """When it began, or was begun anew."""
    requested_by: str
    attempt: int = 1
    """How many times it was begun."""
    packs_deleted: bool = False
    """Whether its packs are gone, but for those that clones use."""
    failure: str | None = None
    """Why the last attempt broke off, if it did."""


class Dataset(BaseModel):
    """A dataset. But for its end, none of this changes; `uid` is its own for ever, its name is not."""

    model_config = ConfigDict(frozen=True)

    project: ProjectName
    name: DatasetName
    uid: str
    description: str
    mode: Mode
    shards: int = Field(ge=1, le=MAX_SHARDS)
    created_at: datetime
    created_by: str
    cloned_from: ClonedFrom | None = None
    """None for a dataset that is no clone."""
    archived_at: datetime | None = None
    """Since when it is archived, which it is if this is given: not listed unless asked for. It reads as before, and
    nothing is written to it."""
    archived_by: str | None = None
    purge: Purge | None = None
    """Its deletion, if that has begun: nothing of it reads any more."""

    def archived(self, at: datetime, by: str) -> "Dataset":
        """The dataset, archived; as it is if it is archived already."""
        return self if self.archived_at else self.model_copy(update={"archived_at": at, "archived_by": by})

    def unarchived(self) -> "Dataset":
        """The dataset, listed and written to again."""
        return self.model_copy(update={"archived_at": None, "archived_by": None})


class Activity(BaseModel):
    """What is going on in a dataset at this moment (R18)."""

    model_config = ConfigDict(frozen=True)

    pending_uploads: int
    """Uploads that are accepted and not yet settled, counted up to 100."""
    deleting: bool
    """Whether one of them deletes frames."""


class DatasetDetails(Dataset):
    """A dataset with its present state."""

    filled_by: str | None
    """The upload that fills a BATCH dataset; no other can from then on. None where there is none yet, and for a
    STREAMING dataset."""
    latest: int
    """Number of the latest version; 0 while nothing has settled."""
    frames: int
    labels: int
    activity: Activity
    metadata_schema: Schema
    mutable_clone: Clone | None = None
    """Of a BATCH dataset, its mutable clone that was made last (R32)."""
