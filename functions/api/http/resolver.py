"""The resolver: Powertools' resolver for HTTP APIs, with this API's rules for URL paths, checks, JSON and errors."""

import re
from collections import Counter
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import Route
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import (
    OpenAPIRequestValidationMiddleware,
    OpenAPIResponseValidationMiddleware,
)
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from pydantic import BaseModel

from functions.api.http import access, problem, request_body, throttle
from functions.api.http.problem import HttpError
from tidemark.aws.transient import is_transient
from tidemark.domain.errors import InvalidRequest, TidemarkError

logger = Logger(child=True)

MAX_RESPONSE_BYTES = 4_600_000
"""Most bytes in a response body. Lambda returns at most 6 MiB, and base64 turns three bytes into four."""

_PARAMETER = re.compile(r"<(\w+)>")


class Resolver(APIGatewayHttpResolver):
    """Routes an HTTP API event to an endpoint, and turns the endpoint's result or exception into a response."""

    def __init__(self) -> None:
        super().__init__(enable_validation=True, serializer=_unchanged)
        self._request_validation_middleware = RequestMiddleware(self)
        self._response_validation_middleware = ResponseMiddleware()
        self.exception_handler(TidemarkError)(self._domain_error)
        self.exception_handler(HttpError)(self._http_error)
        self.exception_handler(RequestValidationError)(self._validation_error)
        self.exception_handler(Exception)(self._unexpected_error)

    @property
    def routes(self) -> list[Route]:
        """All routes of the API."""
        return [*self._static_routes, *self._dynamic_routes]

    @property
    def request_id(self) -> str:
        """API Gateway's id of the current request, which is also the correlation id in the function's logs."""
        return str(self.current_event.request_context.request_id)

    def methods_of(self, path: str) -> list[str]:
        """Returns the HTTP methods that have a route for a URL path, sorted."""
        return sorted({route.method for route in self.routes if access.is_declared(route) and route.rule.match(path)})

    def _body_type(self) -> Any:
        """Returns the documented type of the current route's body; None if the route takes no body."""
        bodies = self.context["_route"].dependant.body_params
        return bodies[0].type_ if bodies else None

    @staticmethod
    def _compile_regex(rule: str, base_regex: str = r"^{}\Z") -> re.Pattern[str]:
        # Powertools' pattern allows only some characters in a path parameter. An id in another script, or with a
        # forbidden character, would cause an unknown route error instead of an invalid id error. The pattern's `$` also
        # ignores a newline at the end.
        return re.compile(base_regex.format(_PARAMETER.sub(r"(?P<\1>[^/]+)", rule)))

    def _http_error(self, error: HttpError) -> Response[Any]:
        return _record(error.code, problem.of_http_error(error, self.request_id))

    def _validation_error(self, error: RequestValidationError) -> Response[Any]:
        return _record(InvalidRequest.code, problem.of_validation_errors(error, self._body_type(), self.request_id))

    def _domain_error(self, error: TidemarkError) -> Response[Any]:
        return _record(error.code, problem.of_domain_error(error, self.request_id))

    def _unexpected_error(self, error: Exception) -> Response[Any]:
        if is_transient(error):
            logger.warning("a service is busy", exc_info=error)
            return problem.of_busy_service(self.request_id)
        logger.error("unexpected error", exc_info=error)
        return problem.of_unexpected_error(self.request_id)


def _record(code: str, response: Response[Any]) -> Response[Any]:
    """Logs a request's refusal, adds a 429 to the metric of throttled requests, and returns `response`."""
    logger.info("refused", code=code)
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        throttle.count_throttled(code)
    return response


class RequestMiddleware(OpenAPIRequestValidationMiddleware):
    """Middleware that checks a request before its endpoint: throttling, route, access, then parameters and body."""

    def __init__(self, resolver: Resolver) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Powertools' carries no annotations
        self._resolver = resolver

    def handler(self, app: Any, next_middleware: NextMiddleware) -> Response[Any]:
        """Calls the next middleware, with decoded path parameters and the caller's grant in the context.

        Raises HttpError, Forbidden, InvalidRequest or RequestValidationError if the request fails a check.
        """
        route: Route = app.context["_route"]
        grant = access.grant_of(app.current_event.raw_event)
        logger.append_keys(operation=route.operation_id, actor=grant.name if grant else None)
        if grant is not None:
            throttle.throttle().check(grant.name)
        if not access.is_declared(route):
            raise self._no_such_route(app)
        arguments = {name: _decode(value) for name, value in app.context["_route_args"].items()}
        access.check(access.role_of(route), grant, arguments.get("project"))
        _check_query_names(route, app.current_event.raw_query_string)
        app.append_context(grant=grant, _route_args=arguments)
        return super().handler(app, next_middleware)

    def _get_body(self, app: Any) -> dict[str, Any]:
        return request_body.json_object(app.current_event.raw_event)

    def _no_such_route(self, app: Any) -> HttpError:
        method, path = app.current_event.http_method, app.context["_path"]
        methods = self._resolver.methods_of(path)
        if methods:
            return HttpError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "method_not_allowed",
                f"This resource does not support {method}; it supports {', '.join(methods)}.",
                {"Allow": ", ".join(methods)},
            )
        return HttpError(
            HTTPStatus.NOT_FOUND,
            "no_such_route",
            f"There is no resource at {path[:200]!r}; see /api/v2/openapi.json for all of them.",
        )


class ResponseMiddleware(OpenAPIResponseValidationMiddleware):
    """Middleware that serializes a response in one pass, without validation: mypy has checked the response's model.

    The JSON is returned as bytes, which Powertools encodes in base64. A string would be escaped again in the function's
    result, which would make the result longer by an amount that depends on the string's content.
    """

    def _handle_response(self, *, route: Route, response: Response[Any]) -> Response[Any]:
        del route
        if isinstance(response.body, BaseModel):
            response.body = response.body.model_dump_json(by_alias=True).encode()
        if response.body is not None and len(response.body) > MAX_RESPONSE_BYTES:
            raise InvalidRequest(
                f"The response would have {len(response.body):,} bytes; the limit is {MAX_RESPONSE_BYTES:,}. Request "
                "fewer items with `limit`.",
                code="answer_too_large",
                pointer="limit",
            )
        return response


def _unchanged(body: Any) -> Any:
    """Returns a body unchanged: the resolver's serializer for bodies that are already JSON."""
    return body


def _decode(segment: str) -> str:
    # HTTP APIs decode paths, except for %25; other gateways do not. Decoding twice is safe, since no valid id contains
    # '%'.
    return unquote(segment)


def _check_query_names(route: Route, query: str) -> None:
    known = {field.alias for field in route.dependant.query_params}
    counts = Counter(name for name, _ in parse_qsl(query, keep_blank_values=True))
    unknown = sorted(counts.keys() - known)
    if unknown:
        hint = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
        raise InvalidRequest(
            f"This resource has no query parameter {unknown[0][:80]!r}; {hint}.",
            code="unknown_parameter",
            pointer=unknown[0][:80],
        )
    # The gateway joins repeated values with a comma. An error would then quote a value that the caller never sent.
    repeated = next((name for name, count in counts.items() if count > 1), None)
    if repeated is not None:
        raise InvalidRequest(
            f"The query parameter '{repeated}' appears twice; send it once.", pointer=repeated, fault="duplicate_name"
        )
