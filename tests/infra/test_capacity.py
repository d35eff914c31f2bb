"""A deployment is sized by the account's quota of Lambda, and its table by the load that it can take."""

import re

import pytest

from infra.bundle import ROOT
from infra.capacity import Capacity, from_context
from tests.infra.template import Template

WORKFLOWS = ["Transfer", "Purge", "Checkpoint"]


def read(**values: object) -> Capacity:
    return from_context(values.get)


def calls(capacity: Capacity) -> int:
    """Returns the calls of all queues and of one execution of a workflow."""
    queues = capacity.apply_calls + capacity.intake_calls + capacity.publish_calls + capacity.dead_letter_calls
    return queues + capacity.workflow_shards


def test_an_account_with_the_usual_quota_applies_six_datasets_of_sixteen_shards_at_once() -> None:
    assert read() == Capacity(
        concurrency=400,
        apply_calls=100,
        intake_calls=20,
        publish_calls=20,
        dead_letter_calls=2,
        workflow_shards=16,
        write_units=16_000,
    )


def test_an_account_with_ten_calls_leaves_one_to_the_api_at_the_worst() -> None:
    smallest = read(concurrency=10)
    queues = smallest.apply_calls, smallest.intake_calls, smallest.publish_calls
    assert (*queues, smallest.workflow_shards) == (2, 2, 2, 1)
    assert calls(smallest) == 9


@pytest.mark.parametrize("concurrency", range(40, 1001, 20))
def test_queues_and_a_workflow_leave_half_of_the_calls_to_the_api(concurrency: int) -> None:
    assert calls(read(concurrency=concurrency)) <= concurrency / 2


@pytest.mark.parametrize("concurrency", range(10, 1001, 30))
def test_no_queue_is_limited_to_fewer_calls_than_lambda_accepts(concurrency: int) -> None:
    capacity = read(concurrency=concurrency)
    assert min(capacity.apply_calls, capacity.intake_calls, capacity.publish_calls, capacity.dead_letter_calls) >= 2


def _documented() -> list[list[int]]:
    """Returns the rows of the table in the page on operations: the concurrency, the calls, and what is left."""
    (section,) = re.findall(
        r"^### Small accounts$(.*?)^### ", (ROOT / "docs" / "operations.md").read_text(), re.M | re.S
    )
    rows = [line.strip("|").split("|") for line in section.splitlines() if re.match(r"\| [\d,]+", line)]
    return [[int(cell.split(", ")[0].replace(",", "")) for cell in row] for row in rows]


@pytest.mark.parametrize("row", _documented(), ids=lambda row: str(row[0]))
def test_the_shares_of_a_concurrency_are_documented(row: list[int]) -> None:
    concurrency, *shares, left = row
    planned = read(concurrency=concurrency)
    queues = [planned.apply_calls, planned.intake_calls, planned.publish_calls, planned.dead_letter_calls]
    assert [*queues, planned.workflow_shards] == shares
    assert left == concurrency - calls(planned)


def test_more_than_it_can_use_is_not_asked_of_the_account() -> None:
    assert read(concurrency=5000) == read(concurrency=400)


def test_a_value_of_the_command_line_is_one_of_the_file() -> None:
    assert read(concurrency="50", warm_write_units="24000") == read(concurrency=50, warm_write_units=24_000)


@pytest.mark.parametrize("value", ["9", 9, 0, "-100", "many", "", "1e3", 10.5, True, ["100"], "\u0661\u0660\u0660"])
def test_any_other_concurrency_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="concurrency must be a whole number of at least 10; got"):
        read(concurrency=value)


@pytest.mark.parametrize("value", ["3999", 0, "none", -4000])
def test_a_table_is_not_prepared_for_less_than_dynamodb_gives_every_table(value: object) -> None:
    with pytest.raises(ValueError, match="warm_write_units must be a whole number of at least 4000; got"):
        read(warm_write_units=value)


def test_a_table_that_is_to_start_like_any_other_costs_nothing() -> None:
    assert read(warm_write_units=4000).write_units is None


def test_a_small_deployment_pays_for_no_capacity_that_it_cannot_use() -> None:
    assert read(concurrency=10).write_units is None
    assert read(concurrency=10, warm_write_units=8000).write_units == 8000


def test_the_table_is_prepared_for_the_writes_of_sixteen_shards(template: Template) -> None:
    table = template.properties("DynamoDB::Table", "DataTable")
    assert table["WarmThroughput"] == {"WriteUnitsPerSecond": 16_000}


def test_what_is_prepared_is_never_below_what_dynamodb_has_grown_to(template: Template) -> None:
    """DynamoDB refuses a lower value. Reads and indexes grow by themselves, so the template names none of theirs."""
    table = template.properties("DynamoDB::Table", "DataTable")
    assert "ReadUnitsPerSecond" not in table["WarmThroughput"]
    assert not [index for index in table["GlobalSecondaryIndexes"] if "WarmThroughput" in index]


@pytest.mark.parametrize("table", ["DataKeys", "DataIdempotency"])
def test_small_tables_are_not_prepared(template: Template, table: str) -> None:
    assert "WarmThroughput" not in template.properties("DynamoDB::Table", table)


def _mapped(template: Template) -> dict[str, int]:
    """Returns the most calls at once that the mapping of each function makes."""
    mappings = [each["Properties"] for each in template.of_type("Lambda::EventSourceMapping").values()]
    return {
        mapping["FunctionName"]["Ref"][len("Functions") : -8]: mapping["ScalingConfig"]["MaximumConcurrency"]
        for mapping in mappings
    }


def test_the_queues_make_the_planned_calls(template: Template, template_of_a_small_account: Template) -> None:
    assert _mapped(template) == {"Apply": 100, "Intake": 20, "Publish": 20, "DeadLetter": 2}
    assert _mapped(template_of_a_small_account) == {"Apply": 2, "Intake": 2, "Publish": 2, "DeadLetter": 2}


def test_a_small_account_gets_a_table_like_any_other(template_of_a_small_account: Template) -> None:
    assert "WarmThroughput" not in template_of_a_small_account.properties("DynamoDB::Table", "DataTable")


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_of_a_small_account_works_on_one_shard_at_a_time(
    template_of_a_small_account: Template, workflow: str
) -> None:
    assert template_of_a_small_account.definition(workflow)["States"]["Shards"]["MaxConcurrency"] == 1


@pytest.mark.parametrize("function", ["Api", "Authorizer"])
def test_nothing_is_reserved_which_a_small_account_would_refuse(template: Template, function: str) -> None:
    assert "ReservedConcurrentExecutions" not in template.properties("Lambda::Function", f"Functions{function}")
