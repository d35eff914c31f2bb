"""Runs started executions of the checkpoint workflow, as the state machine does."""

from collections.abc import Callable
from itertools import count
from typing import Any

from pydantic import TypeAdapter

from tests.simulation.roles import acting_as
from tests.simulation.world import Execution, World
from tidemark.aws.workflows import Workflow
from tidemark.checkpoints.model import CheckpointStep
from tidemark.checkpoints.workflow import take_step

STEP: TypeAdapter[CheckpointStep] = TypeAdapter(CheckpointStep)
MAX_CALLS = 1000
"""Calls of one step after which a test fails, because the step would never end."""


def run_all(world: World, has_time: Callable[[], bool] = lambda: True) -> list[str]:
    """Runs all started executions, forgets them and returns their names."""
    names = [name for name, execution in world.executions.items() if execution.workflow == Workflow.CHECKPOINT]
    for name in names:
        run(world, world.executions[name], has_time)
        del world.executions[name]
    return names


def run(world: World, execution: Execution, has_time: Callable[[], bool] = lambda: True) -> None:
    """Runs one execution to its end: the shards, then the finish. Raises what a step raises."""
    for shard in execution.input["shards"]:
        repeat(world, {"step": "shard", "work": execution.input["work"], "shard": shard}, has_time)
    repeat(world, {"step": "finish", "work": execution.input["work"]}, has_time)


def repeat(world: World, event: dict[str, Any], has_time: Callable[[], bool] = lambda: True) -> int:
    """Calls a step until it is done. Returns the number of calls."""
    for calls in count(1):
        if take(world, event, has_time):
            return calls
        assert calls < MAX_CALLS, "the step never ends"
    raise AssertionError


def take(world: World, event: dict[str, Any], has_time: Callable[[], bool] = lambda: True) -> bool:
    """Calls a step once, in a process of its own and under its role. Returns whether it is done."""
    with acting_as("Checkpoint"):
        return take_step(world.process(), STEP.validate_python(event), has_time)


def fail(world: World, execution: Execution, error: str = "Lambda.Timeout", cause: str = "") -> None:
    """Records that an execution failed, as the state machine does in its last step."""
    failure = {"Error": error, "Cause": cause}
    take(world, {"step": "fail", "work": execution.input["work"], "failure": failure})
