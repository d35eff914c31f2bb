"""Datasets: their definition, archiving, deletion and current state."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from tidemark.domain.frames.schema import Schema
from tidemark.domain.ids import DatasetName, ProjectName
from tidemark.domain.limits import MAX_SHARDS


class Mode(StrEnum):
    """How a dataset accepts uploads (R22)."""

    STREAMING = "STREAMING"
    """The dataset accepts uploads at any time, and applies the valid rows of each upload."""
    BATCH = "BATCH"
    """The dataset accepts a single upload, applies all of it or nothing, and never changes afterwards."""


class Clone(BaseModel):
    """A mutable clone of a BATCH dataset, and the upload that fills it (R32)."""

    model_config = ConfigDict(frozen=True)

    project: str
    dataset: str
    uid: str
    upload: str


class Origin(BaseModel):
    """The version that a roll back restores or a clone copies (R10, R33)."""

    model_config = ConfigDict(frozen=True)

    project: str
    dataset: str
    version: int


class ClonedFrom(Origin):
    """The version that a dataset was cloned from, and the upload that fills the dataset."""

    upload: str


class Purge(BaseModel):
    """The progress of a dataset's deletion."""

    model_config = ConfigDict(frozen=True)

    requested_at: datetime
    """When the last attempt at the deletion started."""
    requested_by: str
    attempt: int = 1
    """Number of times that the deletion was started."""
    packs_deleted: bool = False
    """Whether the dataset's packs are deleted, apart from packs that clones use."""
    failure: str | None = None
    """Why the last attempt failed; None if it has not failed."""


class Dataset(BaseModel):
    """The definition of a dataset. Apart from its archiving and deletion, a definition never changes. `uid` is never
    reused; the name can be."""

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
    """The version that the dataset was cloned from; None if the dataset is not a clone."""
    archived_at: datetime | None = None
    """When the dataset was archived; None if it is not archived. An archived dataset is hidden from lists by default.
    It can still be read, but accepts no writes."""
    archived_by: str | None = None
    purge: Purge | None = None
    """Progress of the dataset's deletion; None if no deletion was started. Once a deletion has started, the dataset
    cannot be read."""

    def archived(self, at: datetime, by: str) -> "Dataset":
        """Returns the dataset, archived at time `at` by the caller `by`. A dataset that is already archived is returned
        unchanged."""
        return self if self.archived_at else self.model_copy(update={"archived_at": at, "archived_by": by})

    def unarchived(self) -> "Dataset":
        """Returns the dataset, no longer archived."""
        return self.model_copy(update={"archived_at": None, "archived_by": None})


class Activity(BaseModel):
    """The work in progress in a dataset (R18)."""

    model_config = ConfigDict(frozen=True)

    pending_uploads: int
    """Number of uploads that are accepted but not yet settled, counted up to 100."""
    deleting: bool
    """Whether any of the pending uploads deletes frames."""


class DatasetDetails(Dataset):
    """A dataset's definition and current state."""

    filled_by: str | None
    """Id of the upload that fills a BATCH dataset, which accepts no other upload after it. None before there is such an
    upload, and for STREAMING datasets."""
    latest: int
    """Number of the latest version; 0 until the first upload settles."""
    frames: int
    labels: int
    activity: Activity
    metadata_schema: Schema
    mutable_clone: Clone | None = None
    """The most recent mutable clone of a BATCH dataset (R32)."""
