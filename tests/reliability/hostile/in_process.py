"""The API in this process as a WSGI application, behind `tests.simulation.gateway`."""

import base64
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from functions.api import handler
from tests.simulation.gateway import BASE, Client, Context

Start = Callable[[str, list[tuple[str, str]]], object]


def application(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """Handles a request with the grant of an admin key, or without a grant if it has no key."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name == "CONTENT_TYPE" and value)
    }
    length = int(environ.get("CONTENT_LENGTH") or 0)
    path = quote(environ["PATH_INFO"].encode("latin-1").decode(errors="replace")).removeprefix(BASE)
    query = environ.get("QUERY_STRING", "")
    client = Client() if {"x-api-key", "authorization"} & headers.keys() else Client(None)
    body = environ["wsgi.input"].read(length) if length else None
    event = client.event(environ["REQUEST_METHOD"], f"{path}?{query}" if query else path, body, headers)
    answer = handler.handler(event, Context())
    content = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else (answer["body"] or "").encode()
    start(f"{answer['statusCode']} {HTTPStatus(answer['statusCode']).phrase}", list(answer["headers"].items()))
    return [content]
