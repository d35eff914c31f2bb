"""Refusals a user can act on, and the record of a row that failed.

A refusal names what is wrong in the user's terms; the HTTP function alone decides which status it becomes.
"""

from pydantic import BaseModel, ConfigDict


class TidemarkError(Exception):
    """A request that is refused.

    `code` is stable and machine-readable; `pointer` is the JSON pointer of the offending part of the body (empty for
    the whole) or the name of the parameter, where there is one; `fault` is the code of what is wrong there, where the
    refusal's own says less.
    """

    code = "refused"

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
    """The request can never succeed as it stands."""

    code = "invalid_request"


class Forbidden(TidemarkError):
    """The key is good, but its role or its list of projects does not cover the request."""

    code = "forbidden"


class NotFound(TidemarkError):
    """The thing named does not exist (at the version read)."""

    code = "not_found"


class Conflict(TidemarkError):
    """The request contradicts what is already there."""

    code = "conflict"


class TooLarge(TidemarkError):
    """The request is larger than a documented limit."""

    code = "too_large"


class IdempotencyMismatch(TidemarkError):
    """An Idempotency-Key was used before with another body."""

    code = "idempotency_key_reused"


class TooManyInFlight(TidemarkError):
    """A dataset has so much on its way that it takes no more at this moment; the same request may be sent later."""

    code = "too_many_rows_in_flight"


class Unavailable(TidemarkError):
    """A dependency did not answer in time; the same request may be sent again."""

    code = "unavailable"


class RowError(BaseModel):
    """Why one row of an upload was not applied (R21, R30). The other rows are not touched by it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: int
    """Position of the row in its request, from 0."""
    frame_id: str | None
    """The frame that the row names, or None where the row does not name one."""
    code: str
    """Stable and machine-readable, such as `unknown_class`."""
    pointer: str
    """JSON pointer into the row, such as `/frame/labels/0/width`; empty for the row as a whole."""
    message: str
    """What is wrong and what to do, for a person."""
