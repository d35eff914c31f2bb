"""The API responds as its description says to any request: a part of `make faults`, in this process."""

import pytest

from functions.api import handler
from functions.api.openapi import describe
from functions.api.resources import projects
from tests.reliability.hostile.described import ANYTHING, Driven, Named, config, drive, only
from tests.reliability.hostile.in_process import application
from tests.simulation.gateway import Client
from tests.simulation.world import World

DATASET = "/projects/{project}/datasets/{dataset}"
SLICE = (
    "/projects/{project}/assets",
    f"{DATASET}/frames/{{frame}}",
    f"{DATASET}/frames/batch-get",
    f"{DATASET}/rollbacks",
)
"""Paths of different kinds of resources."""
BIRDS = Named("birds", "train", "spare", "cam-0001", "car-1", "no-upload", "golden")


def driven(named: Named, *paths: str) -> Driven:
    how = config(named, origin="http://localhost", key="any", phases=("coverage",), examples=1)
    return drive(only(describe(handler.app), paths), how, application)


def test_answers_are_as_described(api: Client, world: World) -> None:
    frame = {"op": "ADD", "frame": {"frame_id": BIRDS.frame}}
    assert api.post("/projects/birds/datasets/train/mutations", {"mutations": [frame]}).status == 202
    world.drain()
    result = driven(BIRDS, *SLICE)
    assert result.failures == []
    assert {request.split("/api/v2")[1] for request in result.requests} == set(SLICE)
    assert "2xx" in result.statuses


def test_an_answer_that_is_not_as_described_is_told_with_its_request(
    api: Client,  # noqa: ARG001 - the deployment
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(projects, "backend", lambda: 1 / 0)
    result = driven(ANYTHING, "/projects")
    assert any("GET /api/v2/projects: Server error" in failure and "curl" in failure for failure in result.failures)
