"""API Gateway in this process: turns a client's request into an HTTP API event and calls the API's handler."""

import base64
import json
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from functions.api import handler
from tidemark.domain.api_keys import Grant, Role

BASE = "/api/v2"
REQUEST_ID = "request-1"


class Context:
    """The Lambda context of an invocation."""

    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "api"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation times out."""
        return 10_000


@dataclass(frozen=True)
class Answer:
    """A response of the API."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        """Parses the body as JSON."""
        return json.loads(self.text)


@dataclass(frozen=True)
class Client:
    """A caller with the grant of an API key; None for a caller without one."""

    grant: Grant | None = field(default_factory=lambda: Grant(name="ann", role=Role.ADMIN, projects=None))
    decodes_paths: bool = True
    """Whether the gateway decodes the path before it calls the handler, as HTTP APIs do."""

    def get(self, path: str, **headers: str) -> Answer:
        """Sends a GET. `path` may have a query."""
        return self.send("GET", path, headers=headers)

    def post(self, path: str, document: Any, **headers: str) -> Answer:
        """Sends a POST of a JSON document."""
        return self.send("POST", path, json.dumps(document).encode(), {"content-type": "application/json"} | headers)

    def put(self, path: str, document: Any, **headers: str) -> Answer:
        """Sends a PUT of a JSON document."""
        return self.send("PUT", path, json.dumps(document).encode(), {"content-type": "application/json"} | headers)

    def patch(self, path: str, document: Any, **headers: str) -> Answer:
        """Sends a PATCH of a JSON document."""
        return self.send("PATCH", path, json.dumps(document).encode(), {"content-type": "application/json"} | headers)

    def delete(self, path: str, document: Any = None, **headers: str) -> Answer:
        """Sends a DELETE. A document serves only to test that it is refused."""
        body = json.dumps(document).encode() if document else None
        return self.send("DELETE", path, body, {"content-type": "application/json"} | headers)

    def send(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """Sends a request. `path` is relative to the API's base, percent-encoded, and may have a query."""
        event = self.event(method, path, body, {name.replace("_", "-"): v for name, v in (headers or {}).items()})
        return answer_of(handler.handler(event, Context()))

    def event(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> dict[str, Any]:
        """Returns a request as an event of payload format 2.0."""
        raw_path, _, query = path.partition("?")
        event_path = BASE + (urllib.parse.unquote(raw_path) if self.decodes_paths else raw_path)
        parameters = urllib.parse.parse_qs(query, keep_blank_values=True)
        authorizer = {"grant": self.grant.model_dump_json()} if self.grant else {}
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": event_path,
            "rawQueryString": query,
            "headers": headers,
            "requestContext": {
                "http": {"method": method, "path": event_path, "sourceIp": "192.0.2.1"},
                "requestId": REQUEST_ID,
                "stage": "$default",
                "authorizer": {"lambda": authorizer},
            },
            "isBase64Encoded": False,
        }
        if parameters:
            event["queryStringParameters"] = {name: ",".join(values) for name, values in parameters.items()}
        if body is not None:
            event |= _body(body)
        return event


def answer_of(result: dict[str, Any]) -> Answer:
    """Returns the response that a handler's result stands for."""
    text = base64.b64decode(result["body"]).decode() if result["isBase64Encoded"] else result["body"]
    return Answer(result["statusCode"], dict(result.get("headers", {})), text)


def _body(body: bytes) -> dict[str, Any]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
