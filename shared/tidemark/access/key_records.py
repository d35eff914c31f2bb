"""Stores API keys in a DynamoDB table of their own, so that the authorizer can be allowed to read nothing else.

All items are in one partition, `PK` = "KEY". An item's `SK` is the name of the API key. This module calls DynamoDB
itself, because `access` does not depend on `aws`.
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
"""Short timeouts, because every API request waits for the authorizer: a read that takes longer than a second is
retried."""

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


@dataclass(frozen=True)
class KeysTable:
    """The DynamoDB table that holds the API keys of a deployment, and a client for it."""

    dynamodb: "DynamoDBClient"
    name: str

    @classmethod
    def from_environment(cls) -> "KeysTable":
        """Returns the table that the environment variable TIDEMARK_KEYS_TABLE names."""
        return cls(boto3.client("dynamodb", config=CLIENT_CONFIG), os.environ["TIDEMARK_KEYS_TABLE"])


def create(table: KeysTable, key: ApiKey) -> bool:
    """Stores a new API key. Returns False, and stores nothing, if a key has had the name before."""
    try:
        table.dynamodb.put_item(TableName=table.name, Item=_item(key), ConditionExpression="attribute_not_exists(PK)")
    except table.dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def find(table: KeysTable, name: str) -> ApiKey | None:
    """Returns the API key with a name, even if it is revoked; None if there is none. One strongly consistent
    read."""
    response = table.dynamodb.get_item(TableName=table.name, Key=_key(name), ConsistentRead=True)
    return _api_key(response["Item"]) if "Item" in response else None


def revoke(table: KeysTable, name: str, at: datetime) -> ApiKey | None:
    """Marks an API key as revoked and returns it; None if there is no such key. A revoked key keeps its first time."""
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
    """Returns all API keys, sorted by name, including revoked ones."""
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
