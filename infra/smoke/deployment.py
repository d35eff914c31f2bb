"""The deployment that is tested, found and prepared with the operator's AWS credentials."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from tidemark.access.api_keys import create_key, revoke_key
from tidemark.access.key_records import KeysTable
from tidemark.domain.api_keys import Role

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

PERMISSIONS = (
    "cloudformation:DescribeStacks",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "events:DeleteRule",
    "events:PutEvents",
    "events:PutRule",
    "events:PutTargets",
    "events:RemoveTargets",
    "s3:DeleteObject",
    "s3:PutObject",
    "sqs:CreateQueue",
    "sqs:DeleteQueue",
    "sqs:ReceiveMessage",
)
"""All that the smoke test asks of AWS itself. Everything else goes through the API."""

DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation")


class NotFound(Exception):
    """Raised when there is no such stack, or it is none of Tidemark's."""


@dataclass(frozen=True)
class Deployment:
    """A stack's outputs, its place in AWS, and clients for it."""

    stack: str
    outputs: dict[str, str]
    account: str
    region: str
    keys: KeysTable
    s3: "S3Client"
    sqs: "SQSClient"
    events: "EventBridgeClient"


@contextmanager
def deployment(stack: str) -> Iterator[Deployment]:
    """Yields the deployment that a CloudFormation stack describes.

    The region is AWS_REGION, else AWS_DEFAULT_REGION, else the AWS profile's, as for `tidemark-keys`. Raises NotFound
    and botocore's errors.
    """
    session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
    clients: list[Any] = []

    def client(service: Any) -> Any:
        clients.append(session.client(service))
        return clients[-1]

    try:
        found = _describe(client("cloudformation"), stack)
        outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
        if missing := {"ApiUrl", "BucketName", "KeysTableName"} - outputs.keys():
            raise NotFound(f"The stack {stack!r} has no output {', '.join(sorted(missing))}; is it Tidemark's?")
        _, _, _, region, account, _ = found["StackId"].split(":", 5)
        yield Deployment(
            stack,
            outputs,
            account,
            region,
            KeysTable(client("dynamodb"), outputs["KeysTableName"]),
            client("s3"),
            client("sqs"),
            client("events"),
        )
    finally:
        for each in clients:
            each.close()


def _describe(cloudformation: Any, stack: str) -> Any:
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            raise NotFound(f"There is no stack {stack!r} here: {error.response['Error']['Message']}") from error
        raise


@contextmanager
def temporary_key(table: KeysTable, name: str, projects: list[str]) -> Iterator[str]:
    """Yields the token of an admin key for `projects`, which is revoked afterwards."""
    _, token = create_key(table, name=name, role=Role.ADMIN, projects=projects)
    try:
        yield str(token)
    finally:
        revoke_key(table, name)


def missing_permission(error: ClientError) -> str | None:
    """Returns the permission that the credentials lack; None if that is not the error."""
    if error.response.get("Error", {}).get("Code") not in DENIED:
        return None
    names = [name for name in PERMISSIONS if name.partition(":")[2] == error.operation_name]
    return names[0] if names else error.operation_name
