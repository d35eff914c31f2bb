"""A table of API keys in moto."""

import uuid
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from tidemark.access.key_records import KeysTable


@pytest.fixture
def keys_table() -> Iterator[KeysTable]:
    name = f"keys-{uuid.uuid4()}"
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "PK", "AttributeType": "S"},
                {"AttributeName": "SK", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        yield KeysTable(dynamodb, name)
