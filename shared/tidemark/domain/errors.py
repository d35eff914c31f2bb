"""Errors that users can act on, and the record of a row that failed.

An error says what is wrong in the user's terms. Only the HTTP function decides which status code an error becomes.
"""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict


class TidemarkError(Exception):
    """Raised when a request is refused.

    `code` is stable and machine-readable. `pointer` is the JSON pointer to the invalid part of the request body (empty
    for the whole body), or the name of the invalid parameter; None if neither applies. `fault` is a more specific code
    for that part, if `code` alone says less.
    """

    code = "refused"
    is_transient = False
    """Whether the same work may succeed later without any change to it."""

    def __init__(
        self, message: str, *, code: str | None = None, pointer: str | None = None, fault: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.pointer = pointer
        self.fault = fault
        if code is not None:
            self.code = code


class InvalidRequest(TidemarkError):
    """Raised when a request can never succeed as it is."""

    code = "invalid_request"


class Forbidden(TidemarkError):
    """Raised when the role or the projects of a valid API key or OIDC token do not cover the request."""

    code = "forbidden"


class NotFound(TidemarkError):
    """Raised when something that the request names does not exist, or does not exist in the version read."""

    code = "not_found"


class Conflict(TidemarkError):
    """Raised when a request contradicts the current state of what it names."""

    code = "conflict"


class TooLarge(TidemarkError):
    """Raised when a request exceeds a documented limit."""

    code = "too_large"


class IdempotencyMismatch(TidemarkError):
    """Raised when an idempotency key was used before with a different request body."""

    code = "idempotency_key_reused"


class TooManyInFlight(TidemarkError):
    """Raised when a dataset has too many undecided rows or windows to accept more. The request may succeed later."""

    code = "too_many_rows_in_flight"


class Unavailable(TidemarkError):
    """Raised when a request cannot be completed in time, such as when AWS does not respond. The same request can be
    sent again."""

    code = "unavailable"
    is_transient = True


class RowError(BaseModel):
    """An error because of which one row of an upload was not applied (R21, R30). Other rows are not affected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: int
    """Position of the row in its request, from 0; for a row of a file, its line number, from 1."""
    frame_id: str | None
    """Id of the frame that the row names; None if the row names no frame."""
    code: str
    """Stable, machine-readable code, such as `unknown_class`."""
    pointer: str
    """JSON pointer to the invalid part of the row, such as `/frame/labels/0/width`; empty for the row as a whole."""
    message: str
    """What is wrong and what to do, as a sentence for people."""


def listed(names: Sequence[str], most: int) -> str:
    """Returns the first `most` of the names, separated by commas, and how many more there are, for an error message."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
