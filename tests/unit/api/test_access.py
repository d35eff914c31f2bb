"""How a refusal of access reads, and what counts as a grant. Who may call what is in `tests/access`."""

from typing import Any

import pytest

from functions.api import access, handler
from functions.api.resolver import Resolver
from functions.api.routes import Routes
from tests.faults.world import World
from tests.unit.api.gateway import Client
from tidemark.domain.api_keys import Grant, Role


def test_someone_elses_project_is_said_to_be_so(api: Client) -> None:  # noqa: ARG001 - the project exists
    problem = Client(Grant(name="k", role=Role.READ, projects=())).get("/projects/birds").json()
    assert (problem["code"], problem["detail"]) == ("project_forbidden", "This API key is not for that project.")


def test_a_role_too_low_is_said_to_be_so(api: Client, reader: Client) -> None:  # noqa: ARG001 - the project exists
    problem = reader.post("/projects/birds/datasets/train/mutations", {"mutations": []}).json()
    assert (problem["code"], problem["detail"]) == (
        "role_too_low",
        "This API key's role is 'read'; the request needs 'write'.",
    )


def test_nobody_is_told_how_to_send_a_key(world: World) -> None:  # noqa: ARG001 - something to read
    answer = Client(None).get("/projects")
    assert (answer.json()["code"], answer.headers["WWW-Authenticate"]) == ("key_missing", 'Bearer realm="tidemark"')


def test_a_route_without_a_role_fails_when_the_function_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    open_routes = Routes()
    open_routes.get("/open")(lambda: {})
    monkeypatch.setattr(handler, "RESOURCES", (type("Resource", (), {"router": open_routes}),))
    with pytest.raises(RuntimeError, match="GET /api/v2/open"):
        handler.build()


def test_a_route_without_a_role_is_not_there() -> None:
    resolver = Resolver()
    resolver.get("/api/v2/open")(lambda: {"secret": True})
    answer = resolver.resolve(Client().event("GET", "/open", None, {}), None)  # type: ignore[arg-type]  # not asked for
    assert answer["statusCode"] == 404


@pytest.mark.parametrize("stated", [None, "", "{}", '{"name":"k"}', '{"name":"k","role":"god","projects":null}', 7])
def test_what_is_not_the_authorizers_grant_is_nobody(stated: Any) -> None:
    assert access.grant_of({"requestContext": {"authorizer": {"lambda": {"grant": stated}}}}) is None


@pytest.mark.parametrize("context", [{}, {"authorizer": None}, {"authorizer": {}}, {"authorizer": {"lambda": None}}])
def test_a_request_without_an_authorizer_is_nobodys(context: Any) -> None:
    assert access.grant_of({"requestContext": context}) is None
