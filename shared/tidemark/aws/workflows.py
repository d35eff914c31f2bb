"""Starts executions of the Step Functions state machines that `infra` defines."""

from enum import StrEnum

from pydantic import BaseModel
from pydantic_core import to_json

from tidemark.aws.backend import Backend


class Workflow(StrEnum):
    """A state machine that the service starts."""

    TRANSFER = "transfer"
    """Writes the rows of a roll back or a clone."""
    CHECKPOINT = "checkpoint"
    """Writes a checkpoint's manifests and statistics, or one of its exports."""
    PURGE = "purge"
    """Deletes a dataset permanently."""


def start(backend: Backend, workflow: Workflow, work: BaseModel, shards: int, *, name: str) -> None:
    """Starts an execution of a state machine. Does nothing if an execution of the same `name` exists.

    The execution's input is `work`, and the numbers of all `shards` shards. `name` has 1 to 80 letters, digits, `-` and
    `_`.
    """
    try:
        backend.states.start_execution(
            stateMachineArn=backend.workflow_arns[workflow],
            name=name,
            input=to_json({"work": work, "shards": list(range(shards))}).decode(),
        )
    except backend.states.exceptions.ExecutionAlreadyExists:
        return
