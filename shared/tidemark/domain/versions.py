"""Versions: the heads of all shards at one moment, under a dense number."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class ShardState(NamedTuple):
    """How far a shard's log had come, and what was alive in it then."""

    head: int = 0
    frames: int = 0
    labels: int = 0


class VersionUpload(BaseModel):
    """An upload that settled into a version, who sent it, and when it was accepted (R8)."""

    model_config = ConfigDict(frozen=True)

    id: str
    actor: str
    accepted_at: datetime


class Version(BaseModel):
    """A version of a dataset (R7, R8). It never changes: each shard's log only grows, and reads stop at its head."""

    model_config = ConfigDict(frozen=True)

    number: int
    created_at: datetime
    uploads: tuple[VersionUpload, ...]
    shards: tuple[ShardState, ...]

    @property
    def heads(self) -> tuple[int, ...]:
        """How far each shard had come."""
        return tuple(shard.head for shard in self.shards)

    @property
    def frames(self) -> int:
        """Live frames."""
        return sum(shard.frames for shard in self.shards)

    @property
    def labels(self) -> int:
        """Live labels."""
        return sum(shard.labels for shard in self.shards)


class VersionSummary(BaseModel):
    """A version: when it was created, by which uploads, and how much it holds."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(description="Dense: 1, 2, 3 and so on; 0 is the empty beginning.")
    created_at: datetime
    uploads: tuple[VersionUpload, ...]
    frames: int = Field(description="Live frames.")
    labels: int = Field(description="Live labels.")

    @classmethod
    def of(cls, version: Version) -> "VersionSummary":
        """Returns the summary of `version`."""
        return cls(
            number=version.number,
            created_at=version.created_at,
            uploads=version.uploads,
            frames=version.frames,
            labels=version.labels,
        )


class Spacing(StrEnum):
    """How a list of versions is thinned out."""

    HOUR = "hour"
    """Only the newest version of each hour (UTC)."""


def empty_version(created_at: datetime, shards: int) -> Version:
    """Version 0: what a dataset holds before anything has settled."""
    return Version(number=0, created_at=created_at, uploads=(), shards=(ShardState(),) * shards)
