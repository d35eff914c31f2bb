"""Reads items without the meter."""

from typing import Any

import boto3

from tests.bench.metering import Key, Observe, key_in
from tests.bench.units import Item


def observer() -> Observe:
    """Returns a function that reads items with a session of its own, for the account and region of the environment."""
    dynamodb: Any = boto3.Session().client("dynamodb")

    def observe(keys: list[Key]) -> dict[Key, Item]:
        request: dict[str, Any] = {}
        for table, pk, sk in keys:
            request.setdefault(table, {"Keys": [], "ConsistentRead": True})["Keys"].append(
                {"PK": {"S": pk}, "SK": {"S": sk}} if sk else {"id": {"S": pk}}
            )
        answer = dynamodb.batch_get_item(RequestItems=request)
        return {key_in(table, item): item for table, items in answer["Responses"].items() for item in items}

    return observe
