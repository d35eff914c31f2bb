"""What a checkpoint consists of, and the work that writes it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tidemark.domain.canonical import digest
from tidemark.domain.exports import ExportFormat, WrittenFile
from tidemark.domain.frames.schema import Schema
from tidemark.domain.workflows import FailStep, FinishStep, ShardStep


class WrittenFiles(BaseModel):
    """All files of an export, in order."""

    model_config = ConfigDict(frozen=True)

    files: list[WrittenFile]
    left_out: dict[str, int] = {}


class CheckpointWork(BaseModel):
    """What the checkpoint workflow is to write: a manifest, or an export."""

    model_config = ConfigDict(frozen=True)

    uid: str
    project: str
    checkpoint: str
    format: ExportFormat | None = None
    """None: the manifest."""
    attempt: int

    @property
    def name(self) -> str:
        """Names the work among all of the dataset, the same in every attempt: one goes on where another stopped."""
        return f"{self.checkpoint}/{self.format or 'manifest'}"

    @property
    def execution(self) -> str:
        """Names the attempt among all executions."""
        return f"{self.format or 'manifest'}-{digest(f'{self.uid}/{self.name}/{self.attempt}'.encode())}"


CheckpointStep = Annotated[
    ShardStep[CheckpointWork] | FinishStep[CheckpointWork] | FailStep[CheckpointWork], Field(discriminator="step")
]
"""What the checkpoint function is called with."""


class ManifestPage(BaseModel):
    """Some live frames of one shard, whose places one file of the manifest holds."""

    model_config = ConfigDict(frozen=True)

    shard: int
    page: int
    """From 0 in each shard."""
    frames: int
    images: int
    """Images that they are in COCO."""
    annotations: int
    """Annotations that their labels are in COCO."""


class Manifest(BaseModel):
    """What a checkpoint consists of."""

    model_config = ConfigDict(frozen=True)

    version: int
    metadata_schema: Schema
    """The fields that frames' metadata has, or may have."""
    pages: list[ManifestPage]
    """In order of shards, and in a shard of frames."""
    keypoints: dict[str, list[str] | None] = Field(default_factory=dict)
    """The names of the keypoints of each class that has any, in their order; None where they are too many."""
    left_out: dict[str, int] = Field(default_factory=dict)
    """Labels for which COCO has no place, by the reason."""

    def pages_of(self, shard: int) -> list[ManifestPage]:
        """The pages of a shard."""
        return [page for page in self.pages if page.shard == shard]

    def counts_before(self, shard: int, number: int) -> tuple[int, int]:
        """The images and the annotations of all pages before one."""
        earlier = [page for page in self.pages if (page.shard, page.page) < (shard, number)]
        return sum(page.images for page in earlier), sum(page.annotations for page in earlier)
