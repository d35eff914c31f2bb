"""Who may call what: every route of the description, with every role, in the key's project and in a foreign one."""

from collections.abc import Iterator
from typing import Any

import pytest

from functions.api import access, handler
from functions.api.openapi import describe
from functions.api.resolver import Resolver
from functions.api.routes import Routes
from tests.faults.world import World
from tests.unit.api.gateway import BASE, Client
from tidemark.domain.api_keys import Grant, Role

READS = {
    "listProjects",
    "getProject",
    "getClassMap",
    "listDatasets",
    "getDataset",
    "reportStorage",
    "listFrames",
    "getFrame",
    "batchGetFrames",
    "getFrameHistory",
    "getLabelHistory",
    "listVersions",
    "getVersion",
    "listCheckpoints",
    "getCheckpoint",
    "getCheckpointStatistics",
    "createExport",
    "listExports",
    "getExport",
    "listExportFiles",
    "diffVersions",
    "summarizeDiff",
    "listUploads",
    "listProjectUploads",
    "getUpload",
    "listUploadErrors",
    "downloadUploadErrors",
    "listUploadRows",
    "listUploadFiles",
    "readAssets",
}
RULES: dict[str, Role | None] = {
    "getDescription": None,
    **dict.fromkeys(READS, Role.READ),
    "submitMutations": Role.WRITE,
    "createUpload": Role.WRITE,
    "completeUpload": Role.WRITE,
    "retryUpload": Role.WRITE,
    "rollBack": Role.WRITE,
    "announceAssets": Role.WRITE,
    "createCheckpoint": Role.WRITE,
    "editCheckpoint": Role.WRITE,
    "retryCheckpoint": Role.WRITE,
    "archiveCheckpoint": Role.WRITE,
    "unarchiveCheckpoint": Role.WRITE,
    "listRejectedFiles": Role.ADMIN,
    "createProject": Role.ADMIN,
    "putClassMap": Role.ADMIN,
    "createDataset": Role.ADMIN,
    "cloneDataset": Role.ADMIN,
    "archiveDataset": Role.ADMIN,
    "unarchiveDataset": Role.ADMIN,
    "purgeDataset": Role.ADMIN,
}
"""The role that each operation asks for. A new route has to be entered here."""


def operations() -> Iterator[tuple[str, str, str]]:
    for path, methods in describe(handler.app)["paths"].items():
        for method, operation in methods.items():
            yield operation["operationId"], method.upper(), path.removeprefix(BASE)


OPERATIONS = sorted(operations())


def status(grant: Grant | None, method: str, path: str, project: str = "own") -> int:
    named = {
        "dataset": "d",
        "frame": "f",
        "label": "l",
        "version": "1",
        "upload": "u",
        "checkpoint": "c",
        "format": "coco",
    }
    filled = path.format(project=project, **named)
    body = {"name": project} if path == "/projects" else {}
    client = Client(grant)
    return (client.get(filled) if method == "GET" else getattr(client, method.lower())(filled, body)).status


def test_every_operation_has_a_rule() -> None:
    assert {name for name, _, _ in OPERATIONS} == RULES.keys()


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(("name", "method", "path"), OPERATIONS)
def test_a_key_may_do_in_its_project_what_its_role_includes(name: str, method: str, path: str, role: Role) -> None:
    needed = RULES[name]
    refused = needed is not None and not role.includes(needed)
    assert (status(Grant(name="k", role=role, projects=("own",)), method, path) == 403) == refused


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    ("name", "method", "path"), [each for each in OPERATIONS if "{project}" in each[2] or each[0] == "createProject"]
)
def test_a_foreign_project_is_closed_to_every_role(name: str, method: str, path: str, role: Role) -> None:
    assert status(Grant(name="k", role=role, projects=("own",)), method, path, project="foreign") == 403, name


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(("name", "method", "path"), OPERATIONS)
def test_a_key_for_all_projects_is_good_for_any(name: str, method: str, path: str) -> None:
    assert status(Grant(name="k", role=Role.ADMIN, projects=None), method, path) not in {401, 403}, name


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(("name", "method", "path"), OPERATIONS)
def test_a_key_for_no_project_opens_none(name: str, method: str, path: str) -> None:
    closed = "{project}" in path or name == "createProject"
    assert (status(Grant(name="k", role=Role.ADMIN, projects=()), method, path) == 403) == closed


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(("name", "method", "path"), OPERATIONS)
def test_nobody_reads_only_the_description(name: str, method: str, path: str) -> None:
    assert status(None, method, path) == (200 if name == "getDescription" else 401)


def test_a_foreign_project_is_refused_alike_whether_it_exists_or_not(api: Client) -> None:
    api.post("/projects", {"name": "cars"})
    stranger = Client(Grant(name="k", role=Role.ADMIN, projects=("birds",)))
    assert stranger.get("/projects/cars").text == stranger.get("/projects/ghosts").text


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
