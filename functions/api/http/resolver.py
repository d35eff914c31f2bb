"""The resolver: Powertools' own for HTTP APIs, with this API's paths, gate, answers and refusals put in."""

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
from functions.api.http.problem import HttpRefusal
from tidemark.domain.errors import InvalidRequest, TidemarkError

logger = Logger(child=True)

MAX_ANSWER_BYTES = 4_600_000
"""Bytes of an answer's body. Lambda carries 6 MiB, in which base64 makes four of every three."""

_PARAMETER = re.compile(r"<(\w+)>")


class Resolver(APIGatewayHttpResolver):
    """Routes an HTTP API event to its endpoint and makes an answer of whatever comes of it."""

    def __init__(self) -> None:
        super().__init__(enable_validation=True, serializer=_as_it_is)
        self._request_validation_middleware = Gate(self)
        self._response_validation_middleware = Serialize()
        self.exception_handler(TidemarkError)(self._domain_error)
        self.exception_handler(HttpRefusal)(self._refused)
        self.exception_handler(RequestValidationError)(self._invalid)
        self.exception_handler(Exception)(self._unexpected)

    @property
    def routes(self) -> list[Route]:
        """All routes of the API."""
        return [*self._static_routes, *self._dynamic_routes]

    @property
    def request_id(self) -> str:
        """API Gateway's id of the request: the correlation id of everything that follows from it."""
        return str(self.current_event.request_context.request_id)

    def methods_of(self, path: str) -> list[str]:
        """The methods that have a route for `path`."""
        return sorted({route.method for route in self.routes if access.is_declared(route) and route.rule.match(path)})

    def _body_type(self) -> Any:
        """The type of the body that the present request's route takes, or None."""
        bodies = self.context["_route"].dependant.body_params
        return bodies[0].type_ if bodies else None

    @staticmethod
    def _compile_regex(rule: str, base_regex: str = r"^{}\Z") -> re.Pattern[str]:
        # Powertools' own pattern knows only some characters, so that an id in another script, or one with a refused
        # character, would be an unknown route instead of an id to look at; and its `$` overlooks a newline at the end.
        return re.compile(base_regex.format(_PARAMETER.sub(r"(?P<\1>[^/]+)", rule)))

    def _refused(self, refusal: HttpRefusal) -> Response[Any]:
        return _told(refusal.code, problem.of_refusal(refusal, self.request_id))

    def _invalid(self, error: RequestValidationError) -> Response[Any]:
        return _told(InvalidRequest.code, problem.of_validation_errors(error, self._body_type(), self.request_id))

    def _domain_error(self, error: TidemarkError) -> Response[Any]:
        return _told(error.code, problem.of_domain_error(error, self.request_id))

    def _unexpected(self, error: Exception) -> Response[Any]:
        if problem.is_transient(error):
            logger.warning("a service is busy", exc_info=error)
            return problem.of_unavailability(self.request_id)
        logger.error("unexpected", exc_info=error)
        return problem.of_unexpected(self.request_id)


def _told(code: str, answer: Response[Any]) -> Response[Any]:
    """The answer to a request that is refused, which is logged, and counted where it came too often."""
    logger.info("refused", code=code)
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        throttle.tell(code)
    return answer


class Gate(OpenAPIRequestValidationMiddleware):
    """First in every request's way: is there such a route, may the caller use it, and now, are its parameters sound?"""

    def __init__(self, resolver: Resolver) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Powertools' carries no annotations
        self._resolver = resolver

    def handler(self, app: Any, next_middleware: NextMiddleware) -> Response[Any]:
        """Refuse the request, or hand it on with its parameters validated and the caller's grant in the context."""
        route: Route = app.context["_route"]
        grant = access.grant_of(app.current_event.raw_event)
        logger.append_keys(operation=route.operation_id, actor=grant.name if grant else None)
        if grant is not None:
            throttle.throttle().check(grant.name)
        if not access.is_declared(route):
            raise self._no_such_route(app)
        arguments = {name: _decoded(value) for name, value in app.context["_route_args"].items()}
        access.check(access.role_of(route), grant, arguments.get("project"))
        _check_query_names(route, app.current_event.raw_query_string)
        app.append_context(grant=grant, _route_args=arguments)
        return super().handler(app, next_middleware)

    def _get_body(self, app: Any) -> dict[str, Any]:
        return request_body.json_object(app.current_event.raw_event)

    def _no_such_route(self, app: Any) -> HttpRefusal:
        method, path = app.current_event.http_method, app.context["_path"]
        methods = self._resolver.methods_of(path)
        if methods:
            return HttpRefusal(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "method_not_allowed",
                f"{method} is not for this resource; it takes {', '.join(methods)}.",
                {"Allow": ", ".join(methods)},
            )
        return HttpRefusal(
            HTTPStatus.NOT_FOUND,
            "no_such_route",
            f"There is nothing at {path[:200]!r}; /api/v2/openapi.json lists what there is.",
        )


class Serialize(OpenAPIResponseValidationMiddleware):
    """Last on an answer's way out: a model becomes JSON in one pass; its type was checked when the code was.

    The JSON travels as bytes, in base64: a string would be escaped again in the function's own answer, and how much
    larger that makes it depends on what is in it.
    """

    def _handle_response(self, *, route: Route, response: Response[Any]) -> Response[Any]:
        del route
        if isinstance(response.body, BaseModel):
            response.body = response.body.model_dump_json(by_alias=True).encode()
        if response.body is not None and len(response.body) > MAX_ANSWER_BYTES:
            raise InvalidRequest(
                f"The answer would have {len(response.body):,} bytes, more than a function may answer; ask for fewer "
                "items with `limit`.",
                code="answer_too_large",
                pointer="limit",
            )
        return response


def _as_it_is(body: Any) -> Any:
    """The resolver's serializer: what comes to it is JSON already."""
    return body


def _decoded(segment: str) -> str:
    # HTTP APIs decode a path before they pass it on, except for %25; other gateways do not. Since no id may contain
    # '%', decoding what is still encoded cannot change an id that is valid.
    return unquote(segment)


def _check_query_names(route: Route, query: str) -> None:
    known = {field.alias for field in route.dependant.query_params}
    given = Counter(name for name, _ in parse_qsl(query, keep_blank_values=True))
    unknown = sorted(given.keys() - known)
    if unknown:
        takes = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
        raise InvalidRequest(
            f"There is no query parameter {unknown[0][:80]!r} here; {takes}.",
            code="unknown_parameter",
            pointer=unknown[0][:80],
        )
    # The gateway joins the values by a comma, and a reader would be told of a value that it did not give.
    twice = next((name for name, times in given.items() if times > 1), None)
    if twice is not None:
        raise InvalidRequest(
            f"The query parameter '{twice}' is given twice; give it once.", pointer=twice, fault="duplicate_name"
        )
