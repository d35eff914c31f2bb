"""The checkpoint function, called as the state machine calls it."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from functions.checkpoint import handler as checkpoint
from functions.workflow_step import MIN_MILLISECONDS
from tests.integration.functions.conftest import Context
from tests.simulation.world import World
from tidemark.checkpoints import checkpoints, frame_pages
from tidemark.domain.checkpoints import Checkpoint
from tidemark.domain.workflows import ArtifactStatus
from tidemark.ingest.requests import submit

WHERE = {"project": "birds", "dataset": "train"}


LONG, SHORT = Context(MIN_MILLISECONDS + 1), Context(MIN_MILLISECONDS)


@pytest.fixture
def work(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The `work` of a checkpoint of five frames, one a page, whose workflow has started."""
    monkeypatch.setattr(checkpoint, "backend", world.process())
    monkeypatch.setattr(frame_pages, "MAX_PAGE_FRAMES", 1)
    rows = [{"op": "ADD", "frame": {"frame_id": f"f{number}"}} for number in range(5)]
    body = json.dumps({"mutations": rows}).encode()
    submit(world.process(), **WHERE, body=body, actor="ann", idempotency_key=None)
    world.drain()
    checkpoints.create_checkpoint(
        world.process(),
        project="birds",
        dataset="train",
        name="golden",
        version="LATEST",
        description="",
        metadata={},
        actor="ann",
    )
    (execution,) = world.executions.values()
    assert execution.input["shards"] == [0, 1]
    return execution.input["work"]


def golden(world: World) -> Checkpoint:
    return checkpoints.get_checkpoint(world.process(), **WHERE, checkpoint="golden")


def call(event: dict[str, Any], context: Context = LONG) -> bool:
    progress: dict[str, bool] = checkpoint.handler(event, context)
    (done,) = progress.values()
    return done


def test_a_checkpoint_is_ready_after_its_shards_and_the_finish(world: World, work: Any) -> None:
    assert all(call({"step": "shard", "work": work, "shard": shard}) for shard in (0, 1))
    assert golden(world).status is ArtifactStatus.WRITING
    assert call({"step": "finish", "work": work})
    assert golden(world).status is ArtifactStatus.READY


def test_a_call_whose_time_is_short_does_one_page_and_asks_for_another_call(work: Any) -> None:
    events = [{"step": "shard", "work": work, "shard": shard} for shard in (0, 1)]
    calls = len(events)
    for event in events:
        while not call(event, SHORT):
            calls += 1
    assert calls == 5


def test_a_failure_is_recorded_and_counts_as_done(world: World, work: Any) -> None:
    assert call({"step": "fail", "work": work, "failure": {"Error": "States.Timeout", "Cause": ""}})
    assert (golden(world).status, golden(world).reason) == (ArtifactStatus.FAILED, "States.Timeout")


@pytest.mark.parametrize("event", [{}, {"step": "shard"}, {"step": "other", "work": {}}])
def test_what_is_no_step_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        call(event)


def test_what_a_step_raises_is_raised_for_the_state_machine_to_try_again(work: Any) -> None:
    with pytest.raises(LookupError):
        call({"step": "finish", "work": work})
