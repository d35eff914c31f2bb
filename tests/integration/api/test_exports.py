"""Statistics and exports of checkpoints: request, follow and download (R15)."""

from typing import Any

import pytest

from tests.integration.api.conftest import TRAIN, only_error
from tests.simulation.gateway import BASE, Client
from tests.simulation.world import World
from tests.support.checkpoint_workflow import fail, run_all

GOLDEN = f"{TRAIN}/checkpoints/golden"
EXPORTS = f"{GOLDEN}/exports"


@pytest.fixture
def frozen(api: Client, world: World) -> Client:
    """A client of a dataset with 3 frames and checkpoint `golden`, whose manifest is not written yet."""
    rows = [{"op": "ADD", "frame": {"frame_id": f"f{n}", "metadata": {"turn": n}}} for n in range(3)]
    assert api.post(f"{TRAIN}/mutations", {"mutations": rows}).status == 202
    world.drain()
    assert api.post(f"{TRAIN}/checkpoints", {"name": "golden"}).json()["status"] == "WRITING"
    return api


@pytest.fixture
def ready(frozen: Client, world: World) -> Client:
    """The same client, with the manifest written."""
    run_all(world)
    return frozen


def test_a_checkpoint_tells_when_its_manifest_is_written(frozen: Client, world: World) -> None:
    assert only_error(frozen.get(f"{GOLDEN}/statistics")) == (409, "checkpoint_not_ready", "checkpoint")
    assert frozen.get(f"{TRAIN}/frames?version=golden").status == 200
    run_all(world)
    assert frozen.get(GOLDEN).json()["status"] == "READY"
    statistics = frozen.get(f"{GOLDEN}/statistics").json()
    assert (statistics["frames"], statistics["metadata"]["turn"]["max"]) == (3, 2)


def test_a_manifest_that_failed_is_told_and_retried_by_a_writer(
    frozen: Client, writer: Client, reader: Client, world: World
) -> None:
    (execution,) = world.executions.values()
    fail(world, execution, "States.Timeout")
    world.executions.clear()
    failed = frozen.get(GOLDEN).json()
    assert (failed["status"], failed["reason"]) == ("FAILED", "States.Timeout")
    refused = frozen.get(f"{GOLDEN}/statistics")
    assert "could not be written (States.Timeout); retry it" in refused.json()["detail"]
    assert reader.send("POST", f"{GOLDEN}/retry").status == 403
    retried = writer.send("POST", f"{GOLDEN}/retry")
    assert (retried.status, retried.json()["status"], retried.json()["attempt"]) == (200, "WRITING", 2)
    run_all(world)
    assert frozen.get(GOLDEN).json()["status"] == "READY"


def test_an_export_is_asked_for_followed_and_fetched_by_a_reader(ready: Client, reader: Client, world: World) -> None:
    assert ready.get(EXPORTS).json() == {"items": [], "cursor": None}
    requested = reader.post(EXPORTS, {"format": "jsonl"})
    assert (requested.status, requested.headers["Location"]) == (202, f"{BASE}{EXPORTS}/jsonl")
    assert (requested.json()["status"], requested.json()["requested_by"], requested.json()["files"]) == (
        "WRITING",
        "rita",
        None,
    )
    assert only_error(reader.get(f"{EXPORTS}/jsonl/files")) == (409, "export_not_ready", "format")
    run_all(world)
    export = reader.get(f"{EXPORTS}/jsonl").json()
    assert (export["status"], export["rows"], export["left_out"]) == ("READY", 3, {})
    assert reader.get(EXPORTS).json()["items"] == [export]
    page = reader.get(f"{EXPORTS}/jsonl/files?limit=1").json()
    assert page["items"][0]["name"] == "frames-00-000000.jsonl.gz"
    assert page["items"][0]["get"]["url"].startswith("https://")
    assert reader.post(EXPORTS, {"format": "jsonl"}).json() == export


def test_an_export_that_failed_is_told_and_begun_again_by_the_same_request(ready: Client, world: World) -> None:
    ready.post(EXPORTS, {"format": "coco"})
    (execution,) = world.executions.values()
    fail(world, execution, "States.Timeout")
    world.executions.clear()
    assert ready.get(f"{EXPORTS}/coco").json()["status"] == "FAILED"
    refused = ready.get(f"{EXPORTS}/coco/files")
    assert "could not be written (States.Timeout); request it again" in refused.json()["detail"]
    assert ready.post(EXPORTS, {"format": "coco"}).json()["status"] == "WRITING"
    run_all(world)
    assert ready.get(f"{EXPORTS}/coco").json()["status"] == "READY"


def test_an_export_waits_for_the_manifest(frozen: Client) -> None:
    refused = frozen.post(EXPORTS, {"format": "parquet"})
    assert only_error(refused) == (409, "checkpoint_not_ready", "checkpoint")
    assert "is being written; try again when its status is READY" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, (422, "missing_field", "/format")),
        ({"format": "csv"}, (422, "unknown_value", "/format")),
        ({"format": 1}, (422, "unknown_value", "/format")),
        ({"format": "coco", "version": "1"}, (422, "unknown_field", "/version")),
    ],
)
def test_what_is_no_export_is_refused(ready: Client, body: dict[str, Any], refusal: tuple[int, str, str]) -> None:
    assert only_error(ready.post(EXPORTS, body)) == refusal


@pytest.mark.parametrize("part", ["/statistics", "/exports", "/exports/coco", "/exports/coco/files"])
def test_a_checkpoint_that_is_not_there_has_none(ready: Client, part: str) -> None:
    response = ready.get(f"{TRAIN}/checkpoints/ghost{part}")
    assert only_error(response) == (404, "unknown_checkpoint", "checkpoint")


def test_an_export_that_nobody_asked_for_is_not_found(ready: Client) -> None:
    assert only_error(ready.get(f"{EXPORTS}/coco")) == (404, "unknown_export", "format")


def test_a_cursor_of_another_export_is_refused(ready: Client, world: World) -> None:
    for form in ("jsonl", "parquet"):
        ready.post(EXPORTS, {"format": form})
    run_all(world)
    cursor = ready.get(f"{EXPORTS}/jsonl/files?limit=1").json()["cursor"]
    assert cursor
    assert only_error(ready.get(f"{EXPORTS}/parquet/files?cursor={cursor}"))[:2] == (422, "foreign_cursor")
