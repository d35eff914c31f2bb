"""A step of a workflow waits for transient errors to pass, and fails for other errors."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from functions.workflow_step import MAX_PAUSE_SECONDS, MIN_MILLISECONDS, run_step
from tidemark.aws.table import Contended
from tidemark.domain.workflows import FailStep, Failure, PurgeWork, ShardStep

WORK = PurgeWork(project="birds", dataset="train", uid="d1", attempt=1)
SHARD = ShardStep[PurgeWork](step="shard", work=WORK, shard=0)


class Call:
    """A Lambda call whose time passes while it sleeps."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.pauses: list[float] = []
        self.backend: Any = SimpleNamespace(sleep=self._sleep)
        self.context: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: self.seconds * 1000)

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds -= seconds

    def run(self, run: Callable[[], bool], step: Any = SHARD) -> Any:
        """Runs a step. Returns whether it is done."""
        return run_step(self.backend, Logger(), self.context, step, lambda *_: run())["done"]


def throttled(times: int) -> tuple[Callable[[], bool], list[int]]:
    """Returns work that is throttled so many times, then done, and the list of its attempts."""
    attempts: list[int] = []

    def run() -> bool:
        attempts.append(len(attempts))
        if len(attempts) <= times:
            raise Contended
        return True

    return run, attempts


def test_a_step_goes_on_in_the_same_call_when_the_table_has_room_again() -> None:
    run, attempts = throttled(3)
    call = Call(seconds=300)
    assert call.run(run) is True
    assert len(attempts) == 4


def test_pauses_are_random() -> None:
    call = Call(seconds=300)
    call.run(throttled(5)[0])
    assert len(set(call.pauses)) > 1
    assert all(MAX_PAUSE_SECONDS / 2 <= pause <= MAX_PAUSE_SECONDS for pause in call.pauses)


def test_a_step_that_stays_throttled_is_continued_in_another_call_and_does_not_fail() -> None:
    call = Call(seconds=300)
    assert call.run(throttled(1000)[0]) is False
    assert 0 < call.seconds * 1000 <= MIN_MILLISECONDS


def test_an_error_of_its_own_fails_the_call_at_once() -> None:
    call = Call(seconds=300)

    def run() -> bool:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        call.run(run)
    assert call.pauses == []


def test_a_failure_that_cannot_be_recorded_is_left_to_the_state_machine() -> None:
    step = FailStep[PurgeWork](step="fail", work=WORK, failure=Failure.model_validate({"Error": "Timeout"}))
    with pytest.raises(Contended):
        Call(seconds=300).run(throttled(1)[0], step)
