"""Where the emulator's API Gateway and SQS differ from AWS in what a client can see, brought in line with it."""

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from ministack import app as emulator
from ministack.services import apigateway, lambda_svc

from infra.local.execution import ENVIRONMENTS_PER_FUNCTION, TOO_LARGE

MAX_BODY = 10 * 1024 * 1024
"""Bytes of a request's body that API Gateway accepts."""

Response = tuple[int, dict[str, str], bytes]
Scope = dict[str, Any]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]

_JSON = {"Content-Type": "application/json"}
_REQUEST_TOO_LARGE = json.dumps({"message": "Request Entity Too Large"})
_FAILED = json.dumps({"message": "Internal Server Error"})


def _limit_bodies() -> None:
    """A body above 10 MB is answered by the gateway and reaches no function."""
    execute = apigateway.handle_execute

    async def limited(
        api_id: str, stage: str, path: str, method: str, headers: dict[str, str], body: bytes, *rest: Any, **named: Any
    ) -> Response:
        if len(body) > MAX_BODY:
            return 413, dict(_JSON), _REQUEST_TOO_LARGE.encode()
        response: Response = await execute(api_id, stage, path, method, headers, body, *rest, **named)
        return response

    apigateway.handle_execute = limited


def _keep_bytes() -> None:
    """A body that is not UTF-8 reaches its function in base64, whatever type it claims to be of."""
    invoke = apigateway._invoke_lambda_proxy
    is_text = apigateway._v2_request_body_is_text
    is_utf8 = ContextVar("is_utf8", default=True)

    async def invoked(
        integration: Any,
        api_id: str,
        stage: str,
        path: str,
        method: str,
        headers: Any,
        body: bytes,
        *rest: Any,
        **named: Any,
    ) -> Response:
        is_utf8.set(_is_utf8(body))
        response: Response = await invoke(integration, api_id, stage, path, method, headers, body, *rest, **named)
        return response

    apigateway._invoke_lambda_proxy = invoked
    apigateway._v2_request_body_is_text = lambda content_type: is_utf8.get() and is_text(content_type)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _hide_function_errors() -> None:
    """A function that fails is a 500 without its words; an event too large for Lambda is a 413."""
    shape = lambda_svc.lambda_execute_result_to_api_proxy_response

    def shaped(result: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
        if result.get("error"):
            too_large = result["body"].get("errorType") == TOO_LARGE
            status, body = (413, _REQUEST_TOO_LARGE) if too_large else (500, _FAILED)
            return {"statusCode": status, "headers": dict(_JSON), "body": body}, None
        response: tuple[dict[str, Any] | None, str | None] = shape(result)
        return response

    lambda_svc.lambda_execute_result_to_api_proxy_response = shaped


def _run_message_groups_in_parallel() -> None:
    """Several batches of a FIFO queue at once. Order holds: a group with a message in flight is not received from."""

    def concurrency(mapping: dict[str, Any], *_: object) -> int:
        limit: int = mapping.get("ScalingConfig", {}).get("MaximumConcurrency", ENVIRONMENTS_PER_FUNCTION)
        return min(limit, ENVIRONMENTS_PER_FUNCTION)

    lambda_svc._sqs_esm_concurrency = concurrency


def _at_api(scope: Scope) -> Scope:
    """A request for `/api/…` as one to the only HTTP API that is deployed, as if the host name were the API's own."""
    apis = [name for (_account, _region, name) in apigateway._apis._data]
    if not scope["path"].startswith("/api/") or len(apis) != 1:
        return scope
    prefix = f"/_aws/execute-api/{apis[0]}/$default"
    raw_path = prefix.encode() + scope["raw_path"]
    return {**scope, "path": prefix + scope["path"], "raw_path": raw_path}


def _serve_api_at_root() -> None:
    """Serve the API where its links point, and count requests as made over TLS.

    The second is for policies that deny anything else, so that they can be enforced as they are written.
    """
    serve: Asgi = emulator.app

    async def adapted(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = _at_api({**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]})
        await serve(scope, receive, send)

    emulator.app = adapted


def adapt() -> None:
    """Bring the emulator's gateway and queue polling in line with AWS."""
    _limit_bodies()
    _keep_bytes()
    _hide_function_errors()
    _run_message_groups_in_parallel()
    _serve_api_at_root()
