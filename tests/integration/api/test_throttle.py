"""Throttling: a key that floods the API is refused until its window ends; other keys are not."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from functions.api.http import throttle
from functions.api.http.throttle import Throttle
from tests.integration.api.conftest import Logs
from tests.simulation.gateway import Client
from tests.simulation.world import World
from tidemark.access.throttling import MAX_KEY_REQUESTS, REPORT_EVERY, WINDOW_SECONDS
from tidemark.domain.api_keys import Grant, Role
from tidemark.domain.uploads import InFlight
from tidemark.ingest import backpressure

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""The start of a window."""


class Clock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.at = NOON.timestamp()

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def environments(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Selects, by number, the function environment that handles the next requests. All share one table."""
    throttles = [Throttle(world.process().dynamodb, os.environ["TIDEMARK_IDEMPOTENCY_TABLE"], clock) for _ in range(4)]

    def select(number: int) -> None:
        monkeypatch.setattr(throttle, "throttle", lambda: throttles[number % len(throttles)])

    select(0)
    return select


def flood(client: Client, requests: int, environments: Callable[[int], None]) -> list[int]:
    """Sends requests to all environments in turn and returns their statuses."""
    statuses = []
    for number in range(requests):
        environments(number)
        statuses.append(client.get("/no-such-thing").status)
    return statuses


@pytest.fixture
def noisy() -> Client:
    return Client(Grant(name="noisy", role=Role.READ, projects=("birds",)))


def test_a_key_that_floods_is_refused_and_other_keys_are_not(
    api: Client, noisy: Client, reader: Client, environments: Callable[[int], None]
) -> None:
    statuses = flood(noisy, MAX_KEY_REQUESTS + 4 * REPORT_EVERY, environments)
    assert set(statuses[:MAX_KEY_REQUESTS]) == {404}
    assert statuses[-1] == 429
    for number in range(4):
        environments(number)
        assert noisy.get("/projects/birds").status == 429
        assert reader.get("/projects/birds").status == 200
        assert api.get("/projects/birds").status == 200


@pytest.mark.usefixtures("api")
def test_a_key_is_taken_again_when_its_window_is_over(
    noisy: Client, environments: Callable[[int], None], clock: Clock
) -> None:
    flood(noisy, MAX_KEY_REQUESTS + 4 * REPORT_EVERY, environments)
    clock.at += WINDOW_SECONDS - 0.5
    refused = noisy.get("/projects/birds")
    assert refused.status == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 4
    clock.at += 0.5
    assert noisy.get("/projects/birds").status == 200


@pytest.mark.usefixtures("api")
def test_a_refusal_says_how_many_were_too_many_and_when_to_come_again(
    noisy: Client, environments: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    flood(noisy, MAX_KEY_REQUESTS + 4 * REPORT_EVERY, environments)
    capsys.readouterr()
    refused = noisy.get("/projects/birds")
    problem = refused.json()
    assert (problem["status"], problem["code"]) == (429, "too_many_requests")
    assert "'noisy' has sent more than 1,000 requests within 10 s" in problem["detail"]
    assert WINDOW_SECONDS <= int(refused.headers["Retry-After"]) < WINDOW_SECONDS + 4
    (measured,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "RequestsThrottled" in line]
    assert (measured["reason"], measured["RequestsThrottled"]) == ("too_many_requests", [1.0])


@pytest.mark.usefixtures("api")
def test_counting_that_fails_fails_no_request_and_is_told(
    reader: Client, clock: Clock, world: World, monkeypatch: pytest.MonkeyPatch, logs: Logs
) -> None:
    broken = Throttle(world.process().dynamodb, "no-such-table", clock)
    monkeypatch.setattr(throttle, "throttle", lambda: broken)
    assert {reader.get("/projects/birds").status for _ in range(REPORT_EVERY)} == {200}
    (warning,) = [line for line in logs.lines() if line["message"] == "requests not counted"]
    assert "ResourceNotFoundException" in warning["exception"]


@pytest.mark.usefixtures("api")
def test_a_count_expires(noisy: Client, environments: Callable[[int], None], world: World) -> None:
    flood(noisy, 4 * REPORT_EVERY, environments)
    (item,) = world.process().dynamodb.scan(TableName=os.environ["TIDEMARK_IDEMPOTENCY_TABLE"])["Items"]
    assert item["count"] == {"N": str(4 * REPORT_EVERY)}
    assert int(item["expiration"]["N"]) > NOON.timestamp() + WINDOW_SECONDS


@pytest.mark.usefixtures("api")
def test_rows_for_a_dataset_with_too_much_in_flight_are_refused_and_told_to_come_again(
    writer: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(backpressure, "QUOTA", InFlight(0, 0))
    capsys.readouterr()
    row = {"op": "ADD", "frame": {"frame_id": "f1"}}
    refused = writer.post("/projects/birds/datasets/train/mutations", {"mutations": [row]})
    assert (refused.status, refused.json()["code"]) == (429, "too_many_rows_in_flight")
    assert 10 <= int(refused.headers["Retry-After"]) < 14
    (measured,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "RequestsThrottled" in line]
    assert (measured["reason"], measured["RequestsThrottled"]) == ("too_many_rows_in_flight", [1.0])


def test_every_route_that_asks_for_a_key_may_say_that_it_is_too_much(api: Client) -> None:
    paths = api.get("/openapi.json").json()["paths"]
    operations = [operation for methods in paths.values() for operation in methods.values() if "x-role" in operation]
    assert {"429"} <= set.intersection(*(set(operation["responses"]) for operation in operations))
