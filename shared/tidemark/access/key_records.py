"""API keys in a table of their own, so that the authorizer may read nothing but keys.

It has one partition, `PK` = "KEY". `SK` is the key's name. Access does not depend on `aws`, so requests are made here.
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
CLIENT_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=1, read_timeout=1)
"""Retries a read after a second, because every API request waits for the authorizer."""

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


@dataclass(frozen=True)
class KeysTable:
    """The keys table of one deployment."""

    dynamodb: "DynamoDBClient"
    name: str

    @classmethod
    def from_environment(cls) -> "KeysTable":
        """Returns the table named by TIDEMARK_KEYS_TABLE."""
        return cls(boto3.client("dynamodb", config=CLIENT_CONFIG), os.environ["TIDEMARK_KEYS_TABLE"])


def create(table: KeysTable, key: ApiKey) -> bool:
    """Stores a new key. Returns False if its name has been used before."""
    try:
        table.dynamodb.put_item(TableName=table.name, Item=_item(key), ConditionExpression="attribute_not_exists(PK)")
    except table.dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def find(table: KeysTable, name: str) -> ApiKey | None:
    """Returns a key, revoked or not, or None. One strongly consistent read."""
    response = table.dynamodb.get_item(TableName=table.name, Key=_key(name), ConsistentRead=True)
    return _api_key(response["Item"]) if "Item" in response else None


def revoke(table: KeysTable, name: str, at: datetime) -> ApiKey | None:
    """Marks a key as revoked and returns it; None if there is no such key. A repeat keeps the first time."""
    try:
        response = table.dynamodb.update_item(
            TableName=table.name,
            Key=_key(name),
            UpdateExpression="SET revoked_at = if_not_exists(revoked_at, :at)",
            ConditionExpression="attribute_exists(PK)",
            ExpressionAttributeValues={":at": {"S": at.isoformat()}},
            ReturnValues="ALL_NEW",
        )
    except table.dynamodb.exceptions.ConditionalCheckFailedException:
        return None
    return _api_key(response["Attributes"])


def list_all(table: KeysTable) -> list[ApiKey]:
    """Returns all keys, by name."""
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
