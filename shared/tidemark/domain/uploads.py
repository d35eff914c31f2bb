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
    """Returns the upload id for these names. It is always the same, so a repeated submission finds its upload."""
    return sha256(json.dumps(names).encode()).hexdigest()[:32]


class Source(StrEnum):
    """How an upload arrived (R31)."""

    REQUEST = "REQUEST"
    """Rows in a request."""
    FILES = "FILES"
    """Files uploaded to signed URLs."""
    DROP = "DROP"
    """A file in the drop folder."""
    ROLLBACK = "ROLLBACK"
    """The frames of an earlier version (R10)."""
    CLONE = "CLONE"
    """The frames of another dataset (R32, R33)."""


class UploadStatus(StrEnum):
    """Status of an upload (R29)."""

    WAITING = "WAITING"
    """Waiting for its files. None is read until the upload is completed."""
    PENDING = "PENDING"
    """Accepted. Some files are still to be read, or some windows still to be applied."""
    SETTLED = "SETTLED"
    """Every row was applied or dropped. This does not mean that anything changed."""
    PARTIAL = "PARTIAL"
    """Settled, but some rows were rejected or failed. The others were applied or dropped (R21)."""
    FAILED = "FAILED"
    """All rows were rejected or failed."""


class Upload(BaseModel):
    """An upload and its progress. Once it has settled, `rows` = `rejected` + `applied` + `dropped` + `failed`."""

    model_config = ConfigDict(frozen=True)

    id: str
    project: str
    dataset: str
    mode: Mode = Mode.STREAMING
    """Mode of its dataset."""
    status: UploadStatus
    reason: str | None = None
    """Why the upload failed as a whole; None if it did not."""
    actor: str
    source: Source = Source.REQUEST
    origin: Origin | None = None
    """The version that a roll back or a clone copies; None for other uploads."""
    message: str = ""
    """The user's reason for a roll back or a clone."""
    accepted_at: datetime
    pending_since: datetime | None = None
    """When its rows last started processing: on arrival, completion or retry. None while it waits for files."""
    retries: int = 0
    """How often it was retried after windows failed."""
    settled_at: datetime | None = None
    version: int | None = None
    """The first version that is certain to contain the upload; None until it settles."""
    versions: tuple[int, ...] = ()
    """All versions it settled into, one more for each retry."""
    rows: int = 0
    rejected: int = 0
    """Rows that were invalid on arrival."""
    applied: int = 0
    dropped: int = 0
    """Rows without effect: a MODIFY or DELETE of an unknown frame (R17, R18), or a row superseded by a later upload."""
    failed: int = 0
    """Accepted rows that could not be applied."""
    labels: int = 0
    """Labels in the accepted rows."""
    windows: int = 0
    windows_settled: int = 0
    windows_failed: int = 0
    """Settled windows that were given up. A retry sends them again."""
    files: int = 0
    """Number of its files; 0 for rows of a request."""
    files_read: int = 0
    shards: int = 0
    """Number of shards whose rows a workflow generates; 0 for other uploads."""
    shards_read: int = 0

    @property
    def is_chunked(self) -> bool:
        """Whether the upload is read chunk by chunk, rather than from one request."""
        return self.files + self.shards > 0

    @property
    def decided(self) -> int:
        """Rows that have an outcome."""
        return self.rejected + self.applied + self.dropped + self.failed

    @property
    def has_errors(self) -> bool:
        """Whether any rows were not applied, or any windows failed."""
        return self.rejected + self.dropped + self.failed + self.windows_failed > 0


class InFlight(NamedTuple):
    """Accepted but undecided rows and windows, of an upload or of a whole dataset."""

    rows: int = 0
    windows: int = 0

    @classmethod
    def of_counts(cls, counts: Mapping[str, int]) -> "InFlight":
        """Returns the rows and windows in flight, given an upload's counts by name. Given changes of the counts,
        returns the change in flight."""
        decided = sum(counts.get(name, 0) for name in ("rejected", "applied", "dropped", "failed"))
        windows = counts.get("windows", 0) - counts.get("windows_settled", 0)
        return cls(counts.get("rows", 0) - decided, windows)


class UploadFilter(NamedTuple):
    """Filter of a list of uploads: each field must match, unless it is None (R29)."""

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
    """Not read yet."""
    READING = "READING"
    READ = "READ"
    """Read to its end, or as far as it can be read."""


class UploadFile(BaseModel):
    """A file of an upload and its progress. `rejected` counts rows that were invalid when read."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: FileStatus = FileStatus.WAITING
    rows: int = 0
    rejected: int = 0
    lines: int = 0
    """Lines read so far, including blank lines."""
    bytes: int = 0
    """Bytes read so far, after inflation."""
    error: str | None = None
    """Why the rest of the file was not read; None if it was."""


MAX_RECEIPT_ERRORS = 100
"""Most errors in a receipt. A few of them show what is wrong; the upload lists them all."""


class Receipt(BaseModel):
    """Response to a submission. A repeat with the same idempotency key receives the same receipt."""

    model_config = ConfigDict(frozen=True)

    upload: str
    accepted: int
    rejected: int
    errors: list[RowError]
    """Errors of rejected rows, at most `MAX_RECEIPT_ERRORS`. The upload's errors list them all."""


class RowOutcome(RowError):
    """A row that was not applied, and the stage at which it was stopped."""

    outcome: Literal["rejected", "dropped", "failed"]
    file: str | None = None
    """Name of the row's file, in which case `row` is its line from 1; None for rows of a request."""


def settled_status(*, rejected: int, applied: int, dropped: int, failed: int, windows_failed: int) -> UploadStatus:
    """Returns the status of an upload whose rows all have an outcome (R21). A failed window counts as a failure even if
    it has no known rows."""
    if rejected + failed + windows_failed == 0:
        return UploadStatus.SETTLED
    return UploadStatus.PARTIAL if applied + dropped else UploadStatus.FAILED
