"""Reaches inside the deployed stack for what no client can do, such as deleting a pack or sending a stray message.

Every function says why it has to. Everything else in these tests goes through the API.
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
"""The name of the policy by which a test denies permissions."""


def backend_of(stack: LocalStack) -> Backend:
    """Returns the backend that the deployment's own functions use."""
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
    """Returns the boto3 client arguments for this stack's account."""
    return {
        "endpoint_url": stack.server.endpoint,
        "region_name": stack.aws["AWS_DEFAULT_REGION"],
        "aws_access_key_id": stack.aws["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": stack.aws["AWS_SECRET_ACCESS_KEY"],
    }


@contextmanager
def authorizer_with(stack: LocalStack, issuer: Issuer) -> Iterator[None]:
    """Configures the authorizer with an issuer and its layer. Deploying the template again would take a minute."""
    client = boto3.client("lambda", **_account(stack))
    functions = client.list_functions()["Functions"]
    (authorizer,) = [each for each in functions if each["Handler"] == "functions.authorizer.handler.handler"]
    name, variables = authorizer["FunctionName"], authorizer["Environment"]["Variables"]
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
    """Returns the windows of an upload as they were sent; the API does not show them."""
    chunk = chunks.get(backend, uid, upload)
    return [chunks.window(chunk, plan) for plan in chunks.plans(backend, chunk)]


def put(backend: Backend, queue_url: str, group: str, body: str, deduplication_id: str) -> None:
    """Sends a message to a queue with the given deduplication id, as a sender that repeats itself might."""
    backend.sqs.send_message(
        QueueUrl=queue_url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=deduplication_id
    )


def messages_in(backend: Backend, queue_url: str) -> int:
    """Returns how many messages a queue holds, including those being processed."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = backend.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def is_empty(backend: Backend, queue_url: str) -> bool:
    """Returns whether a queue holds no message, including those being processed."""
    return messages_in(backend, queue_url) == 0


def wait_until_drained(backend: Backend) -> None:
    """Waits until both queues are empty: a message that changes nothing leaves no other trace of being processed."""
    for queue_url in (backend.windows_queue_url, backend.settled_queue_url):
        wait_until(partial(is_empty, backend, queue_url), f"{queue_url} to be empty")


def dead_letter_queue_of(backend: Backend, queue_url: str) -> str:
    """Returns the URL of a queue's dead letter queue."""
    attributes = backend.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"])["Attributes"]
    _, _, name = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")
    return backend.sqs.get_queue_url(QueueName=name)["QueueUrl"]


@contextmanager
def impatient(backend: Backend, queue_url: str, seconds: int) -> Iterator[None]:
    """Makes a queue redeliver failed messages after `seconds`, and restores the deployed value afterwards.

    The deployed 45 s times four deliveries would take three minutes. Operators may change this setting in a running
    deployment. How often a message is received, and where it moves then, is as deployed.
    """
    name: Any = "VisibilityTimeout"
    deployed = backend.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])["Attributes"][name]
    backend.sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={name: str(seconds)})
    try:
        yield
    finally:
        backend.sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={name: deployed})


def table_of_counts(backend: Backend) -> str:
    """Returns the table in which the API counts requests and stores responses; the stack does not output its name."""
    (name,) = [name for name in backend.dynamodb.list_tables()["TableNames"] if "Idempotency" in name]
    return name


def lose_pack(backend: Backend, pack: str) -> bytes:
    """Deletes a pack and returns its bytes. No request can do so, since no function but purge may."""
    key = packs.object_key(pack)
    content = backend.s3.get_object(Bucket=backend.bucket, Key=key)["Body"].read()
    backend.s3.delete_object(Bucket=backend.bucket, Key=key)
    return content


def restore_pack(backend: Backend, pack: str, content: bytes) -> None:
    """Restores a pack, as an operator restores a deleted object."""
    backend.s3.put_object(Bucket=backend.bucket, Key=packs.object_key(pack), Body=content)


class Right(NamedTuple):
    """A permission of a function: an action, either on all its resources or on the objects that match `key`."""

    action: str
    key: str = ""


@contextmanager
def forbidden(stack: LocalStack, function: str, rights: Sequence[Right]) -> Iterator[None]:
    """Denies a function some of its permissions, as a mistake in a policy would, and restores them afterwards.

    No request can do so.
    """
    account = _account(stack)
    handler = f"functions.{function}.handler.handler"
    pages = boto3.client("lambda", **account).get_paginator("list_functions").paginate()
    (role,) = [
        each["Role"].rpartition("/")[2]
        for page in pages
        for each in page["Functions"]
        if each.get("Handler") == handler
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
    """Returns the status of the latest execution whose name starts with `name`; the API does not show executions."""
    machines = backend.states.list_state_machines()["stateMachines"]
    executions = [
        execution
        for machine in machines
        for execution in backend.states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
        if execution["name"].startswith(name)
    ]
    return max(executions, key=lambda execution: execution["startDate"])["status"]


def processes_of(stack: LocalStack, name: str) -> list[int]:
    """Returns the pids of the processes in which the emulator runs a function, such as `apply`."""
    handler = f"_HANDLER=functions.{name}.handler.handler".encode()
    pids: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == stack.server.pid and handler in (process / "environ").read_bytes().split(b"\0"):
                pids.append(int(process.name))
    return pids


def archived_long_ago(backend: Backend, project: str, dataset: str) -> None:
    """Makes an archived dataset appear archived an hour earlier, since a purge is refused for two minutes after it."""

    def edit(before: Dataset) -> Dataset:
        assert before.archived_at is not None
        return before.model_copy(update={"archived_at": before.archived_at - timedelta(hours=1)})

    dataset_records.edit(backend, project, dataset, edit)
