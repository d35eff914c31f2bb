"""Access control: declares the role that each route requires, and checks the caller's grant for that role.

Every route must declare a role or `PUBLIC`: the function does not load otherwise. A route without a declaration that is
reached all the same returns 404.
"""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from aws_lambda_powertools.event_handler.api_gateway import Route
from pydantic import ValidationError

from functions.api.http.problem import HttpError
from tidemark.domain.api_keys import Grant, Role
from tidemark.domain.errors import Forbidden

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

PUBLIC = None
"""Declared in place of a role by routes that need no credentials."""

_roles: dict[Callable[..., Any], Role | None] = {}


def allow(role: Role | None) -> Callable[[Endpoint], Endpoint]:
    """Returns a decorator that declares the role an endpoint requires, or `PUBLIC` if it needs no credentials."""

    def declare(endpoint: Endpoint) -> Endpoint:
        _roles[endpoint] = role
        return endpoint

    return declare


def require_declared(routes: Iterable[Route]) -> None:
    """Raises RuntimeError if a route declares no role."""
    undeclared = [f"{route.method} {route.path}" for route in routes if not is_declared(route)]
    if undeclared:
        raise RuntimeError(f"No role is declared for {', '.join(undeclared)}: add @allow(...).")


def is_declared(route: Route) -> bool:
    """Returns whether a route declares a role or `PUBLIC`."""
    return route.func in _roles


def role_of(route: Route) -> Role | None:
    """Returns the role that a route declares; None for a public route. The route must have a declaration."""
    return _roles[route.func]


def grant_of(event: Mapping[str, Any]) -> Grant | None:
    """Returns the grant that the authorizer added to API Gateway's event; None if it is missing or malformed."""
    authorizer = event.get("requestContext", {}).get("authorizer") or {}
    grant = (authorizer.get("lambda") or {}).get("grant")
    if not isinstance(grant, str):
        return None
    try:
        return Grant.model_validate_json(grant)
    except ValidationError:
        return None


def check(role: Role | None, grant: Grant | None, project: str | None) -> None:
    """Checks that `grant` includes `role` in `project`, or in any project if `project` is None.

    Raises HttpError (401) without a grant, and Forbidden if the grant does not include the role. For a project outside
    the grant, the error is the same whether or not that project exists.
    """
    if role is PUBLIC:
        return
    if grant is None:
        raise HttpError(
            HTTPStatus.UNAUTHORIZED,
            "key_missing",
            "Send an API key, as 'Authorization: Bearer <key>' or as 'x-api-key: <key>'.",
            {"WWW-Authenticate": 'Bearer realm="tidemark"'},
        )
    noun = "token" if grant.is_of_token else "API key"
    granted = grant.highest if project is None else grant.role_in(project)
    if granted is None:
        raise Forbidden(f"This {noun} is not for that project.", code="project_forbidden", pointer="project")
    if not granted.includes(role):
        scope = "" if project is None or not grant.others else " in that project"
        raise Forbidden(
            f"This {noun}'s role{scope} is {granted.value!r}; the request needs {role.value!r}.", code="role_too_low"
        )
