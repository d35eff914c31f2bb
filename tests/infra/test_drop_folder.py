"""Intake receives an event of each file in the drop folder, and only named producers may upload any."""

from subprocess import CalledProcessError
from typing import Any

import pytest

from infra.local.assembly import assembly
from tests.infra.template import PRODUCERS, Template


def _statements(template: Template, queue: str) -> list[dict[str, Any]]:
    statements = template.properties("SQS::QueuePolicy", f"{queue}Policy")["PolicyDocument"]["Statement"]
    return [each for each in statements if each["Effect"] == "Allow"]


def _admitted(template: Template) -> list[dict[str, Any]]:
    """Returns the statements of the bucket's policy that allow anything."""
    statements = template.properties("S3::BucketPolicy", "DataBucketPolicy")["PolicyDocument"]["Statement"]
    return [each for each in statements if each["Effect"] == "Allow"]


def test_intake_is_told_of_new_objects_in_the_folder_of_this_bucket(template: Template) -> None:
    bucket, _ = template.one("S3::Bucket", "DataBucket")
    _, rule = template.one("Events::Rule", "DropFolderRule")
    assert rule["Properties"]["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [{"Ref": bucket}]}, "object": {"key": [{"prefix": "drop/"}]}},
    }


def test_what_cannot_be_told_is_kept_with_what_could_not_be_read(template: Template) -> None:
    queue, _ = template.one("SQS::Queue", "IngestFiles")
    dead, _ = template.one("SQS::Queue", "IngestFilesDead")
    _, rule = template.one("Events::Rule", "DropFolderRule")
    (target,) = rule["Properties"]["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [queue, "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [dead, "Arn"]}}


@pytest.mark.parametrize("queue", ["IngestFiles", "IngestFilesDead"])
def test_nothing_but_the_rules_is_let_into_a_queue_by_its_policy(template: Template, queue: str) -> None:
    allowed = _statements(template, queue)
    assert [each["Principal"] for each in allowed] == [{"Service": "events.amazonaws.com"}] * 2
    sources = [each["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::GetAtt"][0] for each in allowed]
    assert sorted(sources) == sorted(template.of_type("Events::Rule"))


@pytest.mark.parametrize("queue", ["IngestWindows", "IngestWindowsDead", "IngestSettled", "IngestSettledDead"])
def test_no_policy_lets_anything_into_the_other_queues(template: Template, queue: str) -> None:
    assert _statements(template, queue) == []


def test_nobody_else_may_put_files_where_no_producer_is_named(template: Template) -> None:
    assert _admitted(template) == []


def test_producers_that_are_named_may_put_files_into_the_folder_and_nothing_else(
    template_with_producers: Template,
) -> None:
    bucket, _ = template_with_producers.one("S3::Bucket", "DataBucket")
    (allowed,) = _admitted(template_with_producers)
    assert allowed["Principal"] == {"AWS": PRODUCERS}
    assert allowed["Action"] == "s3:PutObject"
    assert allowed["Resource"] == {"Fn::Join": ["", [{"Fn::GetAtt": [bucket, "Arn"]}, "/drop/*"]]}


def test_nobody_can_let_everyone_in(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CalledProcessError):
        assembly({"drop_producers": "arn:aws:iam::111122223333:root, *"})
    assert "must name AWS principals by their full ARNs" in capfd.readouterr().err
