"""Statistics and exports of checkpoints as a client asks for, follows and fetches them (R15)."""

from typing import Any

import pytest

from tests.simulation.gateway import BASE, Answer, Client
from tests.simulation.world import World
from tests.support.run_workflows import fail, run_all

TRAIN = "/projects/birds/datasets/train"
GOLDEN = f"{TRAIN}/checkpoints/golden"
EXPORTS = f"{GOLDEN}/exports"


@pytest.fixture
def frozen(api: Client, world: World) -> Client:
    """A dataset of 3 frames, and checkpoint `golden` of it, whose manifest is still to be written."""
    rows = [{"op": "ADD", "frame": {"frame_id": f"f{n}", "metadata": {"turn": n}}} for n in range(3)]
    assert api.post(f"{TRAIN}/mutations", {"mutations": rows}).status == 202
    world.drain()
    assert api.post(f"{TRAIN}/checkpoints", {"name": "golden"}).json()["status"] == "WRITING"
    return api


@pytest.fixture
def ready(frozen: Client, world: World) -> Client:
    """The same, with its manifest written."""
    run_all(world)
    return frozen


def fault(answer: Answer) -> tuple[int, str, str]:
    """Status, and code and place of the only fault."""
    (error,) = answer.json()["errors"]
    return answer.status, error["code"], error.get("pointer") or error.get("parameter")


def test_a_checkpoint_tells_when_its_manifest_is_written(frozen: Client, world: World) -> None:
    assert fault(frozen.get(f"{GOLDEN}/statistics")) == (409, "checkpoint_not_ready", "checkpoint")
    assert frozen.get(f"{TRAIN}/frames?version=golden").status == 200
    run_all(world)
    assert frozen.get(GOLDEN).json()["status"] == "READY"
    found = frozen.get(f"{GOLDEN}/statistics").json()
    assert (found["frames"], found["metadata"]["turn"]["max"]) == (3, 2)


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
    again = writer.send("POST", f"{GOLDEN}/retry")
    assert (again.status, again.json()["status"], again.json()["attempt"]) == (200, "WRITING", 2)
    run_all(world)
    assert frozen.get(GOLDEN).json()["status"] == "READY"


def test_an_export_is_asked_for_followed_and_fetched_by_a_reader(ready: Client, reader: Client, world: World) -> None:
    assert ready.get(EXPORTS).json() == {"items": [], "cursor": None}
    asked = reader.post(EXPORTS, {"format": "jsonl"})
    assert (asked.status, asked.headers["Location"]) == (202, f"{BASE}{EXPORTS}/jsonl")
    assert (asked.json()["status"], asked.json()["requested_by"], asked.json()["files"]) == ("WRITING", "rita", None)
    assert fault(reader.get(f"{EXPORTS}/jsonl/files")) == (409, "export_not_ready", "format")
    run_all(world)
    made = reader.get(f"{EXPORTS}/jsonl").json()
    assert (made["status"], made["rows"], made["left_out"]) == ("READY", 3, {})
    assert reader.get(EXPORTS).json()["items"] == [made]
    page = reader.get(f"{EXPORTS}/jsonl/files?limit=1").json()
    assert page["items"][0]["name"] == "frames-00-000000.jsonl.gz"
    assert page["items"][0]["get"]["url"].startswith("https://")
    assert reader.post(EXPORTS, {"format": "jsonl"}).json() == made


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
    assert fault(refused) == (409, "checkpoint_not_ready", "checkpoint")
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
    assert fault(ready.post(EXPORTS, body)) == refusal


@pytest.mark.parametrize("part", ["/statistics", "/exports", "/exports/coco", "/exports/coco/files"])
def test_a_checkpoint_that_is_not_there_has_none(ready: Client, part: str) -> None:
    answer = ready.get(f"{TRAIN}/checkpoints/ghost{part}")
    assert fault(answer) == (404, "unknown_checkpoint", "checkpoint")


def test_an_export_that_nobody_asked_for_is_not_found(ready: Client) -> None:
    assert fault(ready.get(f"{EXPORTS}/coco")) == (404, "unknown_export", "format")


def test_a_cursor_of_another_export_is_refused(ready: Client, world: World) -> None:
    for form in ("jsonl", "parquet"):
        ready.post(EXPORTS, {"format": form})
    run_all(world)
    cursor = ready.get(f"{EXPORTS}/jsonl/files?limit=1").json()["cursor"]
    assert cursor
    assert fault(ready.get(f"{EXPORTS}/parquet/files?cursor={cursor}"))[:2] == (422, "foreign_cursor")
