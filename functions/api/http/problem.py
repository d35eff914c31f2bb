"""Problem details (RFC 9457): the one shape of every error that the API answers with."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as AwsConnectionError
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
RETRY_AFTER_SECONDS = 2
"""Where a service is busy for a moment."""
IN_FLIGHT_SECONDS = 10
"""Where a dataset has more in flight than it may: in this time it applies some thousand rows."""
SPREAD_SECONDS = 4
"""By so much those who are told to wait are told different times, so that they do not all come back at once."""
MAX_DETAILS = 20
"""Faults that one answer tells; whoever mends twenty will see the next twenty."""

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

THROTTLED = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""Codes by which an AWS service says: later."""


class ProblemDetail(BaseModel):
    """One thing that is wrong with a request, and where."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(description="Stable and machine-readable.", examples=["invalid_value"])
    detail: str = Field(description="What is wrong and what to do, for a person.")
    pointer: str | None = Field(None, description="JSON pointer into the body.", examples=["/classes/0/name"])
    parameter: str | None = Field(None, description="Name of the path, query or header parameter.")


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="`urn:tidemark:problem:` and the code.")
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What is wrong and what to do, for a person.")
    code: str = Field(description="Stable and machine-readable.", examples=["not_found"])
    request_id: str = Field(description="Under which the service's logs know the request.")
    errors: list[ProblemDetail] = Field(default=[], description="The single faults, where they have a place.")


class UploadProblem(Problem):
    """Why not one mutation of a request was accepted."""

    upload: str = Field(description="Id of the upload, which stays on record as failed; it lists all the errors.")


class HttpRefusal(Exception):
    """A request refused for how it was made, before the domain saw it."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}


def of_refusal(error: HttpRefusal, request_id: str) -> Response[Any]:
    """The answer to a request that was not made as HTTP or this API would have it."""
    return _response(Problem(**_core(error.status, error.code, request_id), detail=error.detail), error.headers)


def of_domain_error(error: TidemarkError, request_id: str) -> Response[Any]:
    """The answer to a request that the domain refused."""
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    if error.code == MALFORMED_JSON:
        status = HTTPStatus.BAD_REQUEST
    errors = [] if error.pointer is None else [_located(error.pointer, error.fault or error.code, error.message)]
    problem = Problem(**_core(status, error.code, request_id), detail=error.message, errors=errors)
    return _response(problem, _retry(status))


def retry_after(seconds: int) -> dict[str, str]:
    """The header that tells a client to wait for some seconds, or a few more."""
    return {"Retry-After": str(seconds + secrets.randbelow(SPREAD_SECONDS))}


def of_rejected_upload(receipt: Receipt, headers: Mapping[str, str], request_id: str) -> Response[Any]:
    """The answer to mutations of which not one was accepted. The upload is on record, with all its errors."""
    details = [
        ProblemDetail(code=error.code, detail=error.message, pointer=f"/mutations/{error.row}{error.pointer}")
        for error in receipt.errors
    ]
    problem = UploadProblem(
        **_core(HTTPStatus.UNPROCESSABLE_ENTITY, "nothing_accepted", request_id),
        detail="No mutation of the request is valid, so nothing was changed.",
        errors=details,
        upload=receipt.upload,
    )
    return _response(problem, headers)


def of_validation_errors(error: RequestValidationError, body: Any, request_id: str) -> Response[Any]:
    """The answer to a request whose parameters or body are not of the documented types. `body` is the body's type."""
    faults = error.errors()
    errors = [_validation_detail(fault, body) for fault in faults[:MAX_DETAILS]]
    detail = errors[0].detail if len(errors) == 1 else f"{len(faults):,} parts of the request are not valid."
    core = _core(HTTPStatus.UNPROCESSABLE_ENTITY, InvalidRequest.code, request_id)
    return _response(Problem(**core, detail=detail, errors=errors), {})


def of_unavailability(request_id: str) -> Response[Any]:
    """The answer where a service that Tidemark stands on is throttling or not answering."""
    return of_domain_error(Unavailable("A service behind this one is busy; send the same request again."), request_id)


def of_unexpected(request_id: str) -> Response[Any]:
    """The answer to a request that met a fault of ours: nothing of its inside, only where the logs have it."""
    problem = Problem(
        **_core(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", request_id),
        detail=f"Something went wrong that is not your fault. The logs know it as {request_id}.",
    )
    return _response(problem, {})


def is_transient(error: Exception) -> bool:
    """Whether an AWS client's error says that the same request may succeed a moment later."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response["Error"]["Code"] in THROTTLED or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, AwsConnectionError | HTTPClientError)


def _core(status: HTTPStatus, code: str, request_id: str) -> dict[str, Any]:
    return {
        "type": f"urn:tidemark:problem:{code}",
        "title": status.phrase,
        "status": status.value,
        "code": code,
        "request_id": request_id,
    }


def _retry(status: HTTPStatus) -> Mapping[str, str]:
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        return retry_after(IN_FLIGHT_SECONDS)
    return {"Retry-After": str(RETRY_AFTER_SECONDS)} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}


def _response(problem: Problem, headers: Mapping[str, str]) -> Response[Any]:
    return Response(
        problem.status, content_type=MEDIA_TYPE, body=problem.model_dump_json(exclude_none=True), headers=headers
    )


def _located(place: str, code: str, detail: str) -> ProblemDetail:
    if not place or place.startswith("/"):
        return ProblemDetail(code=code, detail=detail, pointer=place)
    return ProblemDetail(code=code, detail=detail, parameter=place)


def _validation_detail(fault: ErrorDetails, body: Any) -> ProblemDetail:
    source, *path = fault["loc"]
    problem = problem_of({**fault, "loc": tuple(path)}, tuple(path), body)
    if source == "body":
        return ProblemDetail(code=problem.code, detail=problem.message, pointer=problem.pointer)
    name = str(path[0]).title() if source == "header" else str(path[0])
    return ProblemDetail(code=problem.code, detail=problem.message, parameter=name)
