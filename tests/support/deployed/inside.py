"""Behind the public doors, for what no client can do: handing a queue a message that the service did not mean to send,
losing an object, and waiting less than a queue would.

Every function says why it has to reach inside. All else in these tests goes through the API.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import boto3

from infra.bundle import Target, build
from infra.local.deploy import zipped
from infra.local.stack import LocalStack
from infra.oidc_settings import OidcSettings
from tests.reliability.access.issuer import AUDIENCE, Issuer
from tests.support.deployed.client import wait_until
from tidemark.aws.backend import CLIENT_CONFIG, S3_CONFIG, Backend
from tidemark.catalog import dataset_records
from tidemark.domain.datasets import Dataset
from tidemark.domain.windows import Window
from tidemark.shards import packs
from tidemark.uploads import chunks

FORBIDDEN = "forbidden"
"""The policy by which a test takes rights away."""


def backend_of(stack: LocalStack) -> Backend:
    """The deployment as its own functions see it."""
    account = _account(stack)
    return Backend(
        dynamodb=boto3.client("dynamodb", config=CLIENT_CONFIG, **account),
        s3=boto3.client("s3", config=S3_CONFIG, **account),
        sqs=boto3.client("sqs", config=CLIENT_CONFIG, **account),
        events=boto3.client("events", config=CLIENT_CONFIG, **account),
        states=boto3.client("stepfunctions", config=CLIENT_CONFIG, **account),
        table=stack.outputs["TableName"],
        bucket=stack.outputs["BucketName"],
        windows_queue_url=stack.outputs["WindowsQueueUrl"],
        settled_queue_url=stack.outputs["SettledQueueUrl"],
        files_queue_url=stack.outputs["FilesQueueUrl"],
    )


def _account(stack: LocalStack) -> dict[str, Any]:
    """How clients of this stack's account are made."""
    return {
        "endpoint_url": stack.server.endpoint,
        "region_name": stack.aws["AWS_DEFAULT_REGION"],
        "aws_access_key_id": stack.aws["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": stack.aws["AWS_SECRET_ACCESS_KEY"],
    }


@contextmanager
def authorizer_with(stack: LocalStack, issuer: Issuer) -> Iterator[None]:
    """Give the authorizer an issuer, and the layer for it: to deploy the template once more for that takes a minute."""
    client = boto3.client("lambda", **_account(stack))
    functions = client.list_functions()["Functions"]
    (before,) = [each for each in functions if each["Handler"] == "functions.authorizer.handler.handler"]
    name, variables = before["FunctionName"], before["Environment"]["Variables"]
    with TemporaryDirectory() as folder:
        built = build(Target.LOCAL, Path(folder), oidc=True).oidc
        assert built is not None
        layer = client.publish_layer_version(LayerName="oidc", Content={"ZipFile": zipped(built)})
    given = {**variables, **OidcSettings(issuer.url, AUDIENCE, "groups").environment}
    client.update_function_configuration(
        FunctionName=name, Environment={"Variables": given}, Layers=[layer["LayerVersionArn"]]
    )
    yield
    client.update_function_configuration(FunctionName=name, Environment={"Variables": variables}, Layers=[])


def windows_of(backend: Backend, uid: str, upload: str) -> list[Window]:
    """The windows of an upload as they were sent: nobody outside is shown them."""
    part = chunks.get(backend, uid, upload)
    return [chunks.window(part, plan) for plan in chunks.plans(backend, part)]


def put(backend: Backend, queue_url: str, group: str, body: str, deduplication_id: str) -> None:
    """Put a message on a queue under a deduplication id of the caller's, as a sender that stumbled might."""
    backend.sqs.send_message(
        QueueUrl=queue_url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=deduplication_id
    )


def messages_in(backend: Backend, queue_url: str) -> int:
    """How many messages a queue holds, those included that are being worked on."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = backend.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def is_empty(backend: Backend, queue_url: str) -> bool:
    """Whether a queue holds no message, nor one that is being worked on."""
    return messages_in(backend, queue_url) == 0


def wait_until_drained(backend: Backend) -> None:
    """Return when both queues are empty: a message that changes nothing leaves no other trace of its end."""
    for queue_url in (backend.windows_queue_url, backend.settled_queue_url):
        wait_until(partial(is_empty, backend, queue_url), f"{queue_url} to be empty")


def dead_letter_queue_of(backend: Backend, queue_url: str) -> str:
    """Where a queue puts what could not be processed."""
    attributes = backend.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"])["Attributes"]
    _, _, name = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")
    return backend.sqs.get_queue_url(QueueName=name)["QueueUrl"]


@contextmanager
def impatient(backend: Backend, queue_url: str, seconds: int) -> Iterator[None]:
    """A queue that delivers a failed message again after `seconds`, and as it was set up afterwards.

    The deployed 45 s times four deliveries are three minutes. An operator may turn this knob in a running deployment;
    how often a message is tried, and what becomes of it then, is as deployed.
    """
    name: Any = "VisibilityTimeout"
    deployed = backend.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])["Attributes"][name]
    backend.sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={name: str(seconds)})
    try:
        yield
    finally:
        backend.sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={name: deployed})


def table_of_counts(backend: Backend) -> str:
    """The table in which the API counts requests and keeps answers: the template does not tell its name."""
    (name,) = [name for name in backend.dynamodb.list_tables()["TableNames"] if "Idempotency" in name]
    return name


def lose_pack(backend: Backend, pack: str) -> bytes:
    """Remove a pack from the bucket: no function may, so no request can make one do it. Answers what it held."""
    key = packs.object_key(pack)
    held = backend.s3.get_object(Bucket=backend.bucket, Key=key)["Body"].read()
    backend.s3.delete_object(Bucket=backend.bucket, Key=key)
    return held


def restore_pack(backend: Backend, pack: str, held: bytes) -> None:
    """Put a pack back, as an operator does who restores a deleted object."""
    backend.s3.put_object(Bucket=backend.bucket, Key=packs.object_key(pack), Body=held)


class Right(NamedTuple):
    """An action that a function may take, of all that it may take it on only those objects whose key is like `key`."""

    action: str
    key: str = ""


@contextmanager
def forbidden(stack: LocalStack, function: str, rights: Sequence[Right]) -> Iterator[None]:
    """A function that lacks some of its rights, as after a slip in a policy, and has them again afterwards.

    No request takes a right away. What needs one is denied access from now on, and nothing else is.
    """
    account = _account(stack)
    handler = f"functions.{function}.handler.handler"
    pages = boto3.client("lambda", **account).get_paginator("list_functions").paginate()
    (role,) = [
        found["Role"].rpartition("/")[2]
        for page in pages
        for found in page["Functions"]
        if found.get("Handler") == handler
    ]
    iam = boto3.client("iam", **account)
    bucket = f"arn:aws:s3:::{stack.outputs['BucketName']}"
    statements = [
        {"Effect": "Deny", "Action": right.action, "Resource": f"{bucket}/{right.key}" if right.key else "*"}
        for right in rights
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName=role, PolicyName=FORBIDDEN, PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName=FORBIDDEN)


def outcome_of(backend: Backend, name: str) -> str:
    """How the latest execution of a workflow that was started under a name that begins so ended: nobody outside is told
    of executions."""
    machines = backend.states.list_state_machines()["stateMachines"]
    executions = [
        execution
        for machine in machines
        for execution in backend.states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
        if execution["name"].startswith(name)
    ]
    return max(executions, key=lambda execution: execution["startDate"])["status"]


def processes_of(stack: LocalStack, name: str) -> list[int]:
    """The processes in which this emulator runs a function, such as `apply`: to be killed or measured."""
    handler = f"_HANDLER=functions.{name}.handler.handler".encode()
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == stack.server.pid and handler in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


def archived_long_ago(backend: Backend, project: str, dataset: str) -> None:
    """Have an archived dataset archived an hour earlier: a purge waits for two minutes, in which nothing happens."""

    def edit(before: Dataset) -> Dataset:
        assert before.archived_at is not None
        return before.model_copy(update={"archived_at": before.archived_at - timedelta(hours=1)})

    dataset_records.redefine(backend, project, dataset, edit)
