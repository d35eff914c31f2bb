"""The permissions of each role match those that were reviewed."""

import pytest

from tests.infra.template import Template, as_list, as_text
from tests.support.permissions import REVIEWED, TRACES

MACHINES = {"Transfer": "FunctionsTransfer", "Purge": "FunctionsPurge", "Checkpoint": "FunctionsCheckpoint"}
"""Each state machine and the only function that it calls."""

DELIVER_LOGS = {
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}
SAMPLE_TRACES = {"xray:GetSamplingRules", "xray:GetSamplingTargets"}


def _allowed(template: Template, role: str) -> dict[str, set[str]]:
    allowed: dict[str, set[str]] = {}
    for statement in template.statements(role):
        assert statement["Effect"] == "Allow"
        for resource in as_list(statement["Resource"]):
            allowed.setdefault(as_text(resource), set()).update(as_list(statement["Action"]))
    return allowed


@pytest.mark.parametrize("function", REVIEWED)
def test_a_function_may_do_what_was_reviewed_and_nothing_else(template: Template, function: str) -> None:
    role, _ = template.one("IAM::Role", f"Functions{function}Role")
    assert _allowed(template, role) == REVIEWED[function]


@pytest.mark.parametrize("machine", MACHINES)
def test_a_state_machine_may_call_its_function_and_log_and_nothing_else(template: Template, machine: str) -> None:
    role, _ = template.one("IAM::Role", f"Workflows{machine}Role")
    assert _allowed(template, role) == {
        MACHINES[machine]: {"lambda:InvokeFunction"},
        "*": DELIVER_LOGS | TRACES | SAMPLE_TRACES,
    }


def test_no_role_carries_a_managed_policy(template: Template) -> None:
    assert not [
        name for name, role in template.of_type("IAM::Role").items() if "ManagedPolicyArns" in role["Properties"]
    ]


def test_only_functions_and_state_machines_have_roles(template: Template) -> None:
    assert len(template.of_type("IAM::Role")) == len(REVIEWED) + len(MACHINES)


def test_publish_puts_only_events_of_its_own_on_the_bus(template: Template) -> None:
    role, _ = template.one("IAM::Role", "FunctionsPublishRole")
    (statement,) = [each for each in template.statements(role) if each["Action"] == "events:PutEvents"]
    assert statement["Condition"] == {
        "ForAllValues:StringEquals": {"events:source": "tidemark"},
        "Null": {"events:source": "false"},
    }


@pytest.mark.parametrize(
    ("function", "prefixes"),
    [
        ("Api", ["packs/*", "checkpoints/*", "exports/*"]),
        ("Purge", ["packs/*", "checkpoints/*", "exports/*", "uploads/*"]),
        ("Checkpoint", ["checkpoints/*", "exports/*"]),
    ],
)
def test_of_the_bucket_only_what_is_counted_or_deleted_is_listed(
    template: Template, function: str, prefixes: list[str]
) -> None:
    role, _ = template.one("IAM::Role", f"Functions{function}Role")
    (statement,) = [each for each in template.statements(role) if each["Action"] == "s3:ListBucket"]
    assert statement["Condition"] == {"StringLike": {"s3:prefix": prefixes}}


def test_packs_are_deleted_by_purges_alone() -> None:
    deleting = [
        function for function in REVIEWED if "s3:DeleteObject" in REVIEWED[function].get("DataBucket/packs/*", set())
    ]
    assert deleting == ["Purge"]
