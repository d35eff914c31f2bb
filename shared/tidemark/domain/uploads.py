"""Uploads: submissions of mutations, and their progress until every row has an outcome."""

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from tidemark.domain.datasets import Mode, Origin
from tidemark.domain.errors import RowError


def upload_id_of(*names: str | None) -> str:
    """Returns the id of the upload that these names identify. The same names always give the same id, so a repeated
    submission finds its upload."""
    return sha256(json.dumps(names).encode()).hexdigest()[:32]


class Source(StrEnum):
    """How an upload arrived (R31)."""

    REQUEST = "REQUEST"
    """The upload arrived as rows in a request."""
    FILES = "FILES"
    """The upload arrived as files uploaded to signed URLs."""
    DROP = "DROP"
    """The upload arrived as a file in the drop folder."""
    ROLLBACK = "ROLLBACK"
    """The upload restores the frames of an earlier version (R10)."""
    CLONE = "CLONE"
    """The upload copies the frames of another dataset (R32, R33)."""


class UploadStatus(StrEnum):
    """Status of an upload (R29)."""

    WAITING = "WAITING"
    """The upload waits for its files. They are read only after the upload is completed."""
    PENDING = "PENDING"
    """The upload is accepted. Some of its files are not read yet, or some windows are not applied yet."""
    SETTLED = "SETTLED"
    """Every row was applied or dropped. This does not mean that anything changed."""
    PARTIAL = "PARTIAL"
    """The upload is settled, but some rows were rejected or failed. The others were applied or dropped (R21)."""
    FAILED = "FAILED"
    """All rows were rejected or failed."""


class Upload(BaseModel):
    """An upload and its progress. In a settled upload, `rows` = `rejected` + `applied` + `dropped` + `failed`."""

    model_config = ConfigDict(frozen=True)

    id: str
    project: str
    dataset: str
    mode: Mode = Mode.STREAMING
    """Mode of the dataset."""
    status: UploadStatus
    reason: str | None = None
    """Why the upload failed as a whole; None if it did not."""
    actor: str
    source: Source = Source.REQUEST
    origin: Origin | None = None
    """The version that a roll back or a clone copies; None for other uploads."""
    message: str = ""
    """The reason that the user gave for a roll back or a clone; empty for other uploads."""
    accepted_at: datetime
    pending_since: datetime | None = None
    """When processing of the upload's rows last started: on arrival, completion or retry. None while the upload waits
    for files."""
    retries: int = 0
    """Number of times that the upload was retried after windows failed."""
    settled_at: datetime | None = None
    version: int | None = None
    """Number of the first version that is certain to contain the upload; None until the upload settles."""
    versions: tuple[int, ...] = ()
    """Numbers of all versions that the upload settled into, one more for each retry."""
    rows: int = 0
    rejected: int = 0
    """Number of rows that were invalid on arrival."""
    applied: int = 0
    dropped: int = 0
    """Number of rows without effect: a MODIFY or DELETE of an unknown frame (R17, R18), or a row superseded by a later
    upload."""
    failed: int = 0
    """Number of accepted rows that could not be applied."""
    labels: int = 0
    """Number of labels in the accepted rows."""
    windows: int = 0
    windows_settled: int = 0
    windows_failed: int = 0
    """Number of settled windows that were given up. A retry sends them again."""
    files: int = 0
    """Number of the upload's files; 0 if the upload has none."""
    files_read: int = 0
    shards: int = 0
    """Number of shards whose rows a workflow generates for a roll back or a clone; 0 for other uploads."""
    shards_read: int = 0

    @property
    def is_chunked(self) -> bool:
        """Whether the upload's rows come from files or shards, chunk by chunk, rather than from one request."""
        return self.files + self.shards > 0

    @property
    def decided(self) -> int:
        """Number of rows that have an outcome."""
        return self.rejected + self.applied + self.dropped + self.failed

    @property
    def has_errors(self) -> bool:
        """Whether any rows were not applied, or any windows failed."""
        return self.rejected + self.dropped + self.failed + self.windows_failed > 0


class InFlight(NamedTuple):
    """Numbers of accepted but undecided rows and windows, of an upload or of a whole dataset."""

    rows: int = 0
    windows: int = 0

    def reaches(self, quota: "InFlight") -> bool:
        """Returns whether the rows or the windows in flight are at least as many as in `quota`."""
        return self.rows >= quota.rows or self.windows >= quota.windows

    @classmethod
    def of_counts(cls, counts: Mapping[str, int]) -> "InFlight":
        """Returns the rows and windows in flight, given an upload's counts by field name. If `counts` are changes to
        these counts, returns the change in the rows and windows in flight."""
        decided = sum(counts.get(name, 0) for name in ("rejected", "applied", "dropped", "failed"))
        windows = counts.get("windows", 0) - counts.get("windows_settled", 0)
        return cls(counts.get("rows", 0) - decided, windows)


class UploadFilter(NamedTuple):
    """Filter of a list of uploads: each field of the filter must match, unless it is None (R29)."""

    status: UploadStatus | None = None
    mode: Mode | None = None
    source: Source | None = None

    def takes(self, upload: Upload) -> bool:
        """Returns whether an upload matches the filter."""
        actual = (upload.status, upload.mode, upload.source)
        return all(wanted in (None, value) for wanted, value in zip(self, actual, strict=True))


ANY_UPLOAD = UploadFilter()


class FileStatus(StrEnum):
    """Status of a file of an upload."""

    WAITING = "WAITING"
    """The file is not read yet."""
    READING = "READING"
    READ = "READ"
    """The file is read to its end, or as far as it can be read."""


class UploadFile(BaseModel):
    """A file of an upload and its progress. `rejected` is the number of rows that were invalid when read."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: FileStatus = FileStatus.WAITING
    rows: int = 0
    rejected: int = 0
    lines: int = 0
    """Number of lines read so far, including blank lines."""
    bytes: int = 0
    """Number of bytes read so far, counted after inflation."""
    error: str | None = None
    """Why the rest of the file was not read; None if reading has not stopped early."""


MAX_RECEIPT_ERRORS = 100
"""Most errors in a receipt. A few errors show what is wrong; the upload's list of errors has them all."""


class Receipt(BaseModel):
    """Response to a submission. A repeat with the same idempotency key receives the same receipt."""

    model_config = ConfigDict(frozen=True)

    upload: str
    accepted: int
    rejected: int
    errors: list[RowError]
    """Errors of rejected rows, at most `MAX_RECEIPT_ERRORS`. The upload's list of errors has them all."""


class RowOutcome(RowError):
    """A row that was not applied, and the stage at which it was stopped."""

    outcome: Literal["rejected", "dropped", "failed"]
    file: str | None = None
    """Name of the row's file, in which case `row` is the row's line number, from 1; None for a row of a request."""


def settled_status(*, rejected: int, applied: int, dropped: int, failed: int, windows_failed: int) -> UploadStatus:
    """Returns the status of an upload whose rows all have an outcome (R21). A failed window counts as a failure even if
    none of its rows are known."""
    if rejected + failed + windows_failed == 0:
        return UploadStatus.SETTLED
    return UploadStatus.PARTIAL if applied + dropped else UploadStatus.FAILED
