"""A first deployment that fails leaves no table and no bucket behind."""

import json
import time
from typing import Any

import boto3
import pytest

from infra import STACK
from infra.local.assembly import assembly
from infra.local.deploy import CREDENTIALS
from infra.local.emulator import REGION
from infra.local.stack import LocalStack

NAME = "FailsAtFirst"
FAILING = {"Type": "AWS::Lambda::Function", "Properties": {"Layers": ["no such layer"]}}
"""A resource that cannot be created."""


def _client(stack: LocalStack, service: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=stack.server.endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def _kept(template: dict[str, Any]) -> dict[str, Any]:
    """Returns the resources of a template that stay when their stack is deleted."""
    return {
        name: each for name, each in template["Resources"].items() if each.get("DeletionPolicy", "Delete") != "Delete"
    }


def _status(cloudformation: Any) -> str:
    (stack,) = cloudformation.describe_stacks(StackName=NAME)["Stacks"]
    return str(stack["StackStatus"])


@pytest.fixture
def cloudformation(stack: LocalStack) -> Any:
    return _client(stack, "cloudformation")


def _create(cloudformation: Any, resources: dict[str, Any]) -> str:
    """Creates a stack of `resources`, and returns the status in which that ends."""
    cloudformation.create_stack(StackName=NAME, TemplateBody=json.dumps({"Resources": resources}))
    deadline = time.monotonic() + 30
    while _status(cloudformation).endswith("IN_PROGRESS"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return _status(cloudformation)


def _left(stack: LocalStack) -> list[str]:
    """Returns the tables and buckets that the stack has created and that still exist."""
    tables = _client(stack, "dynamodb").list_tables()["TableNames"]
    buckets = [bucket["Name"] for bucket in _client(stack, "s3").list_buckets()["Buckets"]]
    return [name for name in [*tables, *buckets] if name.lower().startswith(NAME.lower())]


def test_a_first_deployment_that_fails_leaves_nothing_behind(stack: LocalStack, cloudformation: Any) -> None:
    kept = _kept(json.loads((assembly() / f"{STACK}.template.json").read_text()))
    assert len(kept) == 3
    assert _create(cloudformation, {**kept, "Failing": {**FAILING, "DependsOn": [*kept]}}) == "ROLLBACK_COMPLETE"
    assert _left(stack) == []
    cloudformation.delete_stack(StackName=NAME)


def test_a_stack_that_is_deleted_leaves_its_data(stack: LocalStack, cloudformation: Any) -> None:
    kept = _kept(json.loads((assembly() / f"{STACK}.template.json").read_text()))
    assert _create(cloudformation, kept) == "CREATE_COMPLETE"
    cloudformation.delete_stack(StackName=NAME)
    assert len(_left(stack)) == 3
