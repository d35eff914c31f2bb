"""The table of API keys, apart from everything else so that the authorizer can read nothing but keys.

One partition, `PK` = "KEY"; `SK` is the key's name.
"""

import os
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config

from tidemark.domain.api_keys import ApiKey

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PARTITION = "KEY"
# An authorizer that waits holds up every request; a read that is not back in a second is better tried again.
CLIENT_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=1, read_timeout=1)

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


@dataclass(frozen=True)
class KeysTable:
    """The table of keys of one deployment."""

    dynamodb: "DynamoDBClient"
    name: str

    @classmethod
    def from_environment(cls) -> "KeysTable":
        """The table that the function's environment names."""
        return cls(boto3.client("dynamodb", config=CLIENT_CONFIG), os.environ["TIDEMARK_KEYS_TABLE"])


def create(table: KeysTable, key: ApiKey) -> bool:
    """Keep a new key; False where its name has been used before."""
    try:
        table.dynamodb.put_item(TableName=table.name, Item=_item(key), ConditionExpression="attribute_not_exists(PK)")
    except table.dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def find(table: KeysTable, name: str) -> ApiKey | None:
    """The key of that name, revoked or not. One strongly consistent read."""
    answer = table.dynamodb.get_item(TableName=table.name, Key=_key(name), ConsistentRead=True)
    return _api_key(answer["Item"]) if "Item" in answer else None


def revoke(table: KeysTable, name: str, at: datetime) -> ApiKey | None:
    """Mark a key revoked and return it; the first time stays. None where there is no key of that name."""
    try:
        answer = table.dynamodb.update_item(
            TableName=table.name,
            Key=_key(name),
            UpdateExpression="SET revoked_at = if_not_exists(revoked_at, :at)",
            ConditionExpression="attribute_exists(PK)",
            ExpressionAttributeValues={":at": {"S": at.isoformat()}},
            ReturnValues="ALL_NEW",
        )
    except table.dynamodb.exceptions.ConditionalCheckFailedException:
        return None
    return _api_key(answer["Attributes"])


def list_all(table: KeysTable) -> list[ApiKey]:
    """All keys, by name."""
    pages = table.dynamodb.get_paginator("query").paginate(
        TableName=table.name,
        KeyConditionExpression="PK = :partition",
        ExpressionAttributeValues={":partition": {"S": PARTITION}},
        ConsistentRead=True,
    )
    return [_api_key(item) for page in pages for item in page["Items"]]


def _key(name: str) -> dict[str, Any]:
    return {"PK": {"S": PARTITION}, "SK": {"S": name}}


def _item(key: ApiKey) -> dict[str, Any]:
    fields = key.model_dump(mode="json", exclude={"name"}, exclude_none=True)
    return _key(key.name) | {field: _serialize(value) for field, value in fields.items()}


def _api_key(item: dict[str, Any]) -> ApiKey:
    fields = {name: _deserialize(value) for name, value in item.items()}
    return ApiKey.model_validate({"projects": None} | fields | {"name": fields["SK"]})
