"""Access errors and grants. `tests/reliability/access` tests which role may call which operation."""

from typing import Any

import pytest

from functions.api import handler
from functions.api.http import access
from functions.api.http.resolver import Resolver
from functions.api.http.router import Router
from tests.simulation.gateway import Client
from tests.simulation.world import World
from tidemark.domain.api_keys import Grant, Role, Scope
from tidemark.domain.upload_files import DroppedObject
from tidemark.ingest.drop_folder import start_upload


def test_someone_elses_project_is_said_to_be_so(api: Client) -> None:  # noqa: ARG001 - the project exists
    problem = Client(Grant(name="k", role=Role.READ, projects=())).get("/projects/birds").json()
    assert (problem["code"], problem["detail"]) == ("project_forbidden", "This API key is not for that project.")


def test_a_role_too_low_is_said_to_be_so(api: Client, reader: Client) -> None:  # noqa: ARG001 - the project exists
    problem = reader.post("/projects/birds/datasets/train/mutations", {"mutations": []}).json()
    assert (problem["code"], problem["detail"]) == (
        "role_too_low",
        "This API key's role is 'read'; the request needs 'write'.",
    )


@pytest.fixture
def person(api: Client) -> Client:
    """The client of a person with a token: administrator of `cars`, writer of `planes`, reader of `birds`."""
    for project in ("cars", "planes", "boats"):
        assert api.post("/projects", {"name": project, "classes": [{"name": "heron"}, {"name": "stork"}]}).status == 201
    others = (Scope(role=Role.WRITE, projects=("planes",)), Scope(role=Role.READ, projects=("birds",)))
    return Client(Grant(name="oidc:ann", role=Role.ADMIN, projects=("cars",), others=others))


@pytest.mark.parametrize(("project", "status"), [("cars", 201), ("planes", 403), ("birds", 403), ("boats", 403)])
def test_a_token_may_do_in_each_project_what_its_role_there_includes(person: Client, project: str, status: int) -> None:
    assert person.post(f"/projects/{project}/datasets", {"name": "new"}).status == status


def test_a_token_reads_where_it_has_any_role(person: Client) -> None:
    assert [project["name"] for project in person.get("/projects").json()["items"]] == ["birds", "cars", "planes"]


def test_the_role_of_a_token_in_one_project_is_of_no_use_in_another(person: Client) -> None:
    clone = person.post("/projects/birds/datasets/train/clones", {"name": "mine", "project": "cars"})
    assert (clone.status, clone.json()["code"]) == (403, "role_too_low")


def test_files_rejected_from_folders_of_projects_that_a_token_only_reads_are_not_listed(
    person: Client, world: World
) -> None:
    backend = world.process()
    for project in ("birds", "cars"):
        key = f"drop/{project}/nothing/a.jsonl"
        backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=b"{}")
        start_upload(backend, DroppedObject(key=key, version=None, bytes=2))
    assert [file["key"] for file in person.get("/rejected-files").json()["items"]] == ["drop/cars/nothing/a.jsonl"]


def test_a_refusal_of_a_token_calls_it_one(person: Client) -> None:
    refusals = [person.post(f"/projects/{name}/datasets", {"name": "new"}) for name in ("boats", "birds")]
    assert [refusal.json()["detail"] for refusal in refusals] == [
        "This token is not for that project.",
        "This token's role in that project is 'read'; the request needs 'admin'.",
    ]


def test_whoever_came_by_a_token_is_named_so_in_what_is_made(person: Client) -> None:
    dataset = person.post("/projects/cars/datasets", {"name": "new"}).json()
    assert dataset["created_by"] == "oidc:ann"


def test_nobody_is_told_how_to_send_a_key(world: World) -> None:  # noqa: ARG001 - something to read
    response = Client(None).get("/projects")
    assert (response.json()["code"], response.headers["WWW-Authenticate"]) == ("key_missing", 'Bearer realm="tidemark"')


def test_a_route_without_a_role_fails_when_the_function_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    undeclared = Router()
    undeclared.get("/open")(lambda: {})
    monkeypatch.setattr(handler, "RESOURCES", (type("Resource", (), {"router": undeclared}),))
    with pytest.raises(RuntimeError, match="GET /api/v2/open"):
        handler.build()


@pytest.mark.usefixtures("api")
def test_a_route_without_a_role_is_not_there() -> None:
    resolver = Resolver()
    resolver.get("/api/v2/open")(lambda: {"secret": True})
    response = resolver.resolve(Client().event("GET", "/open", None, {}), None)  # type: ignore[arg-type]  # the route reads no context
    assert response["statusCode"] == 404


@pytest.mark.parametrize("stated", [None, "", "{}", '{"name":"k"}', '{"name":"k","role":"god","projects":null}', 7])
def test_what_is_not_the_authorizers_grant_is_nobody(stated: Any) -> None:
    assert access.grant_of({"requestContext": {"authorizer": {"lambda": {"grant": stated}}}}) is None


@pytest.mark.parametrize("context", [{}, {"authorizer": None}, {"authorizer": {}}, {"authorizer": {"lambda": None}}])
def test_a_request_without_an_authorizer_is_nobodys(context: Any) -> None:
    assert access.grant_of({"requestContext": context}) is None
