"""Patches the emulator's API Gateway where its clients would notice a difference from AWS."""

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from ministack import app as emulator
from ministack.services import apigateway, lambda_svc

from infra.local.patch_lambda import TOO_LARGE

MAX_BODY = 10 * 1024 * 1024
"""Most bytes that API Gateway accepts in a request's body."""

Response = tuple[int, dict[str, str], bytes]
Scope = dict[str, Any]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]

_JSON = {"Content-Type": "application/json"}
_REQUEST_TOO_LARGE = json.dumps({"message": "Request Entity Too Large"})
_FAILED = json.dumps({"message": "Internal Server Error"})


def _limit_bodies() -> None:
    """Makes the emulator refuse a body above `MAX_BODY` with a 413, before the body reaches a function."""
    execute = apigateway.handle_execute

    async def execute_within_limit(
        api_id: str, stage: str, path: str, method: str, headers: dict[str, str], body: bytes, *args: Any, **kwargs: Any
    ) -> Response:
        if len(body) > MAX_BODY:
            return 413, dict(_JSON), _REQUEST_TOO_LARGE.encode()
        response: Response = await execute(api_id, stage, path, method, headers, body, *args, **kwargs)
        return response

    apigateway.handle_execute = execute_within_limit


def _encode_binary_bodies() -> None:
    """Makes the emulator pass a body that is not UTF-8 to the function in base64, whatever its content type."""
    invoke = apigateway._invoke_lambda_proxy
    is_text = apigateway._v2_request_body_is_text
    is_utf8 = ContextVar("is_utf8", default=True)

    async def invoke_with_encoding(
        integration: Any,
        api_id: str,
        stage: str,
        path: str,
        method: str,
        headers: Any,
        body: bytes,
        *args: Any,
        **kwargs: Any,
    ) -> Response:
        is_utf8.set(_is_utf8(body))
        response: Response = await invoke(integration, api_id, stage, path, method, headers, body, *args, **kwargs)
        return response

    apigateway._invoke_lambda_proxy = invoke_with_encoding
    apigateway._v2_request_body_is_text = lambda content_type: is_utf8.get() and is_text(content_type)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _hide_function_errors() -> None:
    """Makes the emulator return a 500 without details if a function fails, and a 413 if its event is too large."""
    to_response = lambda_svc.lambda_execute_result_to_api_proxy_response

    def to_response_without_details(result: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
        if result.get("error"):
            too_large = result["body"].get("errorType") == TOO_LARGE
            status, body = (413, _REQUEST_TOO_LARGE) if too_large else (500, _FAILED)
            return {"statusCode": status, "headers": dict(_JSON), "body": body}, None
        response: tuple[dict[str, Any] | None, str | None] = to_response(result)
        return response

    lambda_svc.lambda_execute_result_to_api_proxy_response = to_response_without_details


def _route_to_api(scope: Scope) -> Scope:
    """Returns the ASGI scope of a request, routed to the only HTTP API that is deployed if its URL path is `/api/…`.

    The request is then handled as if it had been sent to the API's own host.
    """
    apis = [name for (_account, _region, name) in apigateway._apis._data]
    if not scope["path"].startswith("/api/") or len(apis) != 1:
        return scope
    prefix = f"/_aws/execute-api/{apis[0]}/$default"
    raw_path = prefix.encode() + scope["raw_path"]
    return {**scope, "path": prefix + scope["path"], "raw_path": raw_path}


def _serve_api_at_root() -> None:
    """Makes the emulator serve the API at `/api/…`, as the API's links expect, and mark every request as sent over TLS.

    Policies that deny requests without TLS can then be enforced as they are written.
    """
    serve: Asgi = emulator.app

    async def serve_at_root(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = _route_to_api({**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]})
        await serve(scope, receive, send)

    emulator.app = serve_at_root


def apply() -> None:
    """Makes the emulator's API Gateway respond as AWS's does."""
    _limit_bodies()
    _encode_binary_bodies()
    _hide_function_errors()
    _serve_api_at_root()
