"""Uploads: one submission of mutations, from its acceptance until every row has an outcome."""

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
    """The id of the upload that these names stand for, always the same, so that what is repeated is found again."""
    return sha256(json.dumps(names).encode()).hexdigest()[:32]


class Source(StrEnum):
    """Through which door an upload came (R31)."""

    REQUEST = "REQUEST"
    """Rows in a request."""
    FILES = "FILES"
    """Files put to signed URLs."""
    DROP = "DROP"
    """A file put into the drop folder."""
    ROLLBACK = "ROLLBACK"
    """The state of an earlier version (R10)."""
    CLONE = "CLONE"
    """The frames of another dataset (R32, R33)."""


class UploadStatus(StrEnum):
    """Where an upload stands (R29)."""

    WAITING = "WAITING"
    """Its files may still be put; nothing is read before it is completed."""
    PENDING = "PENDING"
    """Accepted; some of its files are not read yet, or some of its windows not applied."""
    SETTLED = "SETTLED"
    """Every row was applied or dropped. It does not mean that something changed."""
    PARTIAL = "PARTIAL"
    """Settled; some rows were rejected or failed, the others were applied or dropped (R21)."""
    FAILED = "FAILED"
    """All rows were rejected or failed."""


class Upload(BaseModel):
    """An upload and its progress. `rows` = `rejected` + `applied` + `dropped` + `failed` once it has settled."""

    model_config = ConfigDict(frozen=True)

    id: str
    project: str
    dataset: str
    mode: Mode = Mode.STREAMING
    """Its dataset's."""
    status: UploadStatus
    reason: str | None = None
    """Why it failed as a whole; None where it did not, or where its rows failed each for itself."""
    actor: str
    source: Source = Source.REQUEST
    origin: Origin | None = None
    """What a roll back or a clone takes; None for uploads of rows."""
    message: str = ""
    """Why a roll back or a clone was made, in its maker's words."""
    accepted_at: datetime
    pending_since: datetime | None = None
    """When its rows were last sent on their way: on arrival, on completion or on a retry; None while it waits."""
    retries: int = 0
    """How often it was retried after windows of it had been given up."""
    settled_at: datetime | None = None
    version: int | None = None
    """The first version that is sure to contain it; None until it settles."""
    versions: tuple[int, ...] = ()
    """All versions that it settled into: one more for each retry."""
    rows: int = 0
    rejected: int = 0
    """Rows refused on arrival."""
    applied: int = 0
    dropped: int = 0
    """Rows that hit nothing, MODIFY or DELETE of an unknown frame (R17, R18), or gave way to a later upload."""
    failed: int = 0
    """Accepted rows that could not be applied."""
    labels: int = 0
    """Labels carried by the accepted rows."""
    windows: int = 0
    windows_settled: int = 0
    windows_failed: int = 0
    """Those of the settled ones that were given up; a retry sends them again."""
    files: int = 0
    """Files that it consists of; none if it came in a request."""
    files_read: int = 0
    shards: int = 0
    """Shards of which a workflow makes its rows; none if its rows were sent."""
    shards_read: int = 0

    @property
    def is_chunked(self) -> bool:
        """Whether it consists of chunks that are read one by one, rather than of the rows of one request."""
        return self.files + self.shards > 0

    @property
    def decided(self) -> int:
        """Rows that have an outcome."""
        return self.rejected + self.applied + self.dropped + self.failed

    @property
    def has_errors(self) -> bool:
        """Whether rows of it did not take effect, or windows that were to find theirs."""
        return self.rejected + self.dropped + self.failed + self.windows_failed > 0


class InFlight(NamedTuple):
    """What was accepted and is not decided, of an upload or of all of a dataset."""

    rows: int = 0
    windows: int = 0

    @classmethod
    def of_counts(cls, counts: Mapping[str, int]) -> "InFlight":
        """What counts of an upload, by their names, leave in flight; of changes of them, by how much they change it."""
        decided = sum(counts.get(name, 0) for name in ("rejected", "applied", "dropped", "failed"))
        windows = counts.get("windows", 0) - counts.get("windows_settled", 0)
        return cls(counts.get("rows", 0) - decided, windows)


class UploadFilter(NamedTuple):
    """Which uploads a list holds: those that have all that is given; None is not looked at (R29)."""

    status: UploadStatus | None = None
    mode: Mode | None = None
    source: Source | None = None

    def takes(self, upload: Upload) -> bool:
        """Whether an upload belongs to the list."""
        has = (upload.status, upload.mode, upload.source)
        return all(asked in (None, found) for asked, found in zip(self, has, strict=True))


ANY_UPLOAD = UploadFilter()


class FileStatus(StrEnum):
    """Where a file of an upload stands."""

    WAITING = "WAITING"
    """Not read yet."""
    READING = "READING"
    READ = "READ"
    """Read to its end, or to where it cannot be read further."""


class UploadFile(BaseModel):
    """A file of an upload and its progress. Of its rows, `rejected` were refused as they were read."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: FileStatus = FileStatus.WAITING
    rows: int = 0
    rejected: int = 0
    lines: int = 0
    """Lines read so far, blank ones too."""
    bytes: int = 0
    """Bytes read so far, as they are after inflation."""
    error: str | None = None
    """Why it was read no further than that."""


class Receipt(BaseModel):
    """The answer to a submission. A repeat with the same idempotency key gets the same receipt."""

    model_config = ConfigDict(frozen=True)

    upload: str
    accepted: int
    rejected: int
    errors: list[RowError]
    """Why rows were rejected: the first `MAX_RECEIPT_ERRORS`; the upload's errors list them all."""


class RowOutcome(RowError):
    """A row that did not take effect, and at which point."""

    outcome: Literal["rejected", "dropped", "failed"]
    file: str | None = None
    """The file that holds the row, and `row` is its line from 1; None for rows of a request."""


MAX_RECEIPT_ERRORS = 100


def settled_status(*, rejected: int, applied: int, dropped: int, failed: int, windows_failed: int) -> UploadStatus:
    """The status of an upload whose rows all have an outcome (R21). A window that was given up may have no rows of
    which anybody knew."""
    if rejected + failed + windows_failed == 0:
        return UploadStatus.SETTLED
    return UploadStatus.PARTIAL if applied + dropped else UploadStatus.FAILED
