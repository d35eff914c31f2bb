"""Records of rejected files, for the operator: files in the drop folder that no dataset accepted."""

import uuid

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key
from tidemark.domain.upload_files import RejectedFile

REJECTED = "REJECTED"
"""Partition key of all rejected files' records, which are sorted by time of rejection."""


def record(backend: Backend, rejected: RejectedFile) -> None:
    """Stores the record of a rejected file."""
    # The sort key contains no file name, because cursors expose sort keys to users who may not see the file.
    key = Key(REJECTED, f"{rejected.at.isoformat()}-{uuid.uuid4().hex[:16]}")
    table.put_new(backend, key, {"rejected": rejected.model_dump_json()})


def newest(backend: Backend, before: str | None, limit: int) -> tuple[list[RejectedFile], str | None]:
    """Returns a page of up to `limit` rejected files, newest first, and the `before` of the next page.

    `before` is the exclusive upper bound of the page's sort keys. It is None for the first page, and the returned value
    is None after the last page.
    """
    high = "~" if before is None else before
    items, stopped = table.query(backend, REJECTED, " ", high, forward=False, limit=limit + 1)
    page = [item for item in items if item["SK"] != before][:limit]
    following = page[-1]["SK"] if page and (stopped or len(items) > limit) else None
    return [RejectedFile.model_validate_json(item["rejected"]) for item in page], following
