"""Records of files in the drop folder that no dataset could take, for the operator."""

import uuid

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key
from tidemark.domain.upload_files import RejectedFile

REJECTED = "REJECTED"
"""The partition of all rejected files, by the time of their rejection."""


def record(backend: Backend, rejected: RejectedFile) -> None:
    """Stores the record of a rejected file."""
    # The key holds nothing of the file's name, because cursors expose it to users who may not see the file.
    key = Key(REJECTED, f"{rejected.at.isoformat()}-{uuid.uuid4().hex[:16]}")
    table.put_new(backend, key, {"rejected": rejected.model_dump_json()})


def newest(backend: Backend, before: str | None, limit: int) -> tuple[list[RejectedFile], str | None]:
    """Returns up to `limit` rejected files, newest first, from the first before `before`.

    Also returns the `before` of the next page, or None at the end of the list.
    """
    high = "~" if before is None else before
    items, stopped = table.query(backend, REJECTED, " ", high, forward=False, limit=limit + 1)
    page = [item for item in items if item["SK"] != before][:limit]
    following = page[-1]["SK"] if page and (stopped or len(items) > limit) else None
    return [RejectedFile.model_validate_json(item["rejected"]) for item in page], following
