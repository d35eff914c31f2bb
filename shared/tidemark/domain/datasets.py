"""Datasets: their definition, archiving, deletion and present state."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from tidemark.domain.frames.schema import Schema
from tidemark.domain.ids import DatasetName, ProjectName
from tidemark.domain.limits import MAX_SHARDS


class Mode(StrEnum):
    """How a dataset accepts uploads (R22)."""

    STREAMING = "STREAMING"
    """Accepts uploads at any time, and applies the valid rows of each."""
    BATCH = "BATCH"
    """Accepts one upload, all or nothing, and never changes afterwards."""


class Clone(BaseModel):
    """A mutable clone of a BATCH dataset, and the upload that fills it (R32)."""

    model_config = ConfigDict(frozen=True)

    project: str
    dataset: str
    uid: str
    upload: str


class Origin(BaseModel):
    """The version that a roll back or a clone starts from (R10, R33)."""

    model_config = ConfigDict(frozen=True)

    project: str
    dataset: str
    version: int


class ClonedFrom(Origin):
    """The version a dataset was cloned from, and the upload that fills it."""

    upload: str


class Purge(BaseModel):
    """Progress of a dataset's deletion."""

    model_config = ConfigDict(frozen=True)

    requested_at: datetime
    """When the deletion was last started."""
    requested_by: str
    attempt: int = 1
    """Number of times the deletion was started."""
    packs_deleted: bool = False
    """Whether its packs are deleted, apart from those that clones use."""
    failure: str | None = None
    """Why the last attempt failed; None if it did not."""


class Dataset(BaseModel):
    """A dataset. Nothing but its archiving and deletion ever changes. `uid` is never reused; the name can be."""

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
    """The version it was cloned from; None if it is not a clone."""
    archived_at: datetime | None = None
    """When it was archived; None if it is not. An archived dataset is hidden from lists by default. It still reads, but
    accepts no writes."""
    archived_by: str | None = None
    purge: Purge | None = None
    """Its deletion, if started; from then on the dataset cannot be read."""

    def archived(self, at: datetime, by: str) -> "Dataset":
        """Returns the dataset, archived. One that is already archived is returned unchanged."""
        return self if self.archived_at else self.model_copy(update={"archived_at": at, "archived_by": by})

    def unarchived(self) -> "Dataset":
        """Returns the dataset, no longer archived."""
        return self.model_copy(update={"archived_at": None, "archived_by": None})


class Activity(BaseModel):
    """What is happening in a dataset at present (R18)."""

    model_config = ConfigDict(frozen=True)

    pending_uploads: int
    """Uploads accepted but not yet settled, counted up to 100."""
    deleting: bool
    """Whether any of these uploads deletes frames."""


class DatasetDetails(Dataset):
    """A dataset with its present state."""

    filled_by: str | None
    """The upload that fills a BATCH dataset, after which no other is accepted. None before there is one, and for
    STREAMING datasets."""
    latest: int
    """Number of the latest version; 0 until the first upload settles."""
    frames: int
    labels: int
    activity: Activity
    metadata_schema: Schema
    mutable_clone: Clone | None = None
    """The most recent mutable clone of a BATCH dataset (R32)."""
