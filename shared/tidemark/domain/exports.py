"""Exports of checkpoints: files that training jobs and other tools take (R15)."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from tidemark.domain.assets import SignedGet
from tidemark.domain.workflows import Artifact


class ExportFormat(StrEnum):
    """What the files of an export are."""

    PARQUET = "parquet"
    """A frame a row, its labels nested in it."""
    JSONL = "jsonl"
    """Rows as uploads take them, in gzip."""
    COCO = "coco"
    """One file for tools of detection, segmentation and keypoints; what COCO has no place for is left out."""

    @property
    def suffix(self) -> str:
        """Of the files' names."""
        return {"parquet": "parquet", "jsonl": "jsonl.gz", "coco": "json"}[self]

    @property
    def media_type(self) -> str:
        """Of the files."""
        return {
            "parquet": "application/vnd.apache.parquet",
            "jsonl": "application/gzip",
            "coco": "application/json",
        }[self]


class Export(Artifact):
    """A checkpoint in one format. A checkpoint has one of each at most, since what is frozen never changes."""

    model_config = ConfigDict(frozen=True)

    checkpoint: str
    format: ExportFormat
    requested_at: datetime
    requested_by: str
    files: int | None = None
    """Files; None until they are written, as the next three."""
    rows: int | None = None
    """Frames in them; in COCO, images."""
    bytes: int | None = None
    left_out: dict[str, int] | None = None
    """Labels that are not in them, by the reason; see the page on exports."""


class WrittenFile(BaseModel):
    """A file of an export, as it is kept."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int
    """Frames in it; in COCO, images."""
    bytes: int


class ExportFile(WrittenFile):
    """A file of an export, ready to be fetched."""

    get: SignedGet
