"""The transfer function runs each step of its workflow and returns whether the step is done."""

from typing import Any

import pytest
from pydantic import ValidationError

from functions.transfer import handler as transfer
from tests.integration.functions.conftest import Context
from tests.simulation.world import World
from tests.support.frames import state
from tests.support.transfers import start_clone
from tests.support.uploads import add, get_upload, upload
from tidemark.transfers import workflow


@pytest.fixture
def steps(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The `work` of a clone that has started."""
    monkeypatch.setattr(transfer, "backend", world.process())
    upload(world, *(add(f"f{number}") for number in range(10)))
    start_clone(world, "copy")
    return {"work": world.transfers()[0].input["work"]}


def test_shards_are_read_and_then_sent(world: World, steps: dict[str, Any]) -> None:
    for shard in (0, 1):
        assert transfer.handler({"step": "shard", "shard": shard, **steps}, Context()) == {"done": True}
    assert transfer.handler({"step": "finish", **steps}, Context()) == {"done": True}
    world.ended.update(world.executions)
    world.drain()
    assert len(state(world, 1, dataset="copy")) == 10


def test_a_shard_is_not_done_where_time_runs_out(steps: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "MAX_CHUNK_ROWS", 1)
    assert transfer.handler({"step": "shard", "shard": 0, **steps}, Context(59_000)) == {"done": False}


def test_a_failure_is_recorded_with_its_reason(world: World, steps: dict[str, Any]) -> None:
    failure = {"Error": "PackCorrupt", "Cause": '{"errorMessage": "no such digest", "stackTrace": ["…"]}'}
    assert transfer.handler({"step": "fail", "failure": failure, **steps}, Context()) == {"done": True}
    after = get_upload(world, steps["work"]["upload"], dataset="copy")
    assert (after.status, after.reason) == (
        "FAILED",
        "Its rows could not be made: PackCorrupt: no such digest. A retry of the upload goes on where it stopped.",
    )


def test_a_step_that_nobody_knows_is_refused(steps: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        transfer.handler({"step": "dance", **steps}, Context())


def test_work_that_nobody_began_is_refused(steps: dict[str, Any]) -> None:
    with pytest.raises(LookupError):
        transfer.handler({"step": "finish", "work": steps["work"] | {"upload": "none"}}, Context())
