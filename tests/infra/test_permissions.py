"""The permissions of each role match the reviewed list below, to which every new action or resource must be added."""

import pytest

from tests.infra.template import Template, as_list, as_text

LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACES = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
CONSUME = {
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
}
GET, BATCH_GET, QUERY = "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"
PUT, UPDATE, DELETE = "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"
CHECK = "dynamodb:ConditionCheckItem"
START = {"states:StartExecution"}
PACKS = {"s3:GetObject", "s3:PutObject"}
BUS = "arn:AWS::Partition:events:AWS::Region:AWS::AccountId:event-bus/default"

REVIEWED: dict[str, dict[str, set[str]]] = {
    "Api": {
        "FunctionsApiLogs": LOGS,
        "*": TRACES,
        "DataTable": {GET, BATCH_GET, QUERY, PUT, UPDATE, CHECK},
        "DataTable/index/unsettled": {QUERY},
        "DataTable/index/project_uploads": {QUERY},
        "DataTable/index/uploads": {QUERY},
        "DataBucket/packs/*": PACKS,
        "DataBucket/uploads/*": {"s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts"},
        "DataBucket/assets/*": {"s3:GetObject", "s3:PutObject"},
        "DataBucket/downloads/*": {"s3:GetObject", "s3:PutObject"},
        "DataBucket": {"s3:ListBucket"},
        "DataBucket/checkpoints/*": {"s3:GetObject"},
        "DataBucket/exports/*": {"s3:GetObject"},
        "IngestWindows": {"sqs:SendMessage"},
        "IngestFiles": {"sqs:SendMessage"},
        "DataIdempotency": {GET, PUT, UPDATE, DELETE},
        "WorkflowsTransferMachine": START,
        "WorkflowsPurgeMachine": START,
        "WorkflowsCheckpointMachine": START,
    },
    "Authorizer": {"FunctionsAuthorizerLogs": LOGS, "*": TRACES, "DataKeys": {GET}},
    "Intake": {
        "FunctionsIntakeLogs": LOGS,
        "*": TRACES,
        "DataTable": {GET, BATCH_GET, QUERY, PUT, UPDATE},
        "DataTable/index/unsettled": {QUERY},
        "DataBucket": {"s3:ListBucket"},
        "DataBucket/packs/*": PACKS,
        "DataBucket/uploads/*": {"s3:GetObject", "s3:GetObjectVersion"},
        "DataBucket/drop/*": {
            "s3:GetObject",
            "s3:GetObjectVersion",
            "s3:PutObjectTagging",
            "s3:PutObjectVersionTagging",
            "s3:DeleteObject",
        },
        "DataBucket/rejected/*": {"s3:PutObject"},
        "IngestFiles": CONSUME | {"sqs:SendMessage"},
        "IngestWindows": {"sqs:SendMessage"},
        "IngestSettled": {"sqs:SendMessage"},
        "WorkflowsTransferMachine": START,
    },
    "Apply": {
        "FunctionsApplyLogs": LOGS,
        "*": TRACES,
        "DataTable": {BATCH_GET, QUERY, PUT, CHECK},
        "DataBucket/packs/*": PACKS,
        "IngestWindows": CONSUME,
        "IngestSettled": {"sqs:SendMessage"},
    },
    "Publish": {
        "FunctionsPublishLogs": LOGS,
        "*": TRACES,
        "DataTable": {GET, BATCH_GET, PUT, UPDATE},
        "IngestSettled": CONSUME,
        BUS: {"events:PutEvents"},
    },
    "DeadLetter": {
        "FunctionsDeadLetterLogs": LOGS,
        "*": TRACES,
        "DataTable": {BATCH_GET, PUT},
        "IngestWindowsDead": CONSUME,
        "IngestSettled": {"sqs:SendMessage"},
    },
    "Transfer": {
        "FunctionsTransferLogs": LOGS,
        "*": TRACES,
        "DataTable": {GET, BATCH_GET, QUERY, PUT, UPDATE},
        "DataBucket/packs/*": {"s3:PutObject"},
        "IngestFiles": {"sqs:SendMessage"},
    },
    "Purge": {
        "FunctionsPurgeLogs": LOGS,
        "*": TRACES,
        "DataTable": {GET, BATCH_GET, QUERY, PUT, UPDATE, DELETE, "dynamodb:BatchWriteItem"},
        "DataBucket": {"s3:ListBucket"},
        "DataBucket/packs/*": {"s3:DeleteObject"},
        "DataBucket/checkpoints/*": {"s3:DeleteObject"},
        "DataBucket/exports/*": {"s3:DeleteObject"},
        "DataBucket/uploads/*": {"s3:DeleteObject"},
    },
    "Checkpoint": {
        "FunctionsCheckpointLogs": LOGS,
        "*": TRACES,
        "DataTable": {GET, BATCH_GET, QUERY, PUT},
        "DataBucket": {"s3:ListBucket"},
        "DataBucket/packs/*": {"s3:GetObject"},
        "DataBucket/checkpoints/*": {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"},
        "DataBucket/exports/*": {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"},
    },
}

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
    assert statement["Condition"] == {"StringEquals": {"events:source": "tidemark"}}


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
