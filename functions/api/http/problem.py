"""Problem documents (RFC 9457): the model of error responses, and the error response for each kind of exception."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import ErrorDetails

from tidemark.domain.errors import (
    Conflict,
    Forbidden,
    IdempotencyMismatch,
    InvalidRequest,
    NotFound,
    TidemarkError,
    TooLarge,
    TooManyInFlight,
    Unavailable,
)
from tidemark.domain.problems import problem_of
from tidemark.domain.uploads import Receipt

MEDIA_TYPE = "application/problem+json"
BUSY_RETRY_SECONDS = 2
"""Seconds in the `Retry-After` header of a 503. AWS services are busy only briefly."""
IN_FLIGHT_RETRY_SECONDS = 10
"""Seconds in `Retry-After`, before jitter, when a dataset has too many rows in flight. In this time the dataset applies
some thousand rows."""
MAX_JITTER_SECONDS = 4
"""Exclusive upper bound of the random seconds added to the `Retry-After` of a 429, so that refused clients do not all
return at once."""
MAX_ERRORS = 20
"""Most validation errors listed in one response. A client that fixes these sees the next ones."""

STATUSES: Mapping[type[Exception], HTTPStatus] = {
    TidemarkError: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooManyInFlight: HTTPStatus.TOO_MANY_REQUESTS,
    IdempotencyMismatch: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
MALFORMED_JSON = "malformed_json"


class ProblemDetail(BaseModel):
    """One error in a request, with its location."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(description="Stable, machine-readable error code.", examples=["invalid_value"])
    detail: str = Field(description="What is wrong and what to do, for people.")
    pointer: str | None = Field(
        None, description="JSON pointer to the invalid value in the body.", examples=["/classes/0/name"]
    )
    parameter: str | None = Field(None, description="Name of the invalid path, query or header parameter.")


class Problem(BaseModel):
    """An error response (RFC 9457)."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="`urn:tidemark:problem:` followed by the code.")
    title: str = Field(description="HTTP reason phrase of the status.")
    status: int = Field(description="HTTP status code.")
    detail: str = Field(description="What is wrong and what to do, for people.")
    code: str = Field(description="Stable, machine-readable error code.", examples=["not_found"])
    request_id: str = Field(description="Id of the request in the service's logs.")
    errors: list[ProblemDetail] = Field(
        default=[], description="Individual errors, each with its location in the request."
    )


class UploadProblem(Problem):
    """The error response to a request from which no mutation was accepted."""

    upload: str = Field(description="Id of the upload, which is stored as failed and lists all errors.")


class HttpError(Exception):
    """Raised when the HTTP layer refuses a request, before any domain code runs."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}


def of_http_error(error: HttpError, request_id: str) -> Response[Any]:
    """Returns the response for an HttpError."""
    return _response(Problem(**_core(error.status, error.code, request_id), detail=error.detail), error.headers)


def of_domain_error(error: TidemarkError, request_id: str) -> Response[Any]:
    """Returns the response for an error that the domain raised."""
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    if error.code == MALFORMED_JSON:
        status = HTTPStatus.BAD_REQUEST
    errors = [] if error.pointer is None else [_located(error.pointer, error.fault or error.code, error.message)]
    problem = Problem(**_core(status, error.code, request_id), detail=error.message, errors=errors)
    return _response(problem, _retry_headers(status))


def of_rejected_upload(receipt: Receipt, location: str, request_id: str) -> Response[Any]:
    """Returns the response (422) to mutations that were all rejected. `location` is the failed upload's URL path."""
    errors = [
        ProblemDetail(code=error.code, detail=error.message, pointer=f"/mutations/{error.row}{error.pointer}")
        for error in receipt.errors
    ]
    problem = UploadProblem(
        **_core(HTTPStatus.UNPROCESSABLE_ENTITY, "nothing_accepted", request_id),
        detail="No mutation in the request is valid, so nothing was changed.",
        errors=errors,
        upload=receipt.upload,
    )
    return _response(problem, {"Location": location})


def of_validation_errors(error: RequestValidationError, body_type: Any, request_id: str) -> Response[Any]:
    """Returns the response (422) for parameters or a body that do not match their documented types.

    `body_type` is the body's documented type; None if the route takes no body.
    """
    details = error.errors()
    errors = [_validation_error(detail, body_type) for detail in details[:MAX_ERRORS]]
    if len(errors) == 1:
        summary = errors[0].detail
    else:
        summary = f"The request has {len(details):,} errors."
        if len(details) > MAX_ERRORS:
            summary += f" The first {MAX_ERRORS} are listed; fix them to see the others."
    core = _core(HTTPStatus.UNPROCESSABLE_ENTITY, InvalidRequest.code, request_id)
    return _response(Problem(**core, detail=summary, errors=errors), {})


def of_busy_service(request_id: str) -> Response[Any]:
    """Returns the response (503) for a transient error of an AWS service."""
    return of_domain_error(Unavailable("An AWS service is busy; send the same request again."), request_id)


def of_unexpected_error(request_id: str) -> Response[Any]:
    """Returns the response (500) for an unexpected exception. Only the logs hold the exception and its cause."""
    problem = Problem(
        **_core(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", request_id),
        detail=f"The service failed. Its logs have the cause under request id {request_id}.",
    )
    return _response(problem, {})


def retry_after(seconds: int) -> dict[str, str]:
    """Returns a `Retry-After` header of `seconds` plus random jitter."""
    return {"Retry-After": str(seconds + secrets.randbelow(MAX_JITTER_SECONDS))}


def _core(status: HTTPStatus, code: str, request_id: str) -> dict[str, Any]:
    return {
        "type": f"urn:tidemark:problem:{code}",
        "title": status.phrase,
        "status": status.value,
        "code": code,
        "request_id": request_id,
    }


def _retry_headers(status: HTTPStatus) -> Mapping[str, str]:
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        return retry_after(IN_FLIGHT_RETRY_SECONDS)
    return {"Retry-After": str(BUSY_RETRY_SECONDS)} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}


def _response(problem: Problem, headers: Mapping[str, str]) -> Response[Any]:
    return Response(
        problem.status, content_type=MEDIA_TYPE, body=problem.model_dump_json(exclude_none=True), headers=headers
    )


def _located(location: str, code: str, detail: str) -> ProblemDetail:
    if not location or location.startswith("/"):
        return ProblemDetail(code=code, detail=detail, pointer=location)
    return ProblemDetail(code=code, detail=detail, parameter=location)


def _validation_error(error: ErrorDetails, body_type: Any) -> ProblemDetail:
    source, *path = error["loc"]
    problem = problem_of({**error, "loc": tuple(path)}, tuple(path), body_type)
    if source == "body":
        return ProblemDetail(code=problem.code, detail=problem.message, pointer=problem.pointer)
    name = str(path[0]).title() if source == "header" else str(path[0])
    return ProblemDetail(code=problem.code, detail=problem.message, parameter=name)
