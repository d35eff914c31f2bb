"""Fixtures: the API on services that moto emulates, with a project and a dataset."""

import io
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from functions.api import handler
from functions.api.http import deployment, idempotency, throttle
from tests.simulation.gateway import Answer, Client
from tests.simulation.world import World, new_world
from tidemark.aws.backend import Backend
from tidemark.domain.api_keys import Grant, Role

TRAIN = "/projects/birds/datasets/train"


def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Yields a world in which the API function finds its tables and its backend."""
    with new_world() as world:
        table = f"idempotency-{uuid.uuid4()}"
        backend = world.process()
        backend.dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        monkeypatch.setenv("TIDEMARK_IDEMPOTENCY_TABLE", table)
        monkeypatch.setattr(Backend, "from_environment", lambda: backend)
        for cached in (deployment.backend, throttle.throttle, idempotency._idempotent_write, idempotency._config):
            cached.cache_clear()
        yield world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    yield from deployed(monkeypatch)


@pytest.fixture
def api(world: World) -> Client:  # noqa: ARG001 - the deployment behind the client
    """The client of an administrator, in a deployment with project `birds` and dataset `train`."""
    client = Client()
    assert client.post("/projects", {"name": "birds", "classes": [{"name": "heron"}, {"name": "stork"}]}).status == 201
    assert client.post("/projects/birds/datasets", {"name": "train", "shards": 2}).status == 201
    return client


@pytest.fixture
def reader() -> Client:
    return Client(Grant(name="rita", role=Role.READ, projects=("birds",)))


@pytest.fixture
def writer() -> Client:
    return Client(Grant(name="will", role=Role.WRITE, projects=("birds",)))


@pytest.fixture
def filled(api: Client, world: World) -> Client:
    """The same client, with the dataset at version 2: `f1` was added, then `f2`."""
    for frame_id in ("f1", "f2"):
        row = {"op": "ADD", "frame": {"frame_id": frame_id}}
        assert api.post(f"{TRAIN}/mutations", {"mutations": [row]}).status == 202
        world.drain()
    return api


def only_error(response: Answer) -> tuple[int, str, str]:
    """Returns the status, and the code and location of the only error."""
    (error,) = response.json()["errors"]
    return response.status, error["code"], error.get("pointer") or error.get("parameter")


class Logs(io.StringIO):
    """The log of the function."""

    def text(self) -> str:
        """Returns the whole log."""
        return self.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        """Returns the entries."""
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Logs:
    stream = Logs()
    monkeypatch.setattr(handler.logger.registered_handler, "stream", stream)
    return stream
