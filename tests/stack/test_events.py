"""Tidemark sends events of datasets to the event bus, and the rules of the examples act on them.

The bus is not part of the API. These tests therefore use the account as its owner would: they deploy the examples
beside Tidemark, with a queue and a state machine as targets of their rules.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

from infra.local.server import ROOT
from infra.local.stack import LocalStack
from tests.support.deployed.client import Dataset, Json, wait_until
from tests.support.deployed.rows import add, modify
from tidemark.aws.events import UploadSettled, VersionPublished

EXAMPLES = ROOT / "examples" / "events"
MAIL = (EXAMPLES / "mail-when-an-upload-fails.yaml").read_text()
TRAIN = (EXAMPLES / "train-on-new-version.yaml").read_text()


def allowed(service: str, action: str, **resource: Any) -> Json:
    """Returns a policy that allows one action to an AWS service."""
    statement = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": action, **resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def queue_behind(service: str) -> str:
    """Returns the template of a queue that a service may send to."""
    leave = {"Queues": [{"Ref": "Queue"}], "PolicyDocument": allowed(service, "sqs:SendMessage", Resource="*")}
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Leave": {"Type": "AWS::SQS::QueuePolicy", "Properties": leave},
    }
    outputs = {"Url": {"Value": {"Ref": "Queue"}}, "Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}}}
    return json.dumps({"Resources": resources, "Outputs": outputs})


def state_machine() -> str:
    """Returns the template of a state machine that does nothing."""
    role = {"AssumeRolePolicyDocument": allowed("states", "sts:AssumeRole")}
    machine = {
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "Definition": {"StartAt": "Train", "States": {"Train": {"Type": "Pass", "End": True}}},
    }
    resources = {
        "Role": {"Type": "AWS::IAM::Role", "Properties": role},
        "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
    }
    return json.dumps({"Resources": resources, "Outputs": {"Arn": {"Value": {"Ref": "Machine"}}}})


class Account:
    """The account to which Tidemark is deployed, used by its owner."""

    def __init__(self, stack: LocalStack) -> None:
        self._endpoint = stack.server.endpoint
        self._session = boto3.Session(
            region_name=stack.aws["AWS_REGION"],
            aws_access_key_id=stack.aws["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=stack.aws["AWS_SECRET_ACCESS_KEY"],
        )

    def client(self, service: Any) -> Any:
        """Returns a client of an AWS service."""
        return self._session.client(service, endpoint_url=self._endpoint)

    @contextmanager
    def deployed(self, template: str, **parameters: str) -> Iterator[Json]:
        """Deploys a template, yields the stack's outputs, and deletes the stack."""
        stacks, name = self.client("cloudformation"), f"events-{uuid.uuid4().hex[:12]}"
        stacks.create_stack(
            StackName=name,
            TemplateBody=template,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        try:
            stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
            (stack,) = stacks.describe_stacks(StackName=name)["Stacks"]
            yield {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        finally:
            stacks.delete_stack(StackName=name)
            stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})

    @contextmanager
    def heard(self, rule: str) -> Iterator["Queue"]:
        """Adds a queue to a rule's targets, which receives whole events, and yields it."""
        events = self.client("events")
        with self.deployed(queue_behind("events")) as queue:
            events.put_targets(Rule=rule, Targets=[{"Id": "heard", "Arn": queue["Arn"]}])
            try:
                yield Queue(self.client("sqs"), queue["Url"])
            finally:
                events.remove_targets(Rule=rule, Ids=["heard"])

    @contextmanager
    def mailbox(self, topic: str) -> Iterator["Queue"]:
        """Subscribes a queue to a topic, to receive what its subscribers are mailed, and yields it."""
        sns = self.client("sns")
        with self.deployed(queue_behind("sns")) as queue:
            subscribed = sns.subscribe(
                TopicArn=topic, Protocol="sqs", Endpoint=queue["Arn"], ReturnSubscriptionArn=True
            )
            try:
                yield Queue(self.client("sqs"), queue["Url"])
            finally:
                sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])

    def inputs(self, machine: str) -> list[Json]:
        """Returns the inputs of a state machine's executions."""
        states = self.client("stepfunctions")
        executions = states.list_executions(stateMachineArn=machine)["executions"]
        started = [states.describe_execution(executionArn=each["executionArn"]) for each in executions]
        return [json.loads(each["input"]) for each in started]


class Queue:
    """A queue from which all messages are received."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs = sqs
        self._url = url
        self._messages: list[Json] = []

    def message(self) -> Json:
        """Waits for a message and returns it. Fails if there are more."""
        wait_until(lambda: bool(self._read()), "a message")
        (only,) = self._read()
        return only

    def _read(self) -> list[Json]:
        received = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", [])
        self._messages.extend(json.loads(message["Body"]) for message in received)
        return self._messages


@pytest.fixture
def account(stack: LocalStack) -> Account:
    return Account(stack)


def partial(dataset: Dataset) -> Json:
    """Uploads an applied, a dropped and a rejected row, and returns the settled upload."""
    return dataset.upload(add("cam-1"), modify("cam-2"), {"op": "ADD"})


def test_a_version_is_announced_and_starts_training_on_it(account: Account, dataset: Dataset) -> None:
    with (
        account.deployed(state_machine()) as machine,
        account.deployed(
            TRAIN, Project=dataset.project, Dataset=dataset.name, StateMachineArn=machine["Arn"]
        ) as example,
        account.heard(example["RuleName"]) as queue,
    ):
        upload = partial(dataset)
        event = queue.message()
        wait_until(lambda: bool(account.inputs(machine["Arn"])), "the state machine to start")
        inputs = account.inputs(machine["Arn"])
    place = {"project": dataset.project, "dataset": dataset.name}
    uid = dataset.read()["uid"]
    assert (event["source"], event["detail-type"]) == ("tidemark", "version published")
    assert event["detail"] == {**place, "uid": uid, "version": 1, "uploads": [upload["id"]]}
    assert event["detail"].keys() == VersionPublished.model_fields.keys()
    assert inputs == [{**place, "version": 1, "job": f"tidemark-{uid}-1"}]


def test_an_upload_that_settles_as_partial_is_announced_and_mailed(account: Account, dataset: Dataset) -> None:
    with (
        account.deployed(MAIL, Address="team@example.org", Project=dataset.project) as example,
        account.heard(example["RuleName"]) as queue,
        account.mailbox(example["TopicArn"]) as mails,
    ):
        upload = partial(dataset)
        event = queue.message()
        mail = mails.message()["Message"]
    fields = {name: value for name, value in upload.items() if name in UploadSettled.model_fields}
    assert (event["source"], event["detail-type"]) == ("tidemark", "upload partial")
    assert event["detail"] == {**fields, "uid": dataset.read()["uid"], "upload": upload["id"]}
    assert event["detail"].keys() == UploadSettled.model_fields.keys()
    place = f"{dataset.project}/{dataset.name}"
    assert mail.splitlines() == [
        f'"Upload {upload["id"]} to {place} is PARTIAL."',
        '"Rows: 3. Applied: 1, dropped: 1, rejected: 1, failed: 0."',
        f'"Accepted from {upload["actor"]} at {upload["accepted_at"]}."',
        f'"Which rows, and why: tidemark errors {place} {upload["id"]}"',
    ]
