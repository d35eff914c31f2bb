"""The response to a write."""

from typing import Any, NamedTuple

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

from functions.api.http.request_body import JSON_TYPE


class WriteResponse(NamedTuple):
    """A write's status, its JSON body, and the path of the resource to read next."""

    status: int
    body: str
    location: str | None = None

    @classmethod
    def of(cls, model: BaseModel, *, status: int, location: str | None = None) -> "WriteResponse":
        """Makes the response with `model` as its body."""
        return cls(status, model.model_dump_json(by_alias=True), location)

    def to_http(self) -> Response[Any]:
        """Makes the HTTP response."""
        headers = {"Location": self.location} if self.location else {}
        return Response(self.status, content_type=JSON_TYPE, body=self.body.encode(), headers=headers)
