"""Checkpoints: create, read, edit and archive (R12-R14)."""

import json
from typing import Any

import pytest

from tests.integration.api.conftest import TRAIN, only_error
from tests.simulation.gateway import BASE, Client
from tests.simulation.world import World

CHECKPOINTS = f"{TRAIN}/checkpoints"


def test_creating_a_checkpoint_answers_where_it_is(filled: Client, writer: Client) -> None:
    body = {"name": "golden", "description": "Spring", "metadata": {"run": 42, "share": 0.5, "ok": True, "by": "ann"}}
    response = writer.post(CHECKPOINTS, body)
    checkpoint = response.json()
    assert (response.status, response.headers["Location"]) == (201, f"{BASE}{CHECKPOINTS}/golden")
    assert filled.get(f"{CHECKPOINTS}/golden").json() == checkpoint
    assert {name: checkpoint[name] for name in body} == body
    assert (checkpoint["version"], checkpoint["frames"], checkpoint["labels"], checkpoint["created_by"]) == (
        2,
        2,
        0,
        "will",
    )
    assert (checkpoint["archived_at"], checkpoint["archived_by"]) == (None, None)


def test_every_read_that_takes_a_version_takes_a_checkpoint_and_tells_its_number(filled: Client) -> None:
    filled.post(CHECKPOINTS, {"name": "golden", "version": "1"})
    request = {"frame_ids": ["f1", "f2"], "version": "golden"}
    assert filled.get(f"{TRAIN}/versions/golden").json()["number"] == 1
    assert filled.get(f"{TRAIN}/frames/f1?version=golden").json()["version"] == 1
    assert filled.get(f"{TRAIN}/frames/f2?version=golden").status == 404
    listed = filled.get(f"{TRAIN}/frames?version=golden").json()
    assert (listed["version"], [item["frame"]["frame_id"] for item in listed["items"]]) == (1, ["f1"])
    batch = filled.post(f"{TRAIN}/frames/batch-get", request).json()
    assert (batch["version"], batch["missing"]) == (1, ["f2"])


def test_a_page_that_a_checkpoint_began_is_continued_by_it_or_by_its_number(filled: Client) -> None:
    filled.post(CHECKPOINTS, {"name": "golden"})
    cursor = filled.get(f"{TRAIN}/frames?version=golden&limit=1").json()["cursor"]
    for version in ("golden", "2"):
        assert filled.get(f"{TRAIN}/frames?version={version}&limit=1&cursor={cursor}").status == 200


@pytest.mark.parametrize("where", ["frames?version=ghost", "frames/f1?version=ghost", "versions/ghost"])
def test_a_checkpoint_that_is_not_there_is_said_to_be_so_with_what_a_version_may_be(filled: Client, where: str) -> None:
    response = filled.get(f"{TRAIN}/{where}")
    assert only_error(response) == (404, "unknown_checkpoint", "version")
    assert "a number, the name of a checkpoint, an ISO 8601 time" in response.json()["detail"]


def test_a_checkpoint_can_have_the_longest_name(filled: Client) -> None:
    name = "g" * 128
    assert filled.post(CHECKPOINTS, {"name": name}).status == 201
    assert filled.get(f"{TRAIN}/versions/{name}").json()["number"] == 2


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, (422, "missing_field", "/name")),
        ({"name": "latest"}, (422, "invalid_name", "/name")),
        ({"name": "2026-03"}, (422, "invalid_name", "/name")),
        ({"name": "a/b"}, (422, "invalid_name", "/name")),
        ({"name": "g", "version": 1}, (422, "wrong_type", "/version")),
        ({"name": "g", "version": ""}, (422, "too_short", "/version")),
        ({"name": "g", "version": "9"}, (404, "unknown_version", "/version")),
        ({"name": "g", "version": "ghost"}, (404, "unknown_checkpoint", "/version")),
        ({"name": "g", "version": "0"}, (409, "nothing_to_freeze", "/version")),
        ({"name": "g", "description": "x" * 2001}, (422, "too_long", "/description")),
        ({"name": "g", "metadata": {"a": [1]}}, (422, "wrong_type", "/metadata/a")),
        ({"name": "g", "metadata": {"a": None}}, (422, "wrong_type", "/metadata/a")),
        ({"name": "g", "metadata": {"a": {}}}, (422, "wrong_type", "/metadata/a")),
        ({"name": "g", "metadata": {"a": 2**60}}, (422, "out_of_range", "/metadata/a")),
        ({"name": "g", "metadata": {"a": "x" * 8193}}, (422, "too_long", "/metadata/a")),
        ({"name": "g", "metadata": {str(n): n for n in range(101)}}, (422, "too_long", "/metadata")),
        ({"name": "g", "metadata": {str(n): "x" * 8000 for n in range(3)}}, (413, "too_large", "/metadata")),
        ({"name": "g", "status": "READY"}, (422, "unknown_field", "/status")),
    ],
)
def test_what_cannot_be_a_checkpoint_is_refused_at_its_place(
    filled: Client, body: dict[str, Any], refusal: tuple[int, str, str]
) -> None:
    assert only_error(filled.post(CHECKPOINTS, body)) == refusal
    assert filled.get(CHECKPOINTS).json()["items"] == []


