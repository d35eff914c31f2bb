"""The example rules are valid templates, match the right events only, and use fields that events have.

moto deploys the templates and matches the events, as AWS would.
"""

import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from cfnlint.decode.cfn_yaml import load
from moto import mock_aws

from tidemark.aws.events import Event, UploadSettled, VersionPublished, announce
from tidemark.domain.uploads import Upload, UploadStatus

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "events"
MAIL, TRAIN = EXAMPLES / "mail-when-an-upload-fails.yaml", EXAMPLES / "train-on-new-version.yaml"

STATE_MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:train"
ADDRESS = {"Address": "team@example.org"}
STREET = {"Project": "street", "Dataset": "drives", "StateMachineArn": STATE_MACHINE}

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")
"""moto ignores what it does not support: policies of queues and topics, and subscriptions."""

SETTLED, PARTIAL, FAILED = UploadStatus.SETTLED, UploadStatus.PARTIAL, UploadStatus.FAILED


def version_of(dataset: str, project: str = "street") -> VersionPublished:
    return VersionPublished(project=project, dataset=dataset, uid="58c7632f9669b8a6", version=5, uploads=["7f80"])


def upload_of(status: UploadStatus, project: str = "street") -> UploadSettled:
    now = datetime.now(UTC)
    upload = Upload(
        id="7f80", project=project, dataset="drives", status=status, actor="ann", accepted_at=now, settled_at=now
    )
    return UploadSettled.of("58c7632f9669b8a6", upload)


class Example:
    """A template that is deployed with parameters."""

    def __init__(self, template: Path, parameters: dict[str, str]) -> None:
        stack = boto3.client("cloudformation")
        name = f"example-{uuid.uuid4().hex}"  # moto may still have the stacks of other tests
        stack.create_stack(
            StackName=name,
            TemplateBody=template.read_text(),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        (deployed,) = stack.describe_stacks(StackName=name)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in deployed["Outputs"]}
        self.events = boto3.client("events")
        self.rule = self.outputs["RuleName"]
        (self.target,) = self.events.list_targets_by_rule(Rule=self.rule)["Targets"]

    def matches(self, event: Event) -> bool:
        """Announces an event and returns whether the rule matches it."""
        sqs = boto3.client("sqs")
        queue = sqs.create_queue(QueueName=f"heard-{uuid.uuid4().hex}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.events.put_targets(Rule=self.rule, Targets=[{"Id": self.target["Id"], "Arn": arn}])
        backend: Any = SimpleNamespace(events=self.events)
        announce(backend, [event])
        heard = [json.loads(message["Body"]) for message in sqs.receive_message(QueueUrl=queue).get("Messages", [])]
        return [each["detail"] for each in heard] == [event.model_dump(mode="json")]


@pytest.fixture(autouse=True)
def account() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.mark.parametrize("template", [MAIL, TRAIN], ids=lambda path: path.stem)
def test_cfn_lint_finds_nothing(template: Path) -> None:
    command = str(Path(sys.executable).with_name("cfn-lint"))
    process = subprocess.run([command, "--template", str(template)], capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert (process.returncode, process.stdout) == (0, "")


@pytest.mark.parametrize(
    ("event", "mailed"),
    [
        (upload_of(PARTIAL), True),
        (upload_of(FAILED), True),
        (upload_of(FAILED, "another"), True),
        (upload_of(SETTLED), False),
        (version_of("drives"), False),
    ],
)
def test_uploads_of_which_rows_failed_are_mailed(event: Event, mailed: bool) -> None:
    assert Example(MAIL, ADDRESS).matches(event) is mailed


@pytest.mark.parametrize(
    ("event", "mailed"),
    [
        (upload_of(PARTIAL), True),
        (upload_of(FAILED), True),
        (upload_of(FAILED, "street-2"), False),
        (upload_of(SETTLED), False),
        (version_of("drives"), False),
    ],
)
def test_uploads_to_one_project_are_mailed_alone_if_it_is_given(event: Event, mailed: bool) -> None:
    assert Example(MAIL, {**ADDRESS, "Project": "street"}).matches(event) is mailed


@pytest.mark.parametrize(
    ("event", "trained"),
    [
        (version_of("drives"), True),
        (version_of("drives-2"), False),
        (version_of("drives", "another"), False),
        (upload_of(SETTLED), False),
        (upload_of(PARTIAL), False),
    ],
)
def test_versions_of_one_dataset_start_training(event: Event, trained: bool) -> None:
    assert Example(TRAIN, STREET).matches(event) is trained


@pytest.mark.parametrize(
    ("template", "parameters", "model"), [(MAIL, ADDRESS, UploadSettled), (TRAIN, STREET, VersionPublished)]
)
def test_what_an_example_passes_on_is_told_by_its_events(
    template: Path, parameters: dict[str, str], model: type[Event]
) -> None:
    transformer = Example(template, parameters).target["InputTransformer"]
    paths = {name: f"$.detail.{name}" for name in model.model_fields}
    assert transformer["InputPathsMap"].items() <= paths.items()
    assert set(re.findall(r"<(.*?)>", transformer["InputTemplate"])) == transformer["InputPathsMap"].keys()


def test_the_role_of_the_rule_may_start_one_state_machine_and_nothing_else() -> None:
    role = load(str(TRAIN))["Resources"]["Role"]["Properties"]
    (policy,) = role["Policies"]
    assert "ManagedPolicyArns" not in role
    assert policy["PolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "states:StartExecution", "Resource": {"Ref": "StateMachineArn"}}
    ]


def test_what_cannot_be_delivered_is_kept_encrypted_for_two_weeks() -> None:
    example = Example(TRAIN, STREET)
    queue = boto3.client("sqs").get_queue_attributes(QueueUrl=example.outputs["UndeliveredUrl"], AttributeNames=["All"])
    kept = queue["Attributes"]
    assert example.target["DeadLetterConfig"] == {"Arn": kept["QueueArn"]}
    assert (kept["SqsManagedSseEnabled"], kept["MessageRetentionPeriod"]) == ("true", "1209600")
