"""An id of another project, in any place, finds nothing, and nothing of that project is read."""

from tests.reliability.access.deployment import MARK, OTHER, Deployment
from tests.reliability.access.foreign import tried
from tests.reliability.access.ids import IDS, VERSIONS, foreign_requests
from tests.reliability.access.operations import operation, operations

KNOWN = {"project", "version", "format", *IDS}
QUERIES = {*VERSIONS, "cursor", "limit", "archived", "status", "mode", "source", "format", "every"}


def test_every_parameter_of_every_path_is_known_to_these_tests() -> None:
    assert {name for each in operations() for name in each.parameters} <= KNOWN


def test_every_query_parameter_is_known_to_these_tests() -> None:
    assert {name for each in operations() for name in each.queries} <= QUERIES


def test_an_id_of_another_project_is_refused_and_nothing_of_that_project_is_read(deployment: Deployment) -> None:
    failures = []
    for foreign in foreign_requests(deployment):
        answer, violations = tried(deployment, foreign.request)
        failures += violations
        if foreign.finds_nothing and answer.status not in {400, 404, 409, 422}:
            failures.append(f"{foreign.name}: returned {answer.status}")
    assert failures == []


def test_a_foreign_id_and_one_that_never_was_are_refused_alike(deployment: Deployment) -> None:
    get = operation("getUpload")
    foreign, _ = tried(deployment, get.request(deployment.own | {"upload": deployment.other["upload"]}))
    unknown, _ = tried(deployment, get.request(deployment.own | {"upload": "0" * 32}))
    assert foreign.text.replace(deployment.other["upload"], "") == unknown.text.replace("0" * 32, "")


def test_projects_are_listed_that_the_key_is_for_and_no_others(deployment: Deployment) -> None:
    answer, violations = tried(deployment, operation("listProjects").request({}))
    assert [item["name"] for item in answer.json()["items"]] == [deployment.own["project"]]
    assert violations == []


def test_files_that_were_rejected_in_another_projects_folder_are_not_listed(deployment: Deployment) -> None:
    listed = operation("listRejectedFiles").request({})
    deployment.reject(f"drop/{OTHER}/nothing/{MARK}.jsonl")
    deployment.reject(f"drop/{deployment.own['project']}/nothing/plain.jsonl")
    answer, violations = tried(deployment, listed)
    assert [item["key"] for item in answer.json()["items"]] == ["drop/own/nothing/plain.jsonl"]
    assert violations == []


def test_the_cursor_of_rejected_files_tells_nothing_of_another_projects_file_but_when_it_was_put(
    deployment: Deployment,
) -> None:
    listed = operation("listRejectedFiles").request({}, "limit=1")
    cursors = []
    for _ in range(2):
        deployment.reject(f"drop/{OTHER}/nothing/{MARK}.jsonl")
        deployment.reject(f"drop/{OTHER}/nothing/{MARK}.jsonl")
        answer, _ = tried(deployment, listed)
        cursors.append(answer.json()["cursor"])
    one, other = (deployment.position(cursor)[1].rsplit("-", 1)[1] for cursor in cursors)
    assert one != other