def test_a_name_that_is_taken_is_a_conflict(filled: Client) -> None:
    filled.post(CHECKPOINTS, {"name": "golden"})
    assert only_error(filled.post(CHECKPOINTS, {"name": "golden", "version": "1"})) == (
        409,
        "checkpoint_exists",
        "/name",
    )


def test_a_repeat_gets_the_checkpoint_that_the_first_request_made(filled: Client, world: World) -> None:
    first = filled.post(CHECKPOINTS, {"name": "golden"}, Idempotency_Key="once")
    filled.post(f"{TRAIN}/mutations", {"mutations": [{"op": "DELETE", "frame_id": "f1"}]})
    world.drain()
    assert filled.post(CHECKPOINTS, {"name": "golden"}, Idempotency_Key="once") == first


def test_an_edit_is_a_merge_patch(filled: Client) -> None:
    filled.post(CHECKPOINTS, {"name": "golden", "description": "Spring", "metadata": {"run": 42, "owner": "ann"}})
    response = filled.patch(f"{CHECKPOINTS}/golden", {"metadata": {"owner": None, "ok": True}})
    edited = response.json()
    assert (response.status, edited["description"], edited["metadata"]) == (200, "Spring", {"run": 42, "ok": True})
    assert filled.patch(f"{CHECKPOINTS}/golden", {"description": None}).json()["description"] == ""
    assert filled.patch(f"{CHECKPOINTS}/golden", {}).json()["metadata"] == {"run": 42, "ok": True}
    assert filled.patch(f"{CHECKPOINTS}/golden", {"metadata": None}).json()["metadata"] == {}


def test_an_edit_that_is_repeated_does_not_undo_a_later_one(filled: Client) -> None:
    filled.post(CHECKPOINTS, {"name": "golden"})
    first = filled.patch(f"{CHECKPOINTS}/golden", {"description": "a"}, Idempotency_Key="once")
    filled.patch(f"{CHECKPOINTS}/golden", {"description": "b"})
    assert filled.patch(f"{CHECKPOINTS}/golden", {"description": "a"}, Idempotency_Key="once") == first
    assert filled.get(f"{CHECKPOINTS}/golden").json()["description"] == "b"


@pytest.mark.parametrize("field", ["name", "version", "archived_at"])
def test_what_is_frozen_is_not_edited(filled: Client, field: str) -> None:
    filled.post(CHECKPOINTS, {"name": "golden"})
    assert only_error(filled.patch(f"{CHECKPOINTS}/golden", {field: "1"})) == (422, "unknown_field", f"/{field}")


def test_an_archived_checkpoint_is_listed_when_asked_for_and_reads(filled: Client, writer: Client) -> None:
    for name in ("golden", "silver"):
        filled.post(CHECKPOINTS, {"name": name})
    archived = writer.send("POST", f"{CHECKPOINTS}/golden/archive")
    assert (archived.status, archived.json()["archived_by"]) == (200, "will")
    assert writer.send("POST", f"{CHECKPOINTS}/golden/archive") == archived

    def names(query: str) -> list[str]:
        return [item["name"] for item in filled.get(f"{CHECKPOINTS}{query}").json()["items"]]

    assert names("") == names("?archived=false") == ["silver"]
    assert names("?archived=true") == ["golden"]
    assert names("?archived=all") == ["silver", "golden"]
    assert filled.get(f"{TRAIN}/frames?version=golden").status == 200
    assert writer.send("POST", f"{CHECKPOINTS}/golden/unarchive").json()["archived_at"] is None
    assert names("") == ["silver", "golden"]


@pytest.mark.parametrize(("method", "part"), [("GET", ""), ("PATCH", ""), ("POST", "/archive"), ("POST", "/unarchive")])
def test_a_checkpoint_that_is_not_there_is_not_found(api: Client, method: str, part: str) -> None:
    body = json.dumps({"description": "x"}).encode() if method == "PATCH" else None
    response = api.send(method, f"{CHECKPOINTS}/ghost{part}", body, {"content-type": "application/json"})
    assert only_error(response) == (404, "unknown_checkpoint", "checkpoint")
