"""Roll backs and clones (R10, R32, R33)."""

from typing import Any

import pytest

from tests.integration.api.conftest import TRAIN, only_error
from tests.simulation.gateway import BASE, Client
from tests.simulation.world import World
from tidemark.domain.api_keys import Grant, Role


def test_a_roll_back_answers_the_upload_to_follow(filled: Client, world: World) -> None:
    response = filled.post(f"{TRAIN}/rollbacks", {"version": "1", "message": "wrong labels"})
    upload = response.json()
    assert (response.status, response.headers["Location"]) == (202, f"{BASE}{TRAIN}/uploads/{upload['id']}")
    assert (upload["status"], upload["source"], upload["message"]) == ("PENDING", "ROLLBACK", "wrong labels")
    assert upload["origin"] == {"project": "birds", "dataset": "train", "version": 1}
    world.drain()
    assert filled.get(f"{TRAIN}/uploads/{upload['id']}").json()["version"] == 3
    assert [item["frame"]["frame_id"] for item in filled.get(f"{TRAIN}/frames").json()["items"]] == ["f1"]


def test_a_repeated_roll_back_is_one(filled: Client, world: World) -> None:
    first = filled.post(f"{TRAIN}/rollbacks", {"version": "1"}, idempotency_key="once").json()
    world.drain()
    assert filled.post(f"{TRAIN}/rollbacks", {"version": "1"}, idempotency_key="once").json() == first


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (422, "missing_field", "/version")),
        ({"version": "9"}, (404, "unknown_version", "/version")),
        ({"version": "ghost"}, (404, "unknown_checkpoint", "/version")),
        ({"version": 1}, (422, "wrong_type", "/version")),
        ({"version": "1", "why": "x"}, (422, "unknown_field", "/why")),
    ],
)
def test_a_roll_back_that_names_no_version_is_refused(
    filled: Client, body: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    assert only_error(filled.post(f"{TRAIN}/rollbacks", body)) == expected


def test_a_reader_rolls_nothing_back(filled: Client, reader: Client) -> None:
    assert filled.get(TRAIN).status == 200
    assert reader.post(f"{TRAIN}/rollbacks", {"version": "1"}).status == 403


def test_a_clone_answers_the_dataset_and_the_upload_that_fills_it(filled: Client, world: World) -> None:
    response = filled.post(f"{TRAIN}/clones", {"name": "copy", "version": "1", "description": "For the interns"})
    receipt = response.json()
    upload_path = f"/projects/birds/datasets/copy/uploads/{receipt['upload']['id']}"
    assert (response.status, response.headers["Location"]) == (202, f"{BASE}{upload_path}")
    assert (receipt["dataset"]["name"], receipt["dataset"]["description"]) == ("copy", "For the interns")
    world.drain()
    assert filled.get(upload_path).json()["status"] == "SETTLED"
    details = filled.get("/projects/birds/datasets/copy").json()
    assert (details["frames"], details["cloned_from"]["dataset"], details["cloned_from"]["version"]) == (1, "train", 1)


def test_a_clone_says_so_where_changes_come_too_early(filled: Client) -> None:
    filled.post(f"{TRAIN}/clones", {"name": "copy"})
    row = {"op": "DELETE", "frame_id": "f1"}
    response = filled.post("/projects/birds/datasets/copy/mutations", {"mutations": [row]})
    assert (response.status, response.json()["code"]) == (409, "dataset_cloning")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (422, "missing_field", "/name")),
        ({"name": "a/b"}, (422, "invalid_name", "/name")),
        ({"name": "train"}, (409, "dataset_exists", "/name")),
        ({"name": "copy", "version": "9"}, (404, "unknown_version", "/version")),
        ({"name": "copy", "project": "ghosts"}, (404, "unknown_project", "/project")),
    ],
)
def test_a_clone_that_cannot_be_made_is_refused(
    filled: Client, body: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    assert only_error(filled.post(f"{TRAIN}/clones", body)) == expected


def test_only_who_may_create_datasets_clones_them(filled: Client, writer: Client) -> None:
    assert filled.get(TRAIN).status == 200
    assert writer.post(f"{TRAIN}/clones", {"name": "copy"}).status == 403


def test_a_clone_into_a_foreign_project_is_refused(filled: Client) -> None:
    admin_of_birds = Client(Grant(name="bea", role=Role.ADMIN, projects=("birds",)))
    assert filled.get(TRAIN).status == 200
    response = admin_of_birds.post(f"{TRAIN}/clones", {"name": "copy", "project": "fish"})
    assert (response.status, response.json()["code"]) == (403, "project_forbidden")
