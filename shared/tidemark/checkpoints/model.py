"""Models of a checkpoint's manifest, of its exports' file lists, and of the events of the checkpoint workflow."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tidemark.domain.canonical import digest
from tidemark.domain.exports import ExportFormat, WrittenFile
from tidemark.domain.frames.schema import Schema
from tidemark.domain.workflows import FailStep, FinishStep, ShardStep


class ManifestPage(BaseModel):
    """Number and counts of a page: a file of the manifest that lists some of a shard's live frames."""

    model_config = ConfigDict(frozen=True)

    shard: int
    page: int
    """Number of the page within its shard, from 0."""
    frames: int
    """Number of frames on the page."""
    images: int
    """Number of COCO images that these frames have."""
    annotations: int
    """Number of COCO annotations that these frames have."""


class Manifest(BaseModel):
    """The manifest of a checkpoint: its pages, and the facts about all frames that exports need."""

    model_config = ConfigDict(frozen=True)

    version: int
    """Number of the version that the checkpoint names."""
    metadata_schema: Schema
    """Schema with at least the metadata fields that occur in the frames."""
    pages: list[ManifestPage]
    """All pages, sorted by shard, then by page number."""
    keypoints: dict[str, list[str] | None] = Field(default_factory=dict)
    """Keypoint names by class, in order of appearance; None for a class with too many. Classes without keypoints are
    absent."""
    left_out: dict[str, int] = Field(default_factory=dict)
    """Numbers of labels that COCO cannot express, by reason."""

    def pages_of(self, shard: int) -> list[ManifestPage]:
        """Returns a shard's pages, in order."""
        return [page for page in self.pages if page.shard == shard]

    def counts_before(self, shard: int, number: int) -> tuple[int, int]:
        """Returns the numbers of COCO images and annotations on all pages before page `number` of a shard."""
        earlier = [page for page in self.pages if (page.shard, page.page) < (shard, number)]
        return sum(page.images for page in earlier), sum(page.annotations for page in earlier)


class WrittenFiles(BaseModel):
    """The file list of an export, in order."""

    model_config = ConfigDict(frozen=True)

    files: list[WrittenFile]
    left_out: dict[str, int] = {}
    """Numbers of labels left out of the export, by reason."""


class CheckpointWork(BaseModel):
    """Input of the checkpoint workflow: which manifest or export to write, and which attempt this is."""

    model_config = ConfigDict(frozen=True)

    uid: str
    """Uid of the dataset."""
    project: str
    checkpoint: str
    """Name of the checkpoint."""
    format: ExportFormat | None = None
    """Format of the export to write; None to write the manifest."""
    attempt: int
    """Number of the attempt, from 1."""

    @property
    def name(self) -> str:
        """Name of the work, unique in the dataset. All attempts have the same name, so that each resumes where the
        last stopped."""
        return f"{self.checkpoint}/{self.format or 'manifest'}"

    @property
    def execution(self) -> str:
        """Name of the workflow execution, unique among all datasets, works and attempts."""
        return f"{self.format or 'manifest'}-{digest(f'{self.uid}/{self.name}/{self.attempt}'.encode())}"


CheckpointStep = Annotated[
    ShardStep[CheckpointWork] | FinishStep[CheckpointWork] | FailStep[CheckpointWork], Field(discriminator="step")
]
"""Event of the checkpoint function, as a discriminated union of the workflow's steps."""
