"""Who may call what: each route's role, declared beside it, and the caller's grant held against it.

Nothing is open by default: a route that declares no role is refused when the function is loaded, and would answer
404 if it were reached all the same.
"""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from aws_lambda_powertools.event_handler.api_gateway import Route
from pydantic import ValidationError

from functions.api.http.problem import HttpRefusal
from tidemark.domain.api_keys import Grant, Role
from tidemark.domain.errors import Forbidden

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

PUBLIC = None
"""The role of what anyone may read."""

_roles: dict[Callable[..., Any], Role | None] = {}


def allow(role: Role | None) -> Callable[[Endpoint], Endpoint]:
    """Declare the role that an endpoint asks of its caller; `PUBLIC` where it asks for no key."""

    def declare(endpoint: Endpoint) -> Endpoint:
        _roles[endpoint] = role
        return endpoint

    return declare


def require_declared(routes: Iterable[Route]) -> None:
    """Raise RuntimeError if a route declares no role."""
    open_routes = [f"{route.method} {route.path}" for route in routes if not is_declared(route)]
    if open_routes:
        raise RuntimeError(f"No role is declared for {', '.join(open_routes)}: add @allow(...).")


def is_declared(route: Route) -> bool:
    """Whether the route is one of the API's own, with its role declared."""
    return route.func in _roles


def role_of(route: Route) -> Role | None:
    """The role that a declared route asks for; None for a public one."""
    return _roles[route.func]


def grant_of(event: Mapping[str, Any]) -> Grant | None:
    """What the authorizer says of the caller; None for nobody, and for anything that is not the authorizer's."""
    authorizer = event.get("requestContext", {}).get("authorizer") or {}
    stated = (authorizer.get("lambda") or {}).get("grant")
    if not isinstance(stated, str):
        return None
    try:
        return Grant.model_validate_json(stated)
    except ValidationError:
        return None


def check(role: Role | None, grant: Grant | None, project: str | None) -> None:
    """Let a caller with `grant` pass to a route that asks for `role`, in `project` where its path names one.

    Raises Forbidden, and HttpRefusal (401) for nobody. A foreign project is refused whether it exists or not.
    """
    if role is PUBLIC:
        return
    if grant is None:
        raise HttpRefusal(
            HTTPStatus.UNAUTHORIZED,
            "key_missing",
            "Send an API key, as 'Authorization: Bearer <key>' or as 'x-api-key: <key>'.",
            {"WWW-Authenticate": 'Bearer realm="tidemark"'},
        )
    noun = "token" if grant.is_of_token else "API key"
    held = grant.highest if project is None else grant.role_in(project)
    if held is None:
        raise Forbidden(f"This {noun} is not for that project.", code="project_forbidden", pointer="project")
    if not held.includes(role):
        where = "" if project is None or not grant.others else " in that project"
        raise Forbidden(
            f"This {noun}'s role{where} is {held.value!r}; the request needs {role.value!r}.", code="role_too_low"
        )
