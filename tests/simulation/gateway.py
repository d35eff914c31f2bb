"""The API as a client sees it, with the part of API Gateway played here: events as HTTP APIs make them."""

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
    """What Lambda tells a function about its invocation."""

    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "api"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda gives up on the invocation."""
        return 10_000


@dataclass(frozen=True)
class Answer:
    """What comes back."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.text)


@dataclass(frozen=True)
class Client:
    """Someone with an API key, or without one."""

    grant: Grant | None = field(default_factory=lambda: Grant(name="ann", role=Role.ADMIN, projects=None))
    decodes_paths: bool = True
    """Whether the gateway decodes the path before it passes it on, as HTTP APIs do."""

    def get(self, path: str, **headers: str) -> Answer:
        """GET a path, with its query."""
        return self.send("GET", path, headers=headers)

    def post(self, path: str, document: Any, **headers: str) -> Answer:
        """POST a document as JSON."""
        return self.send("POST", path, json.dumps(document).encode(), {"content-type": "application/json"} | headers)

    def put(self, path: str, document: Any, **headers: str) -> Answer:
        """PUT a document as JSON."""
        return self.send("PUT", path, json.dumps(document).encode(), {"content-type": "application/json"} | headers)

    def patch(self, path: str, document: Any, **headers: str) -> Answer:
        """PATCH what is at a path by a document as JSON."""
        return self.send("PATCH", path, json.dumps(document).encode(), {"content-type": "application/json"} | headers)

    def delete(self, path: str, document: Any = None, **headers: str) -> Answer:
        """DELETE what is at a path; a document is sent only to be refused."""
        body = json.dumps(document).encode() if document else None
        return self.send("DELETE", path, body, {"content-type": "application/json"} | headers)

    def send(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """Send a request; `path` is below the API's base, percent-encoded, perhaps with a query."""
        event = self.event(method, path, body, {name.replace("_", "-"): v for name, v in (headers or {}).items()})
        answer = handler.handler(event, Context())
        text = base64.b64decode(answer["body"]).decode() if answer["isBase64Encoded"] else answer["body"]
        return Answer(answer["statusCode"], dict(answer.get("headers", {})), text)

    def event(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> dict[str, Any]:
        """The event of payload format 2.0."""
        raw_path, _, query = path.partition("?")
        seen = BASE + (urllib.parse.unquote(raw_path) if self.decodes_paths else raw_path)
        parameters = urllib.parse.parse_qs(query, keep_blank_values=True)
        authorizer = {"grant": self.grant.model_dump_json()} if self.grant else {}
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": seen,
            "rawQueryString": query,
            "headers": headers,
            "requestContext": {
                "http": {"method": method, "path": seen, "sourceIp": "192.0.2.1"},
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


def _body(body: bytes) -> dict[str, Any]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
