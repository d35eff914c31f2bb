"""All functions are deployed from one bundle for one machine type, traced, and logged for a limited time."""

import pytest

from tests.infra.template import Template, as_text, without_hash
from tidemark.checkpoints.coco import Numbering
from tidemark.checkpoints.frame_pages import MAX_PAGE_PAYLOAD_BYTES
from tidemark.domain.canonical import canonical_json
from tidemark.domain.limits import MAX_CLASS_KEYPOINTS, MAX_LABELS_PER_FRAME

HANDLERS = {
    "FunctionsApi": "functions.api.handler.handler",
    "FunctionsAuthorizer": "functions.authorizer.handler.handler",
    "FunctionsIntake": "functions.intake.handler.handler",
    "FunctionsApply": "functions.apply.handler.handler",
    "FunctionsPublish": "functions.publish.handler.handler",
    "FunctionsDeadLetter": "functions.dead_letter.handler.handler",
    "FunctionsTransfer": "functions.transfer.handler.handler",
    "FunctionsPurge": "functions.purge.handler.handler",
    "FunctionsCheckpoint": "functions.checkpoint.handler.handler",
}


def test_there_are_these_functions_and_none_of_the_cdks(template: Template) -> None:
    handlers = {each["Properties"]["Handler"] for each in template.of_type("Lambda::Function").values()}
    assert handlers == set(HANDLERS.values())


@pytest.mark.parametrize("function", HANDLERS)
def test_a_function_is_traced(template: Template, function: str) -> None:
    assert template.properties("Lambda::Function", function)["TracingConfig"] == {"Mode": "Active"}


@pytest.mark.parametrize("function", HANDLERS)
def test_a_function_runs_on_arm_machines(template: Template, function: str) -> None:
    assert template.properties("Lambda::Function", function)["Architectures"] == ["arm64"]


def test_all_functions_are_deployed_from_one_bundle(template: Template) -> None:
    bundles = {each["Properties"]["Code"]["S3Key"] for each in template.of_type("Lambda::Function").values()}
    assert len(bundles) == 1


def test_every_log_is_kept_for_a_limited_time(template: Template) -> None:
    groups = template.of_type("Logs::LogGroup")
    assert len(groups) == len(HANDLERS) + len(template.of_type("StepFunctions::StateMachine")) + 1
    assert {each["Properties"]["RetentionInDays"] for each in groups.values()} == {30, 90}


VENDED = {
    "ApiAccessLogs": "/aws/vendedlogs/apigateway/AWS::StackName-Access",
    "WorkflowsTransferLogs": "/aws/vendedlogs/states/AWS::StackName-Transfer",
    "WorkflowsPurgeLogs": "/aws/vendedlogs/states/AWS::StackName-Purge",
    "WorkflowsCheckpointLogs": "/aws/vendedlogs/states/AWS::StackName-Checkpoint",
}


def test_logs_that_services_write_share_an_entry_of_the_accounts_policy(template: Template) -> None:
    """Other names take an entry each, which stays, until the policy is full and a deployment fails."""
    names = {
        without_hash(name): as_text(group["Properties"]["LogGroupName"])
        for name, group in template.of_type("Logs::LogGroup").items()
        if "LogGroupName" in group["Properties"]
    }
    assert names == VENDED


def test_the_api_answers_before_the_gateway_gives_up(template: Template) -> None:
    assert template.properties("Lambda::Function", "FunctionsApi")["Timeout"] < 30


def test_a_page_of_any_coco_file_fits_the_disk_of_who_writes_it(template: Template) -> None:
    function = template.properties("Lambda::Function", "FunctionsCheckpoint")
    names = [f"k{number}" for number in range(MAX_CLASS_KEYPOINTS)]
    label = {"id": "l", "type": "KEYPOINTS_2D", "class": "c", "keypoints": [{"name": "k1", "x": 1.0, "y": 2.0}]}
    frame = {"frame_id": "f", "labels": [label] * MAX_LABELS_PER_FRAME}
    _, annotations = Numbering(0, 0, {"c": 1}, {"c": names}).number(frame)
    growth = len(canonical_json(annotations)) / len(canonical_json(frame))
    assert growth * MAX_PAGE_PAYLOAD_BYTES < 0.6 * function["EphemeralStorage"]["Size"] * 1024**2
