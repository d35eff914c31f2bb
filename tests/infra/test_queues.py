"""Queues keep order and lose no message."""

import pytest

from tests.infra.template import Template
from tidemark.recovery.resume import SWEPT_EVERY

ORDERED = ["IngestWindows", "IngestWindowsDead", "IngestSettled", "IngestSettledDead"]
QUEUES = [*ORDERED, "IngestFiles", "IngestFilesDead"]
MAX_RECEIVES = 1000
"""SQS's highest `maxReceiveCount`."""
CONSUMED = [
    ("IngestWindows", "FunctionsApply"),
    ("IngestSettled", "FunctionsPublish"),
    ("IngestFiles", "FunctionsIntake"),
    ("IngestWindowsDead", "FunctionsDeadLetter"),
]


@pytest.mark.parametrize("queue", ORDERED)
def test_a_queue_with_an_order_is_fifo_with_throughput_of_its_own_for_each_group(
    template: Template, queue: str
) -> None:
    properties = template.properties("SQS::Queue", queue)
    assert properties["FifoQueue"] is True
    assert properties["DeduplicationScope"] == "messageGroup"
    assert properties["FifoThroughputLimit"] == "perMessageGroupId"


@pytest.mark.parametrize("queue", ["IngestFiles", "IngestFilesDead"])
def test_files_have_no_order(template: Template, queue: str) -> None:
    assert "FifoQueue" not in template.properties("SQS::Queue", queue)


@pytest.mark.parametrize("queue", QUEUES)
def test_every_queue_is_encrypted(template: Template, queue: str) -> None:
    assert template.properties("SQS::Queue", queue)["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize("queue", QUEUES)
def test_every_queue_refuses_requests_without_tls(template: Template, queue: str) -> None:
    statements = template.properties("SQS::QueuePolicy", f"{queue}Policy")["PolicyDocument"]["Statement"]
    (statement,) = [each for each in statements if each["Effect"] == "Deny"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("queue", ["IngestWindows", "IngestSettled", "IngestFiles"])
def test_what_cannot_be_processed_is_set_aside(template: Template, queue: str) -> None:
    dead, _ = template.one("SQS::Queue", f"{queue}Dead")
    redrive = template.properties("SQS::Queue", queue)["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": [dead, "Arn"]}


@pytest.mark.parametrize("queue", ["IngestWindows", "IngestSettled", "IngestFiles"])
def test_receives_alone_set_nothing_aside_for_hours(template: Template, queue: str) -> None:
    """SQS counts a receive even if Lambda has no call left for it, so a busy account must not use the receives up."""
    properties = template.properties("SQS::Queue", queue)
    assert properties["RedrivePolicy"]["maxReceiveCount"] == MAX_RECEIVES
    assert properties["VisibilityTimeout"] * MAX_RECEIVES > 12 * 3600


@pytest.mark.parametrize(("queue", "function"), CONSUMED)
def test_a_message_stays_hidden_for_longer_than_its_function_may_take(
    template: Template, queue: str, function: str
) -> None:
    hidden = template.properties("SQS::Queue", queue)["VisibilityTimeout"]
    assert hidden > template.properties("Lambda::Function", function)["Timeout"]


@pytest.mark.parametrize(("queue", "function"), CONSUMED)
def test_a_function_reports_which_messages_failed(template: Template, queue: str, function: str) -> None:
    source, target = template.one("SQS::Queue", queue)[0], template.one("Lambda::Function", function)[0]
    mappings = [each["Properties"] for each in template.of_type("Lambda::EventSourceMapping").values()]
    (mapping,) = [each for each in mappings if each["EventSourceArn"] == {"Fn::GetAtt": [source, "Arn"]}]
    assert mapping["FunctionName"] == {"Ref": target}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("queue", ["IngestWindows", "IngestFiles"])
def test_one_message_a_call_so_that_none_is_set_aside_for_anothers_failure(template: Template, queue: str) -> None:
    source, _ = template.one("SQS::Queue", queue)
    mappings = [each["Properties"] for each in template.of_type("Lambda::EventSourceMapping").values()]
    (mapping,) = [each for each in mappings if each["EventSourceArn"] == {"Fn::GetAtt": [source, "Arn"]}]
    assert mapping["BatchSize"] == 1


def test_uploads_are_swept_as_often_as_resuming_them_assumes(template: Template) -> None:
    (rule,) = [
        rule["Properties"]
        for rule in template.of_type("Events::Rule").values()
        if "ScheduleExpression" in rule["Properties"]
    ]
    assert rule["ScheduleExpression"] == f"rate({SWEPT_EVERY.seconds // 60} minutes)"
