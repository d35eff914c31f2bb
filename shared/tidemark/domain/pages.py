"""Lists in pages, and the cursors that continue them."""

import base64
import binascii
import json
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from tidemark.domain.errors import InvalidRequest
from tidemark.domain.limits import MAX_ID_BYTES

T = TypeVar("T")

MAX_CURSOR = 4096
MAX_NUMBER = 10**12


class Page(BaseModel, Generic[T]):
    """Some items of a list, and the cursor that continues it; None at the end."""

    model_config = ConfigDict(frozen=True)

    items: list[T]
    cursor: str | None = None


def encode_cursor(scope: str, *position: str | int) -> str:
    """A cursor that continues the list named `scope` after `position`. It is opaque, not secret: it grants nothing."""
    packed = json.dumps([scope, *position], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def decode_cursor(scope: str, cursor: str, *kinds: type[str] | type[int]) -> list[str | int]:
    """The position in a cursor that `encode_cursor` made for the same `scope`.

    `kinds` are the types of the position's parts. Raises InvalidRequest for a cursor that is not ours
    (`malformed_cursor`) or that belongs to another list (`foreign_cursor`).
    """
    malformed = InvalidRequest(
        "The cursor is not one that this service gave out; start again without it.",
        code="malformed_cursor",
        pointer="cursor",
    )
    if len(cursor) > MAX_CURSOR:
        raise malformed
    try:
        parts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise malformed from None
    if not isinstance(parts, list) or not parts:
        raise malformed
    seen_scope, *position = parts
    if seen_scope != scope:
        raise InvalidRequest(
            "The cursor belongs to another list; use it only with the dataset, the version and the list "
            "that it came from.",
            code="foreign_cursor",
            pointer="cursor",
        )
    if [type(part) for part in position] != list(kinds) or not all(map(_possible, position)):
        raise malformed
    return position


def _possible(part: str | int) -> bool:
    """Whether a list can have given out this part: a cursor may have been made up, and goes into keys, whose room is
    counted in bytes. Its texts are ids, names and times."""
    if isinstance(part, int):
        return 0 <= part < MAX_NUMBER
    return part.isprintable() and 0 < len(part.encode()) <= MAX_ID_BYTES


class Archived(StrEnum):
    """Which datasets, or checkpoints, a list has."""

    NO = "false"
    """Those that are not archived."""
    YES = "true"
    """Those that are."""
    ALL = "all"

    def takes(self, archived_at: datetime | None) -> bool:
        """Whether a list has what is archived since `archived_at`, or not at all."""
        return self is Archived.ALL or (archived_at is not None) == (self is Archived.YES)
