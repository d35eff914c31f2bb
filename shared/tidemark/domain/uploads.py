"""Uploads: one submission of mutations, from its acceptance until every row has an outcome."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tidemark.domain.errors import RowError


class UploadStatus(StrEnum):
    """Where an upload stands (R29)."""

    PENDING = "PENDING"
    """Accepted; some of its windows are not applied yet."""
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
    status: UploadStatus
    actor: str
    accepted_at: datetime
    settled_at: datetime | None = None
    version: int | None = None
    """The first version that is sure to contain it; None until it settles."""
    rows: int
    rejected: int
    """Rows refused on arrival."""
    applied: int = 0
    dropped: int = 0
    """Rows that hit nothing, MODIFY or DELETE of an unknown frame (R17, R18), or gave way to a later upload."""
    failed: int = 0
    """Accepted rows that could not be applied."""
    labels: int
    """Labels carried by the accepted rows."""
    windows: int
    windows_settled: int = 0


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


MAX_RECEIPT_ERRORS = 100


def settled_status(*, rejected: int, applied: int, dropped: int, failed: int) -> UploadStatus:
    """The status of an upload whose rows all have an outcome (R21)."""
    if rejected + failed == 0:
        return UploadStatus.SETTLED
    return UploadStatus.PARTIAL if applied + dropped else UploadStatus.FAILED
