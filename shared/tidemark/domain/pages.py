"""Paging of lists: pages, the cursors that continue them, and the filter for archived items."""

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

MAX_CURSOR_CHARACTERS = 4096
"""Most characters of a cursor. A cursor with several ids of `MAX_ID_BYTES` is far shorter."""
MAX_CURSOR_NUMBER = 10**12
"""Exclusive upper bound of the numbers in a cursor. No row, version or commit number comes near it."""


class Page(BaseModel, Generic[T]):
    """A page of a list: some of the list's items, and the cursor of the next page (None on the last page)."""

    model_config = ConfigDict(frozen=True)

    items: list[T]
    cursor: str | None = None


def encode_cursor(scope: str, *position: str | int) -> str:
    """Returns a cursor that continues the list named `scope` after `position`. The cursor is opaque but not secret, and
    it grants no access."""
    content = json.dumps([scope, *position], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def decode_cursor(scope: str, cursor: str, *types: type[str] | type[int]) -> list[str | int]:
    """Returns the position in a cursor that `encode_cursor` made for the same `scope`.

    `types` are the expected types of the position's values. Raises InvalidRequest for a cursor that this service did
    not issue (`malformed_cursor`) or that belongs to another list (`foreign_cursor`).
    """
    malformed = InvalidRequest(
        "This service did not issue the cursor. Start again without it.",
        code="malformed_cursor",
        pointer="cursor",
    )
    if len(cursor) > MAX_CURSOR_CHARACTERS:
        raise malformed
    try:
        content = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise malformed from None
    if not isinstance(content, list) or not content:
        raise malformed
    cursor_scope, *position = content
    if cursor_scope != scope:
        raise InvalidRequest(
            "The cursor belongs to another list. Use it only with the dataset, the version and the list "
            "that it came from.",
            code="foreign_cursor",
            pointer="cursor",
        )
    if [type(value) for value in position] != list(types) or not all(map(_is_plausible, position)):
        raise malformed
    return position


def _is_plausible(value: str | int) -> bool:
    """Returns whether a cursor that a list issued can hold this value. Such cursors hold ids, names, times and counts.
    Without this check, a forged cursor could put any text into a DynamoDB sort key, whose length in bytes is limited.
    """
    if isinstance(value, int):
        return 0 <= value < MAX_CURSOR_NUMBER
    return value.isprintable() and 0 < len(value.encode()) <= MAX_ID_BYTES


class Archived(StrEnum):
    """Filter of a list of datasets or checkpoints: whether the list includes archived items."""

    NO = "false"
    """The list includes only items that are not archived."""
    YES = "true"
    """The list includes only archived items."""
    ALL = "all"
    """The list includes all items, archived or not."""

    def takes(self, archived_at: datetime | None) -> bool:
        """Returns whether the list includes an item. `archived_at` is when the item was archived; None if it is not
        archived."""
        return self is Archived.ALL or (archived_at is not None) == (self is Archived.YES)
