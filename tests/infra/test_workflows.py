"""The state machines have one form, are limited in time and in calls, and record every failure."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.infra.template import Template

MACHINES = ["Transfer", "Purge", "Checkpoint"]
MAX_EVENTS = 25_000
"""Step Functions' limit for an execution's history."""
EVENTS_PER_CALL = 7
"""A task is entered, scheduled, started, succeeds and is left. The choice after it is entered and left."""
EVENTS_PER_RETRY = 3
"""A task that is retried fails, and is scheduled and started again."""

State = dict[str, Any]


@pytest.fixture(params=MACHINES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def machine(name: str, template: Template) -> dict[str, Any]:
    return template.properties("StepFunctions::StateMachine", f"Workflows{name}Machine")


@pytest.fixture
def definition(name: str, template: Template) -> dict[str, Any]:
    return template.definition(name)


def _states(definition: dict[str, Any]) -> Iterator[tuple[str, State]]:
    """Yields all states with their names, including those inside the map."""
    for name, state in definition["States"].items():
        yield name, state
        if state["Type"] == "Map":
            yield from _states(state["ItemProcessor"])


def _calls(definition: dict[str, Any]) -> dict[str, State]:
    return {name: state for name, state in _states(definition) if state["Type"] == "Task"}


def test_every_workflow_is_one_of_these(template: Template) -> None:
    assert len(template.of_type("StepFunctions::StateMachine")) == len(MACHINES)


def test_it_calls_one_function_with_the_three_steps(definition: dict[str, Any], name: str) -> None:
    arguments = [state["Arguments"] for state in _calls(definition).values()]
    assert {each["FunctionName"] for each in arguments} == {f"Functions{name}"}
    assert [each["Payload"]["step"] for each in arguments] == ["shard", "finish", "fail"]
    assert {each["Payload"]["work"] for each in arguments} == {"{% $states.context.Execution.Input.work %}"}


def test_every_call_is_tried_again_whatever_it_failed_of(definition: dict[str, Any]) -> None:
    for call in _calls(definition).values():
        assert call["Retry"][-1]["ErrorEquals"] == ["States.ALL"]
        assert {retry["JitterStrategy"] for retry in call["Retry"]} == {"FULL"}


def _waits(retry: dict[str, Any]) -> list[float]:
    """Returns the longest waits before the retries of a call, in seconds. Full jitter halves them on average."""
    first, rate, most = retry["IntervalSeconds"], retry["BackoffRate"], retry["MaxDelaySeconds"]
    return [min(first * rate**attempt, most) for attempt in range(retry["MaxAttempts"])]


def test_the_tries_of_a_call_come_to_a_quarter_of_an_hour_at_most(definition: dict[str, Any]) -> None:
    assert 600 < sum(_waits(definition["States"]["Finish"]["Retry"][-1])) <= 960


def test_a_call_that_the_account_has_no_room_for_is_tried_again_for_hours(definition: dict[str, Any]) -> None:
    for call in _calls(definition).values():
        throttled = call["Retry"][0]
        assert throttled["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
        assert sum(_waits(throttled)) / 2 > 3.9 * 3600


def test_retries_of_throttled_calls_leave_the_history_its_room(definition: dict[str, Any]) -> None:
    shards = definition["States"]["Shards"]
    throttled = shards["ItemProcessor"]["States"]["Shard"]["Retry"][0]
    assert shards["MaxConcurrency"] * throttled["MaxAttempts"] * EVENTS_PER_RETRY < 0.2 * MAX_EVENTS


@pytest.mark.parametrize("state", ["Shards", "Finish"])
def test_a_failure_for_good_is_told_to_the_function(definition: dict[str, Any], state: str) -> None:
    (caught,) = definition["States"][state]["Catch"]
    assert caught["ErrorEquals"] == ["States.ALL"]
    assert definition["States"][caught["Next"]]["Arguments"]["Payload"]["failure"] == "{% $states.input.failure %}"


def test_after_that_the_execution_fails(definition: dict[str, Any]) -> None:
    after = definition["States"]["Fail"]["Next"]
    assert definition["States"][after]["Type"] == "Fail"


def test_it_ends_in_time_to_tell_of_it_and_otherwise_an_hour_later(definition: dict[str, Any]) -> None:
    too_late = [state["Choices"][1] for _, state in _states(definition) if state["Type"] == "Choice"]
    assert {choice["Condition"].rpartition(" > ")[2] for choice in too_late} == {f"{12 * 3600 * 1000} %}}"}
    assert {choice["Next"] for choice in too_late} == {"ShardLate", "FinishLate"}
    assert definition["States"]["FinishLate"]["Next"] == "Fail"
    assert definition["TimeoutSeconds"] == 13 * 3600


def test_the_calls_that_fit_its_time_fit_its_history(template: Template, definition: dict[str, Any]) -> None:
    stretch = template.properties("Lambda::Function", "FunctionsTransfer")["Timeout"] - 60
    calls = 12 * 3600 / stretch * definition["States"]["Shards"]["MaxConcurrency"]
    assert 0.7 * MAX_EVENTS < calls * EVENTS_PER_CALL < 0.9 * MAX_EVENTS


def test_nothing_is_collected_from_the_shards(definition: dict[str, Any]) -> None:
    shards = definition["States"]["Shards"]
    assert shards["Output"] == shards["ItemProcessor"]["States"]["ShardDone"]["Output"] == {}


def test_a_call_outlives_its_function(template: Template, definition: dict[str, Any]) -> None:
    longest = template.properties("Lambda::Function", "FunctionsTransfer")["Timeout"]
    assert {call["TimeoutSeconds"] for call in _calls(definition).values()} == {900}
    assert longest < 900


def test_its_log_tells_of_errors_and_of_no_data(machine: dict[str, Any]) -> None:
    logging = machine["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)


def test_it_is_traced(machine: dict[str, Any]) -> None:
    assert machine["TracingConfiguration"] == {"Enabled": True}


def test_who_starts_purges_is_told_where(template: Template) -> None:
    variables = template.properties("Lambda::Function", "FunctionsApi")["Environment"]["Variables"]
    assert variables["TIDEMARK_WORKFLOW_PURGE"]["Ref"].startswith("WorkflowsPurgeMachine")


@pytest.mark.parametrize("starter", ["Api", "Intake"])
def test_who_starts_transfers_is_told_where(template: Template, starter: str) -> None:
    variables = template.properties("Lambda::Function", f"Functions{starter}")["Environment"]["Variables"]
    assert variables["TIDEMARK_WORKFLOW_TRANSFER"]["Ref"].startswith("WorkflowsTransferMachine")
