"""Versions: the heads of all shards at one moment, numbered without gaps."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class ShardState(NamedTuple):
    """The head of a shard's log, and the numbers of live frames and labels at that head."""

    head: int = 0
    frames: int = 0
    labels: int = 0


class VersionUpload(BaseModel):
    """An upload that settled into a version, its sender, and when it was accepted (R8)."""

    model_config = ConfigDict(frozen=True)

    id: str
    actor: str
    accepted_at: datetime


class Version(BaseModel):
    """A version of a dataset (R7, R8). A version never changes, because shard logs only grow and reads of a version
    stop at its heads."""

    model_config = ConfigDict(frozen=True)

    number: int
    created_at: datetime
    uploads: tuple[VersionUpload, ...]
    shards: tuple[ShardState, ...]

    @property
    def heads(self) -> tuple[int, ...]:
        """Heads of the shards, in the order of the shards."""
        return tuple(shard.head for shard in self.shards)

    @property
    def frames(self) -> int:
        """Number of live frames."""
        return sum(shard.frames for shard in self.shards)

    @property
    def labels(self) -> int:
        """Number of live labels."""
        return sum(shard.labels for shard in self.shards)


class VersionSummary(BaseModel):
    """A version of a dataset as users see it, with its uploads and counts."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(
        description="Number of the version: 1, 2, 3 and so on, without gaps. 0 is the empty initial version."
    )
    created_at: datetime = Field(description="Time of publication.")
    uploads: tuple[VersionUpload, ...] = Field(description="Uploads that are new in the version.")
    frames: int = Field(description="Number of live frames.")
    labels: int = Field(description="Number of live labels.")

    @classmethod
    def of(cls, version: Version) -> "VersionSummary":
        """Returns the public fields of `version`, without the heads of its shards."""
        return cls(
            number=version.number,
            created_at=version.created_at,
            uploads=version.uploads,
            frames=version.frames,
            labels=version.labels,
        )


class Spacing(StrEnum):
    """The period for which a list of versions includes at most one version."""

    HOUR = "hour"


def empty_version(created_at: datetime, shards: int) -> Version:
    """Returns version 0, the empty state of a dataset before its first upload settles."""
    return Version(number=0, created_at=created_at, uploads=(), shards=(ShardState(),) * shards)
