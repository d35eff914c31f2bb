"""A table that was put back in time takes the place of the stack's own by one context value, and gives it back.

The emulator puts no table back. What DynamoDB makes of that is made by hand here: a new table of the same keys and
indexes, with the items of one moment.
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


def put_back(stack: LocalStack) -> tuple[int, list[str]]:
    """Change a dataset, put its table back to before a change, go on, and return to the first one.

    Answers how many versions were read, and what was not as it should be.
    """
    caller = Caller(stack, stack.make_key("admin"))
    with closing(caller.http):
        return _put_back(stack, caller.new_dataset())


def _put_back(stack: LocalStack, dataset: Dataset) -> tuple[int, list[str]]:
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
    found = {
        "the table that was put back reads otherwise than at its moment": restored != before,
        "a change after it changes what was before": gone_on[:-1] != before,
        "changes do not go on after it": set(gone_on[-1]) != {"a", "c"},
        "the first table is not as it was left": returned != undone,
    }
    read = [*before, *undone, *restored, *gone_on, *returned]
    return len(read), [what for what, is_so in found.items() if is_so]


def _versions(dataset: Dataset) -> list[dict[str, Json]]:
    """What each version holds, from 0 on."""
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
