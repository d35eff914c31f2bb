"""Parsing of API responses, and the response models that `domain` does not define."""

from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tidemark.domain import exports

Json = dict[str, Any]
M = TypeVar("M", bound=BaseModel)

MAX_FIELDS_SHOWN = 3
"""Most invalid fields that an UnexpectedResponse names: enough to distinguish a wrong server from a wrong value."""


class UnexpectedResponse(Exception):
    """Raised when a response lacks fields that this version of the client reads, or has invalid values in them."""


def parse(model: type[M], response: object) -> M:
    """Parses a response as a model. Raises UnexpectedResponse if a field is missing or invalid.

    Ignores unknown fields, because a newer API may return more. This also holds for models that forbid unknown fields
    in requests. A new value of an enumeration, such as a status that this version does not know, is invalid.
    """
    try:
        return model.model_validate(response, extra="ignore")
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)[:MAX_FIELDS_SHOWN]
        fields = "; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in details)
        message = f"The API's response is not understood; is this version of tidemark too old? {fields}"
        raise UnexpectedResponse(message) from error


class ResponseModel(BaseModel):
    """Base of the models that only the client has: responses and parts of responses."""

    model_config = ConfigDict(frozen=True)


class ProblemDetail(ResponseModel):
    """One of the errors in a request, with its location in the body or the parameters."""

    detail: str = ""
    pointer: str | None = None
    parameter: str | None = None


class Problem(ResponseModel):
    """Why a request was refused: the API's problem document (RFC 9457), or API Gateway's own `message`."""

    code: str = ""
    detail: str = ""
    message: str = ""
    request_id: str = ""
    errors: list[ProblemDetail] = []
    upload: str | None = None
    """Id of the upload that records the rejected mutations, if all mutations in the request were invalid."""


class Continued(ResponseModel):
    """A response that may continue in the next one. `cursor` is required, and null in the last response."""

    cursor: str | None


class JsonPage(Continued):
    """A page of a list whose items are plain JSON, so that they can be printed unchanged."""

    items: list[Json]


class FrameAt(ResponseModel):
    """A frame as of a version, and its last change. The service has a model of its own, with `frame` as bytes."""

    version: int
    upload: str
    actor: str
    at: datetime
    frame: Json


class FrameBatch(ResponseModel):
    """The response to a request for frames by id. Its items are plain JSON."""

    version: int
    items: list[Json]
    missing: list[str]
    """Ids of requested frames that do not exist in the version."""
    unread: list[str]
    """Ids of requested frames that did not fit in this response."""


class ExportFile(exports.ExportFile):
    """A file of an export. Its name has no path separator, so a download cannot leave the target folder."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
