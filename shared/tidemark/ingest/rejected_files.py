"""Files in the drop folder that belonged to no dataset, on record for the operator."""

import uuid

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key
from tidemark.domain.upload_files import RejectedFile

REJECTED = "REJECTED"
"""The partition of all such files, by the time at which they came."""


def record(backend: Backend, rejected: RejectedFile) -> None:
    """Put a file on record."""
    # Nothing of the file's name: a cursor holds this key, also that of one who may not see the file.
    key = Key(REJECTED, f"{rejected.at.isoformat()}-{uuid.uuid4().hex[:16]}")
    table.put_new(backend, key, {"rejected": rejected.model_dump_json()})


def newest(backend: Backend, before: str | None, limit: int) -> tuple[list[RejectedFile], str | None]:
    """Up to `limit` files, newest first, from the one before `before`; and where the list goes on, if it does."""
    high = "~" if before is None else before
    items, stopped = table.query(backend, REJECTED, " ", high, forward=False, limit=limit + 1)
    found = [item for item in items if item["SK"] != before][:limit]
    more = found[-1]["SK"] if found and (stopped or len(items) > limit) else None
    return [RejectedFile.model_validate_json(item["rejected"]) for item in found], more
