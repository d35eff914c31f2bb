"""Replaces the stack's table with a restored one by a single context value, and switches back.

The emulator cannot restore tables. So this does what DynamoDB would: it creates a table with the same keys and indexes
and the items of one moment.
"""

from contextlib import closing
from typing import TYPE_CHECKING, Any

import boto3

from infra.local.stack import LocalStack, up
from tests.support.deployed.client import Caller, Dataset
from tests.support.deployed.rows import add, box, delete, modify

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "put-back"
Json = dict[str, Any]


def check_restore(stack: LocalStack) -> tuple[int, list[str]]:
    """Changes a dataset, restores its table to before a change, goes on, and returns to the original table.

    Returns the number of versions read, and a line for each difference.
    """
    caller = Caller(stack, stack.make_key("admin"))
    with closing(caller.http):
        return _check_restore(stack, caller.new_dataset())


def _check_restore(stack: LocalStack, dataset: Dataset) -> tuple[int, list[str]]:
    dataset.upload(add("a", box("1"), speed=1), add("b", box("2")))
    dataset.upload(modify("a", box("1", "person")), delete("b"))
    before = _versions(dataset)
    _copy(stack)
    dataset.upload(delete("a"), add("wrong"))
    undone = _versions(dataset)

    up(stack.home, context={"restored_table": TABLE})
    restored = _versions(dataset)
    dataset.upload(modify("a", speed=2), add("c"))
    gone_on = _versions(dataset)

    up(stack.home)
    returned = _versions(dataset)
    differences = {
        "the restored table differs from its moment": restored != before,
        "a change after the restore changes earlier versions": gone_on[:-1] != before,
        "changes after the restore are lost": set(gone_on[-1]) != {"a", "c"},
        "the original table has changed": returned != undone,
    }
    read = [*before, *undone, *restored, *gone_on, *returned]
    return len(read), [what for what, is_so in differences.items() if is_so]


def _versions(dataset: Dataset) -> list[dict[str, Json]]:
    """Returns the frames of each version, from 0 on."""
    return [dataset.frames(number) for number in range(dataset.read()["latest"] + 1)]


def _copy(stack: LocalStack) -> None:
    dynamodb: DynamoDBClient = boto3.client(
        "dynamodb",
        endpoint_url=stack.server.endpoint,
        region_name=stack.aws["AWS_REGION"],
        aws_access_key_id=stack.aws["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=stack.aws["AWS_SECRET_ACCESS_KEY"],
    )
    with closing(dynamodb):
        name = stack.outputs["TableName"]
        table = dynamodb.describe_table(TableName=name)["Table"]
        indexes: list[Any] = [
            {part: value for part, value in index.items() if part in ("IndexName", "KeySchema", "Projection")}
            for index in table["GlobalSecondaryIndexes"]
        ]
        dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=table["KeySchema"],
            AttributeDefinitions=table["AttributeDefinitions"],
            GlobalSecondaryIndexes=indexes,
        )
        for page in dynamodb.get_paginator("scan").paginate(TableName=name):
            for item in page["Items"]:
                dynamodb.put_item(TableName=TABLE, Item=item)
