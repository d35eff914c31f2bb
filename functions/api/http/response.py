"""The response to a write, in a form that can be stored for repeats of the request."""

from typing import Any, NamedTuple

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

from functions.api.http.request_body import JSON_TYPE


class WriteResponse(NamedTuple):
    """The response to a write: HTTP status, JSON body, and the URL path of the resource to read next."""

    status: int
    body: str
    location: str | None = None

    @classmethod
    def of(cls, model: BaseModel, *, status: int, location: str | None = None) -> "WriteResponse":
        """Returns a response whose body is `model`, serialized as JSON."""
        return cls(status, model.model_dump_json(by_alias=True), location)

    def to_http(self) -> Response[Any]:
        """Returns the HTTP response, with a `Location` header if there is a resource to read next."""
        headers = {"Location": self.location} if self.location else {}
        return Response(self.status, content_type=JSON_TYPE, body=self.body.encode(), headers=headers)
