"""The API's description of itself (OpenAPI 3.1): made from the routes and the models, once in a process.

Powertools describes parameters, bodies and good answers. What it cannot know is added here: the refusals that each
route may answer with, its role, the headers of its answers, and the mutations, whose body it never parses.
"""

import inspect
import json
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Route
from aws_lambda_powertools.event_handler.openapi.models import APIKey, APIKeyIn, HTTPBearer, License, Server
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from functions.api.http import problem, request_body
from functions.api.http.access import PUBLIC, allow, role_of
from functions.api.http.parameters import IDEMPOTENCY_KEY
from functions.api.http.problem import Problem, UploadProblem
from functions.api.http.router import Routes
from functions.api.resources.mutations import MUTATION_EXAMPLES, NewMutations

if TYPE_CHECKING:
    from functions.api.http.resolver import Resolver

SCHEMAS = "#/components/schemas/"
DESCRIPTION = """\
Versioned datasets for machine learning: frames and their labels are added, changed and deleted all the time, and every
earlier state stays readable.

Writes take JSON of at most 4 MiB, without `Content-Encoding`. Lists come in pages: `cursor` of one page asks for the
next, and is null on the last. Every error is a problem document (RFC 9457) with a stable `code`, but for those of the
gateway itself: 403 for a key or token that is not good, 413 for a body above 10 MB, 429 where all together send too
many requests.
"""
TAGS = [
    "projects",
    "class map",
    "datasets",
    "mutations",
    "frames",
    "history",
    "versions",
    "checkpoints",
    "exports",
    "uploads",
    "assets",
    "description",
]

REFUSALS = {
    400: "The body is not JSON.",
    401: "The request carries no API key, and no token.",
    403: "The API key or token is not good, not for this project, or its role is too low.",
    404: "Something that the path or the version names does not exist.",
    409: "The request contradicts what is there, or the first request with its Idempotency-Key is still running.",
    413: "The body, or what it lists, is larger than the limit.",
    415: "The body is not `application/json`, or it is encoded.",
    422: "A parameter or a part of the body is not valid; `errors` says which.",
    429: "The API key sends too many requests, or the dataset has too many rows in flight; send the same request again "
    "after `Retry-After` seconds.",
    500: "A fault of the service; its logs know the request by `request_id`.",
    503: "The service is busy; send the same request again after `Retry-After` seconds.",
}
WITH_BODY = (400, 413, 415)
GATEWAYS_OWN = frozenset({403, 413, 429, 500, 503})
"""Statuses with which the gateway answers by itself too, where no function has seen the request or one has failed."""
CONTRADICTING = frozenset({"unarchiveDataset", "getCheckpointStatistics", "createExport", "listExportFiles"})
"""Other operations that what is there may forbid, or what is not written yet."""

router = Routes()


class GatewayRefusal(BaseModel):
    """An answer of the gateway's own: to an unknown key, to too much at once, or where a function failed."""

    message: str = Field(description="A word or two.", examples=["Forbidden"])


@router.get("/openapi.json", operation_id="getDescription", summary="Read this description", tags=["description"])
@allow(PUBLIC)
def get_description() -> Response[Any]:
    """This document. It needs no API key."""
    return Response(200, content_type=request_body.JSON_TYPE, body=_described(cast("Resolver", router.api_resolver)))


@cache
def _described(resolver: "Resolver") -> str:
    return json.dumps(describe(resolver), separators=(",", ":"))


