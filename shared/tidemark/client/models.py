"""Responses of the API as models: how they are parsed, and the models that the domain does not have."""

from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tidemark.domain import exports

Json = dict[str, Any]
M = TypeVar("M", bound=BaseModel)

MAX_FIELDS_SHOWN = 3
"""Fields that the message of UnexpectedResponse names: enough to tell a wrong program from a wrong value."""


class UnexpectedResponse(Exception):
    """A response that does not have the fields that this version of the client reads."""


def parse(model: type[M], response: object) -> M:
    """Returns a response as a model. Raises UnexpectedResponse if it does not fit.

    Fields that the model does not have are ignored, also by models that forbid them in requests: a newer API may return
    more.
    """
    try:
        return model.model_validate(response, extra="ignore")
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)[:MAX_FIELDS_SHOWN]
        fields = "; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in details)
        message = f"The API's response is not understood; is this version of tidemark too old? {fields}"
        raise UnexpectedResponse(message) from error


class ResponseModel(BaseModel):
    """A response, or a part of one, that only the client has a model of."""

    model_config = ConfigDict(frozen=True)


class ProblemDetail(ResponseModel):
    """One error in a request."""

    detail: str = ""
    pointer: str | None = None
    parameter: str | None = None


class Problem(ResponseModel):
    """Why a request was refused: a problem document (RFC 9457), or the gateway's own `message`."""

    code: str = ""
    detail: str = ""
    message: str = ""
    request_id: str = ""
    errors: list[ProblemDetail] = []
    upload: str | None = None
    """The upload that records the refused mutations, if every one of them was invalid."""


class Continued(ResponseModel):
    """A response that may continue in another one. `cursor` is always given; it is null in the last response."""

    cursor: str | None


class JsonPage(Continued):
    """A page of a list whose items are not parsed yet, so that they can be printed as they came."""

    items: list[Json]


class FrameAt(ResponseModel):
    """A frame as of a version, and its last change. The service holds `frame` as bytes, so its model is another one."""

    version: int
    upload: str
    actor: str
    at: datetime
    frame: Json


class FrameBatch(ResponseModel):
    """Frames read by their ids, as they came."""

    version: int
    items: list[Json]
    missing: list[str]
    """Ids that the version does not have."""
    unread: list[str]
    """Ids that there was no room for in this response."""


class ExportFile(exports.ExportFile):
    """A file of an export whose name is safe to create: it has no separator, so it leads to no other folder."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
