"""The purge function: each step of its workflow is done, and answers whether it is done with."""

from typing import Any

import pytest
from pydantic import ValidationError

from functions.purge import handler as purge
from tests.integration.functions.conftest import Context
from tests.simulation.world import World
from tests.support.purging import archived, begun, items, purges
from tests.support.sending import DATASET, PROJECT, add, upload
from tidemark.aws import table
from tidemark.datasets import datasets


class Call(Context):
    """An invocation with some of its time left."""

    def __init__(self, milliseconds: int = 200_000) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@pytest.fixture
def steps(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The work of a purge that has begun."""
    monkeypatch.setattr(purge, "backend", world.process())
    upload(world, *(add(f"f{number}") for number in range(10)))
    archived(world)
    begun(world)
    return {"work": purges(world)[-1].input["work"]}


def test_shards_are_deleted_and_then_all_else(world: World, steps: dict[str, Any]) -> None:
    for shard in purges(world)[-1].input["shards"]:
        assert purge.handler({"step": "shard", "shard": shard, **steps}, Call()) == {"done": True}
    answers = [purge.handler({"step": "finish", **steps}, Call()) for _ in range(2)]
    assert answers == [{"done": False}, {"done": True}]
    assert items(world, steps["work"]["uid"]) == []


def test_a_shard_is_not_done_where_time_runs_out(steps: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "DELETE_PAGE_ITEMS", 1)
    assert purge.handler({"step": "shard", "shard": 0, **steps}, Call(59_000)) == {"done": False}


def test_a_failure_is_recorded_with_its_reason(world: World, steps: dict[str, Any]) -> None:
    failure = {"Error": "NotDeleted", "Cause": '{"errorMessage": "three objects"}'}
    assert purge.handler({"step": "fail", "failure": failure, **steps}, Call()) == {"done": True}
    found = datasets.get_dataset(world.process(), PROJECT, DATASET).purge
    assert found is not None
    assert found.failure == "NotDeleted: three objects; the purge goes on where it stopped when it is asked for again."


def test_a_step_that_nobody_knows_is_refused(steps: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        purge.handler({"step": "dance", **steps}, Call())