def describe(resolver: "Resolver") -> dict[str, Any]:
    """The description of all of the resolver's routes."""
    document: dict[str, Any] = json.loads(
        resolver.get_openapi_json_schema(
            title="Tidemark",
            version="2",
            openapi_version="3.1.0",
            description=DESCRIPTION,
            license_info=License(name="Apache-2.0", identifier="Apache-2.0"),
            servers=[Server(url="../..", description="The deployment that this document was read from.")],
            tags=cast("list[Any]", TAGS),
            security_schemes={
                "bearer": HTTPBearer(
                    description="An API key, `tdm.<name>.<secret>`; or a token of the deployment's issuer."
                ),
                "header": APIKey(name="x-api-key", in_=APIKeyIn.header, description="An API key."),
            },
            security=[{"bearer": []}, {"header": []}],
        )
    )
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        schemas.pop(name, None)
    schemas.update(_schemas(Problem, UploadProblem, NewMutations, GatewayRefusal))
    document["components"]["responses"] = {str(status): _refusal(status) for status in REFUSALS}
    for route in resolver.routes:
        _complete(document["paths"][route.openapi_path][route.method.lower()], route)
    return document


def _schemas(*models: type[BaseModel]) -> dict[str, Any]:
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=SCHEMAS + "{model}")
    return cast("dict[str, Any]", definitions["$defs"])


def _refusal(status: int) -> dict[str, Any]:
    headers = {
        401: {"WWW-Authenticate": _header("How to authenticate.")},
        429: {"Retry-After": _header("Seconds to wait.", "integer")},
        503: {"Retry-After": _header("Seconds to wait.", "integer")},
    }
    described: dict[str, Any] = {"description": REFUSALS[status], "content": _problem_content("Problem")}
    if status in GATEWAYS_OWN:
        described["content"][request_body.JSON_TYPE] = {"schema": {"$ref": SCHEMAS + GatewayRefusal.__name__}}
    if status in headers:
        described["headers"] = headers[status]
    return described


def _problem_content(schema: str) -> dict[str, Any]:
    return {problem.MEDIA_TYPE: {"schema": {"$ref": SCHEMAS + schema}}}


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


def _complete(operation: dict[str, Any], route: Route) -> None:
    role = role_of(route)
    parameters = operation.get("parameters", [])
    writes = route.method != "GET"
    responses: dict[str, Any] = operation["responses"]
    operation["description"] = inspect.getdoc(route.func)
    if role is PUBLIC:
        operation["security"] = []
        del responses["422"]
        statuses = {500}
    else:
        operation["x-role"] = role.value
        operation["description"] += f"\n\nNeeds a key with the role `{role.value}`."
        statuses = REFUSALS.keys() - {400, 409, 413, 415}
    if writes and "requestBody" not in operation and operation["operationId"] != "submitMutations":
        statuses |= {409} if "202" in responses else set()  # what begins nothing contradicts nothing
    elif writes:
        statuses |= set(WITH_BODY)
    for parameter in parameters:
        if parameter["name"] == IDEMPOTENCY_KEY.lower():
            parameter["name"] = IDEMPOTENCY_KEY
            statuses |= {409}
    if operation["operationId"] in CONTRADICTING:
        statuses |= {409}
    if not any(parameter["in"] == "path" for parameter in parameters):
        statuses -= {404}
    responses.update({str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)})
    _complete_answer(operation, responses)


def _complete_answer(operation: dict[str, Any], responses: dict[str, Any]) -> None:
    location = {"Location": _header("Path of what was made.")}
    for status in ("201", "202"):
        if status in responses:
            responses[status]["headers"] = location
    if operation["operationId"] == "getFrame":
        responses["200"]["headers"] = {"ETag": _header("The digest of the frame, as a weak entity tag.")}
    if operation["operationId"] == "submitMutations":
        operation["requestBody"] = {
            "required": True,
            "content": {
                request_body.JSON_TYPE: {
                    "schema": {"$ref": SCHEMAS + NewMutations.__name__},
                    "examples": {name: {"value": example} for name, example in MUTATION_EXAMPLES.items()},
                }
            },
        }
        either = [{"$ref": SCHEMAS + model.__name__} for model in (UploadProblem, Problem)]
        responses["422"] = {
            "description": "Not one mutation is valid (then `upload` is its record), or a parameter is not.",
            "content": {problem.MEDIA_TYPE: {"schema": {"anyOf": either}}},
        }
