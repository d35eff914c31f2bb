"""The API over real services on moto, with a project and a dataset in it."""

import io
import json
import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

# Powertools reads these when the handler's module is loaded.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Tidemark")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "1")

from functions.api import handler
from functions.api.http import deployment, idempotency, throttle
from tests.simulation.gateway import Client
from tests.simulation.world import World, new_world
from tidemark.aws.backend import Backend
from tidemark.domain.api_keys import Grant, Role


def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world in which the API's function finds what it needs, until it is gone on with."""
    with new_world() as made:
        table = f"idempotency-{uuid.uuid4()}"
        backend = made.process()
        backend.dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        monkeypatch.setenv("TIDEMARK_IDEMPOTENCY_TABLE", table)
        monkeypatch.setattr(Backend, "from_environment", lambda: backend)
        for remembered in (deployment.backend, throttle.throttle, idempotency._remembered, idempotency._config):
            remembered.cache_clear()
        yield made


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    yield from deployed(monkeypatch)


@pytest.fixture
def api(world: World) -> Client:  # noqa: ARG001 - the deployment behind the client
    """An administrator of all projects, in a deployment with project `birds` and dataset `train`."""
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


class Logs(io.StringIO):
    """What the function logs from now on."""

    def text(self) -> str:
        """All of it."""
        return self.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        """Each entry."""
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Logs:
    written = Logs()
    monkeypatch.setattr(handler.logger.registered_handler, "stream", written)
    return written
