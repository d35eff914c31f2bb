"""Every failure raises an alarm."""

import pytest

from tests.infra.template import Template, without_hash


def _watched(template: Template, metric: str, dimension: str) -> set[str]:
    """Returns the logical ids, without hashes, of the resources whose `metric` has an alarm."""
    alarms = [each["Properties"] for each in template.of_type("CloudWatch::Alarm").values()]
    values = [
        each["Value"]
        for alarm in alarms
        if alarm["MetricName"] == metric
        for each in alarm.get("Dimensions", [])
        if each["Name"] == dimension
    ]
    return {without_hash(value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]) for value in values}


@pytest.mark.parametrize("metric", ["Errors", "Throttles", "RecursiveInvocationsDropped"])
def test_every_function_has_an_alarm(template: Template, metric: str) -> None:
    functions = {without_hash(name) for name in template.of_type("Lambda::Function")}
    assert _watched(template, metric, "FunctionName") == functions


def test_every_queue_that_is_read_has_an_alarm_on_its_oldest_message(template: Template) -> None:
    read = {"IngestWindows", "IngestWindowsDead", "IngestSettled", "IngestFiles"}
    assert _watched(template, "ApproximateAgeOfOldestMessage", "QueueName") == read


def test_every_queue_that_nothing_reads_has_an_alarm_on_its_depth(template: Template) -> None:
    watched = _watched(template, "ApproximateNumberOfMessagesVisible", "QueueName")
    assert watched == {"IngestSettledDead", "IngestFilesDead"}


def test_a_file_is_late_only_after_a_try_and_another(template: Template) -> None:
    alarm = template.properties("CloudWatch::Alarm", "ObservabilityFilesLate")
    assert alarm["Threshold"] > template.properties("SQS::Queue", "IngestFiles")["VisibilityTimeout"]


def test_windows_that_were_given_up_raise_an_alarm(template: Template) -> None:
    alarms = [each["Properties"] for each in template.of_type("CloudWatch::Alarm").values()]
    given_up = [each for each in alarms if each["MetricName"] == "WindowsGivenUp"]
    assert {(alarm["Namespace"], alarm["Threshold"]) for alarm in given_up} == {("Tidemark", 0)}
    assert {each["Dimensions"][0]["Value"] for each in given_up} == {"apply", "dead_letter"}


@pytest.mark.parametrize("metric", ["ExecutionsFailed", "ExecutionsTimedOut"])
def test_every_workflow_has_an_alarm(template: Template, metric: str) -> None:
    machines = {without_hash(name) for name in template.of_type("StepFunctions::StateMachine")}
    assert _watched(template, metric, "StateMachineArn") == machines


def test_every_alarm_says_what_it_means(template: Template) -> None:
    alarms = [each["Properties"] for each in template.of_type("CloudWatch::Alarm").values()]
    assert all(len(alarm["AlarmDescription"]) > 30 for alarm in alarms)


def test_silence_is_no_alarm(template: Template) -> None:
    alarms = [each["Properties"] for each in template.of_type("CloudWatch::Alarm").values()]
    assert {alarm["TreatMissingData"] for alarm in alarms} == {"notBreaching"}


def test_there_is_a_dashboard(template: Template) -> None:
    assert len(template.of_type("CloudWatch::Dashboard")) == 1
