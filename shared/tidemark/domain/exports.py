"""Exports of checkpoints: files for training jobs and other tools (R15)."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from tidemark.domain.assets import SignedGet
from tidemark.domain.workflows import Artifact


class ExportFormat(StrEnum):
    """Format of an export's files."""

    PARQUET = "parquet"
    """Parquet files with one row per frame. The frame's labels are nested in its row."""
    JSONL = "jsonl"
    """Gzipped files of JSON lines, one frame per line, that can be uploaded again."""
    COCO = "coco"
    """A single COCO file for detection, segmentation and keypoint tools. Labels that COCO cannot express are left out.
    """

    @property
    def suffix(self) -> str:
        """Suffix of the names of an export's files, without its leading dot."""
        return {"parquet": "parquet", "jsonl": "jsonl.gz", "coco": "json"}[self]

    @property
    def media_type(self) -> str:
        """Media type of an export's files."""
        return {
            "parquet": "application/vnd.apache.parquet",
            "jsonl": "application/gzip",
            "coco": "application/json",
        }[self]


class Export(Artifact):
    """An export of a checkpoint in one format. A checkpoint has at most one export of each format, because its frames
    never change."""

    model_config = ConfigDict(frozen=True)

    checkpoint: str
    format: ExportFormat
    requested_at: datetime
    requested_by: str
    files: int | None = None
    """Number of files. Like `rows`, `bytes` and `left_out`, it is None until the export is ready."""
    rows: int | None = None
    """Number of frames in all files; for COCO, number of images."""
    bytes: int | None = None
    """Total size of all files, in bytes."""
    left_out: dict[str, int] | None = None
    """Number of labels left out, by reason. The exports page of the documentation explains the reasons."""


class WrittenFile(BaseModel):
    """A stored file of an export."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int
    """Number of frames in the file; for COCO, number of images."""
    bytes: int


class ExportFile(WrittenFile):
    """A file of an export, with a signed request to download it."""

    get: SignedGet
