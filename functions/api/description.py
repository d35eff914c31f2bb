"""The API's own description: serves the OpenAPI document, which is generated when a process is first asked for it."""

import json
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.event_handler import Response

from functions.api.http.access import PUBLIC, allow
from functions.api.http.request_body import JSON_TYPE
from functions.api.http.router import Router

if TYPE_CHECKING:
    from functions.api.http.resolver import Resolver

router = Router()


@router.get("/openapi.json", operation_id="getDescription", summary="Read the OpenAPI document", tags=["description"])
@allow(PUBLIC)
def get_description() -> Response[Any]:
    """Returns this document. No API key is needed."""
    return Response(200, content_type=JSON_TYPE, body=_serialized(cast("Resolver", router.api_resolver)))


@cache
def _serialized(resolver: "Resolver") -> str:
    from functions.api.openapi import describe  # noqa: PLC0415 - see there

    return json.dumps(describe(resolver), separators=(",", ":"))
