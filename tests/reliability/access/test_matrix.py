"""Every operation of the API's description, for every caller and project, against the reviewed rules."""

import pytest

from tests.reliability.access.deployment import Deployment
from tests.reliability.access.matrix import Outcome, attempt, cells, differences
from tests.reliability.access.operations import operations
from tests.reliability.access.rules import RULES


def outcomes_of(deployment: Deployment, name: str) -> list[Outcome]:
    return [attempt(deployment, cell) for cell in cells() if cell.operation.name == name]


def test_every_operation_has_a_rule_and_every_rule_an_operation() -> None:
    assert {operation.name for operation in operations()} == RULES.keys()


@pytest.mark.parametrize("name", RULES)
def test_an_operation_is_open_to_whom_the_rules_name_and_to_nobody_else(deployment: Deployment, name: str) -> None:
    outcomes = outcomes_of(deployment, name)
    violations = [violation for outcome in outcomes for violation in outcome.violations]
    assert violations + list(differences(outcomes)) == []
