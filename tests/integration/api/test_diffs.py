"""Diffs of two versions (R11, R14)."""

import pytest

from tests.integration.api.conftest import TRAIN
from tests.integration.api.test_openapi import conforms
from tests.integration.api.test_resources import add, label, submit
from tests.simulation.gateway import Client
from tests.simulation.world import World

DIFF = f"{TRAIN}/diff"


@pytest.fixture
def compared(api: Client, world: World) -> Client:
    """A client of a dataset whose version 1 adds `f1` and `f2`; version 2 relabels `f1`, deletes `f2`, adds `f3`."""
    relabel = {"op": "MODIFY", "frame": {"frame_id": "f1", "labels": [{"id": "l1", "class": "stork"}]}}
    for rows in (
        [add("f1", labels=[label("heron")]), add("f2")],
        [relabel, {"op": "DELETE", "frame_id": "f2"}, add("f3")],
    ):
        assert submit(api, *rows).status == 202
        world.drain()
    return api


def test_a_diff_names_its_versions_and_tells_what_changed(compared: Client) -> None:
    response = compared.get(f"{DIFF}?from=1&to=LATEST").json()
    assert (response["from"], response["to"], response["cursor"]) == (1, 2, None)
    items = {item["frame_id"]: item for item in response["items"]}
    assert {frame_id: item["change"] for frame_id, item in items.items()} == {
        "f1": "modified",
        "f2": "removed",
        "f3": "added",
    }
    (modified,) = items["f1"]["labels"]["modified"]
    assert (modified["before"]["class"], modified["after"]["class"]) == ("heron", "stork")
    digest = compared.get(f"{TRAIN}/frames/f1?version=1").json()["digest"]
    assert items["f1"]["digest"]["before"] == digest
    assert conforms(response, "DiffPage")


def test_a_diff_leads_to_the_latest_version_unless_told_otherwise(compared: Client) -> None:
    assert compared.get(f"{DIFF}?from=2").json() == {"from": 2, "to": 2, "items": [], "cursor": None}


def test_a_diff_is_told_backwards_too(compared: Client) -> None:
    response = compared.get(f"{DIFF}?from=2&to=1").json()
    assert {item["frame_id"]: item["change"] for item in response["items"]} == {
        "f1": "modified",
        "f2": "added",
        "f3": "removed",
    }


def test_pages_of_a_diff_are_continued_by_their_cursors(compared: Client) -> None:
    items, query = [], f"{DIFF}?from=1&to=2&limit=1"
    page = compared.get(query).json()
    while page["cursor"]:
        items += page["items"]
        page = compared.get(f"{query}&cursor={page['cursor']}").json()
    items += page["items"]
    assert items == compared.get(f"{DIFF}?from=1&to=2").json()["items"]


def test_totals_are_counted_in_all_and_by_class(compared: Client) -> None:
    response = compared.get(f"{DIFF}/summary?from=1&to=2").json()
    assert response == {
        "from": 1,
        "to": 2,
        "frames": {"added": 1, "removed": 1, "modified": 1},
        "labels": {"added": 0, "removed": 0, "modified": 1},
        "classes": {
            "heron": {"added": 0, "removed": 1, "modified": 0},
            "stork": {"added": 1, "removed": 0, "modified": 0},
        },
        "cursor": None,
    }
    assert conforms(response, "DiffSummary")


@pytest.mark.parametrize("path", [DIFF, f"{DIFF}/summary"])
@pytest.mark.parametrize(
    ("query", "status", "code", "parameter"),
    [
        ("", 422, "missing_field", "from"),
        ("?from=", 422, "too_short", "from"),
        ("?from=9", 404, "unknown_version", "from"),
        ("?from=1&to=9", 404, "unknown_version", "to"),
        ("?from=spring&to=2", 404, "unknown_checkpoint", "from"),
        ("?from=1&to=2026-01-01", 422, "unknown_version", "to"),
        ("?from=1&to=-1", 422, "unknown_version", "to"),
        ("?from=1&to=NaN", 404, "unknown_checkpoint", "to"),
        ("?from=1&from=2", 422, "invalid_request", "from"),
        ("?from=1&version=2", 422, "unknown_parameter", "version"),
        ("?from=1&cursor=x", 422, "malformed_cursor", "cursor"),
        (f"?from={'1' * 129}", 422, "too_long", "from"),
    ],
)
def test_a_bad_question_is_refused_where_it_is_wrong(
    compared: Client, path: str, query: str, status: int, code: str, parameter: str
) -> None:
    response = compared.get(path + query)
    (error,) = response.json()["errors"]
    assert (response.status, error["parameter"]) == (status, parameter)
    assert code in {response.json()["code"], error["code"]}


def test_a_dataset_that_is_not_there_cannot_be_compared(api: Client) -> None:
    response = api.get("/projects/birds/datasets/none/diff?from=1")
    assert (response.status, response.json()["code"]) == (404, "unknown_dataset")


def test_a_reader_of_another_project_is_refused(compared: Client, reader: Client) -> None:
    assert compared.post("/projects", {"name": "cars"}).status == 201
    assert reader.get(f"{DIFF}?from=1").status == 200
    assert reader.get("/projects/cars/datasets/train/diff?from=1").json()["code"] == "project_forbidden"
