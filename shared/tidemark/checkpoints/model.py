"""The content of a checkpoint's manifest and exports, and the work that writes them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tidemark.domain.canonical import digest
from tidemark.domain.exports import ExportFormat, WrittenFile
from tidemark.domain.frames.schema import Schema
from tidemark.domain.workflows import FailStep, FinishStep, ShardStep


class ManifestPage(BaseModel):
    """A page of a shard's live frames, listed by one file of the manifest."""

    model_config = ConfigDict(frozen=True)

    shard: int
    page: int
    """Number of the page in its shard, from 0."""
    frames: int
    images: int
    """COCO images of these frames."""
    annotations: int
    """COCO annotations of these frames."""


class Manifest(BaseModel):
    """The frames of a checkpoint, as pages, and what exports need to know of all of them."""

    model_config = ConfigDict(frozen=True)

    version: int
    metadata_schema: Schema
    """Metadata fields that the frames have or may have."""
    pages: list[ManifestPage]
    """Pages in order of shard, and within a shard in order of frame."""
    keypoints: dict[str, list[str] | None] = Field(default_factory=dict)
    """Ordered keypoint names of each class that has any; None for a class with too many."""
    left_out: dict[str, int] = Field(default_factory=dict)
    """Labels that COCO cannot express, by reason."""

    def pages_of(self, shard: int) -> list[ManifestPage]:
        """Returns the pages of a shard."""
        return [page for page in self.pages if page.shard == shard]

    def counts_before(self, shard: int, number: int) -> tuple[int, int]:
        """Returns the number of images and of annotations on all pages before a page."""
        earlier = [page for page in self.pages if (page.shard, page.page) < (shard, number)]
        return sum(page.images for page in earlier), sum(page.annotations for page in earlier)


class WrittenFiles(BaseModel):
    """All files of an export, in order."""

    model_config = ConfigDict(frozen=True)

    files: list[WrittenFile]
    left_out: dict[str, int] = {}
    """Labels that are left out, by reason."""


class CheckpointWork(BaseModel):
    """Input of the checkpoint workflow: the manifest or the export to write."""

    model_config = ConfigDict(frozen=True)

    uid: str
    project: str
    checkpoint: str
    format: ExportFormat | None = None
    """Format of the export; None for the manifest."""
    attempt: int

    @property
    def name(self) -> str:
        """Unique name of the work in its dataset. It is the same for every attempt, so each resumes the one before."""
        return f"{self.checkpoint}/{self.format or 'manifest'}"

    @property
    def execution(self) -> str:
        """Unique name of the attempt among all executions."""
        return f"{self.format or 'manifest'}-{digest(f'{self.uid}/{self.name}/{self.attempt}'.encode())}"


CheckpointStep = Annotated[
    ShardStep[CheckpointWork] | FinishStep[CheckpointWork] | FailStep[CheckpointWork], Field(discriminator="step")
]
"""Event of the checkpoint function."""
