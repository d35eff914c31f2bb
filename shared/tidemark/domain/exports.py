"""Exports of checkpoints: files for training jobs and other tools (R15)."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from tidemark.domain.assets import SignedGet
from tidemark.domain.workflows import Artifact


class ExportFormat(StrEnum):
    """Format of an export's files."""

    PARQUET = "parquet"
    """Parquet with one frame per row and its labels nested in it."""
    JSONL = "jsonl"
    """Gzipped JSON lines that can be uploaded again, one frame per line."""
    COCO = "coco"
    """One COCO file for detection, segmentation and keypoint tools. Labels that COCO cannot express are left out."""

    @property
    def suffix(self) -> str:
        """Suffix of the file names."""
        return {"parquet": "parquet", "jsonl": "jsonl.gz", "coco": "json"}[self]

    @property
    def media_type(self) -> str:
        """Media type of the files."""
        return {
            "parquet": "application/vnd.apache.parquet",
            "jsonl": "application/gzip",
            "coco": "application/json",
        }[self]


class Export(Artifact):
    """A checkpoint in one format. It has at most one export of each format, because its frames never change."""

    model_config = ConfigDict(frozen=True)

    checkpoint: str
    format: ExportFormat
    requested_at: datetime
    requested_by: str
    files: int | None = None
    """Number of files. This and the next three fields are None until the export is ready."""
    rows: int | None = None
    """Frames in all files; for COCO, images."""
    bytes: int | None = None
    """Size of all files."""
    left_out: dict[str, int] | None = None
    """Labels left out, by reason. See the exports page of the documentation."""


class WrittenFile(BaseModel):
    """A file of an export, as it is stored."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int
    """Frames in the file; for COCO, images."""
    bytes: int


class ExportFile(WrittenFile):
    """A file of an export, ready to download."""

    get: SignedGet
