"""The functions: all there, traced, logged for a limited time, deployed from one bundle for one machine type."""

import pytest

from tests.infra.template import Template

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


def test_the_api_answers_before_the_gateway_gives_up(template: Template) -> None:
    assert template.properties("Lambda::Function", "FunctionsApi")["Timeout"] < 30
