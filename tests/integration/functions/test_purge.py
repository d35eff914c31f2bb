"""The purge function runs each step of its workflow and returns whether the step is done."""

from typing import Any

import pytest
from pydantic import ValidationError

from functions.purge import handler as purge
from tests.integration.functions.conftest import Context
from tests.simulation.world import World
from tests.support.purges import archive_for_purge, begin_purge, items, purges
from tests.support.uploads import DATASET, PROJECT, add, upload
from tidemark.aws import table
from tidemark.datasets import datasets


@pytest.fixture
def steps(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The `work` of a purge that has started."""
    monkeypatch.setattr(purge, "backend", world.process())
    upload(world, *(add(f"f{number}") for number in range(10)))
    archive_for_purge(world)
    begin_purge(world)
    return {"work": purges(world)[-1].input["work"]}


def test_shards_are_deleted_and_then_all_else(world: World, steps: dict[str, Any]) -> None:
    for shard in purges(world)[-1].input["shards"]:
        assert purge.handler({"step": "shard", "shard": shard, **steps}, Context()) == {"done": True}
    progress = [purge.handler({"step": "finish", **steps}, Context()) for _ in range(2)]
    assert progress == [{"done": False}, {"done": True}]
    assert items(world, steps["work"]["uid"]) == []


def test_a_shard_is_not_done_where_time_runs_out(steps: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "DELETE_PAGE_ITEMS", 1)
    assert purge.handler({"step": "shard", "shard": 0, **steps}, Context(59_000)) == {"done": False}


def test_a_failure_is_recorded_with_its_reason(world: World, steps: dict[str, Any]) -> None:
    failure = {"Error": "NotDeleted", "Cause": '{"errorMessage": "three objects"}'}
    assert purge.handler({"step": "fail", "failure": failure, **steps}, Context()) == {"done": True}
    state = datasets.get_dataset(world.process(), PROJECT, DATASET).purge
    assert state is not None
    assert state.failure == "NotDeleted: three objects; request the purge again to continue where it stopped."


def test_a_step_that_nobody_knows_is_refused(steps: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        purge.handler({"step": "dance", **steps}, Context())
