"""Generates the OpenAPI 3.1 document from the routes and their models.

Powertools describes parameters, bodies and successful responses. This module adds what Powertools cannot know: the
errors, role and response headers of each route, and the body of submitted mutations, which Powertools never parses.
Only `description` imports this module, when it is first asked for the document: loading Powertools' models of OpenAPI
takes longer than loading any resource.
"""

import inspect
import json
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.event_handler.api_gateway import Route
from aws_lambda_powertools.event_handler.openapi.models import APIKey, APIKeyIn, HTTPBearer, License, Server
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from functions.api.http import problem, request_body
from functions.api.http.access import PUBLIC, role_of
from functions.api.http.parameters import IDEMPOTENCY_KEY
from functions.api.http.problem import Problem, UploadProblem
from functions.api.resources.mutations import MUTATION_EXAMPLES, NewMutations

if TYPE_CHECKING:
    from functions.api.http.resolver import Resolver

SCHEMAS = "#/components/schemas/"
DESCRIPTION = """\
Versioned datasets for machine learning. Frames and their labels are added, changed and deleted all the time, and every
earlier state stays readable.

Writes take JSON of at most 4 MiB, without `Content-Encoding`. Lists come in pages: pass a page's `cursor` to read the
next page; the last page's `cursor` is null. Every error is a problem document (RFC 9457) with a stable `code`, except
for errors of the gateway itself: 403 for an invalid API key or token, 413 for a body above 10 MB, and 429 if all
clients together send too many requests.
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

ERRORS = {
    400: "The body is not JSON.",
    401: "The request has neither an API key nor a token.",
    403: "The API key or token is invalid, has no access to this project, or has too low a role.",
    404: "A resource that the path names, or the version, does not exist.",
    409: "The request conflicts with the state of the resource, or the first request with its Idempotency-Key is "
    "still running.",
    413: "The body, or a list in it, exceeds the limit.",
    415: "The body is not `application/json`, or has a `Content-Encoding`.",
    422: "A parameter or the body is not valid; `errors` lists what is wrong.",
    429: "The API key sends too many requests, or the dataset has too many rows in flight. Send the same request again "
    "after `Retry-After` seconds.",
    500: "The service failed. Its logs have the cause under `request_id`.",
    503: "The service is busy. Send the same request again after `Retry-After` seconds.",
}
BODY_ERRORS = (400, 413, 415)
GATEWAY_ERRORS = frozenset({403, 413, 429, 500, 503})
"""HTTP statuses that API Gateway also returns itself, before it calls a function or after the function failed."""
STATE_DEPENDENT = frozenset({"unarchiveDataset", "getCheckpointStatistics", "createExport", "listExportFiles"})
"""Ids of operations that take no idempotency key, but can return 409 because of a resource's state."""


class GatewayRefusal(BaseModel):
    """An error response of the gateway itself: an invalid API key or token, too many requests, or a failed function."""

    message: str = Field(description="The error in a few words.", examples=["Forbidden"])


def describe(resolver: "Resolver") -> dict[str, Any]:
    """Returns the OpenAPI document of all routes of `resolver`."""
    document: dict[str, Any] = json.loads(
        resolver.get_openapi_json_schema(
            title="Tidemark",
            version="2",
            openapi_version="3.1.0",
            description=DESCRIPTION,
            license_info=License(name="Apache-2.0", identifier="Apache-2.0"),
            servers=[Server(url="../..", description="The deployment that serves this document.")],
            tags=cast("list[Any]", TAGS),
            security_schemes={
                "bearer": HTTPBearer(
                    description="An API key, `tdm.<name>.<secret>`, or a token from the deployment's identity provider."
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
    document["components"]["responses"] = {str(status): _error_response(status) for status in ERRORS}
    for route in resolver.routes:
        _complete_operation(document["paths"][route.openapi_path][route.method.lower()], route)
    return document


def _schemas(*models: type[BaseModel]) -> dict[str, Any]:
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=SCHEMAS + "{model}")
    return cast("dict[str, Any]", definitions["$defs"])


def _error_response(status: int) -> dict[str, Any]:
    headers = {
        401: {"WWW-Authenticate": _header("How to authenticate.")},
        429: {"Retry-After": _header("Seconds to wait.", "integer")},
        503: {"Retry-After": _header("Seconds to wait.", "integer")},
    }
    response: dict[str, Any] = {"description": ERRORS[status], "content": _problem_content("Problem")}
    if status in GATEWAY_ERRORS:
        response["content"][request_body.JSON_TYPE] = {"schema": {"$ref": SCHEMAS + GatewayRefusal.__name__}}
    if status in headers:
        response["headers"] = headers[status]
    return response


def _problem_content(schema: str) -> dict[str, Any]:
    return {problem.MEDIA_TYPE: {"schema": {"$ref": SCHEMAS + schema}}}


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


def _complete_operation(operation: dict[str, Any], route: Route) -> None:
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
        operation["description"] += f"\n\nRequires the role `{role.value}`."
        statuses = ERRORS.keys() - {400, 409, 413, 415}
    if writes and "requestBody" not in operation and operation["operationId"] != "submitMutations":
        statuses |= {409} if "202" in responses else set()  # only operations that start work can conflict
    elif writes:
        statuses |= set(BODY_ERRORS)
    for parameter in parameters:
        if parameter["name"] == IDEMPOTENCY_KEY.lower():
            parameter["name"] = IDEMPOTENCY_KEY
            statuses |= {409}
    if operation["operationId"] in STATE_DEPENDENT:
        statuses |= {409}
    if not any(parameter["in"] == "path" for parameter in parameters):
        statuses -= {404}
    responses.update({str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)})
    _complete_responses(operation, responses)


def _complete_responses(operation: dict[str, Any], responses: dict[str, Any]) -> None:
    location = {"Location": _header("Path of the new resource, or of the resource to poll.")}
    for status in ("201", "202"):
        if status in responses:
            responses[status]["headers"] = location
    if operation["operationId"] == "getFrame":
        responses["200"]["headers"] = {"ETag": _header("Digest of the frame, as a weak entity tag.")}
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
        problems = [{"$ref": SCHEMAS + model.__name__} for model in (UploadProblem, Problem)]
        responses["422"] = {
            "description": "No mutation is valid (`upload` is the id of the failed upload), or a parameter is not.",
            "content": {problem.MEDIA_TYPE: {"schema": {"anyOf": problems}}},
        }
