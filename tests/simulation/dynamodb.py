"""What AWS's DynamoDB does and moto's does not: idempotent transactions and eventually consistent reads.

An eventually consistent read, or any read of an index, may miss the latest writes. Here it misses as many as the
schedule decides.
"""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from botocore.awsrequest import AWSResponse
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from tests.simulation.aws import item_at, put_at, response
from tests.simulation.resources import REGION

TOKEN_LIFETIME = timedelta(minutes=10)
MAX_MISSED_WRITES = 8
"""Most writes that a read may miss."""

Place = tuple[str, str]
"""Partition and sort key."""


class _Write(NamedTuple):
    before: dict[Place, Any]


class Tables:
    """The table of a world. Handles the requests that moto handles differently from AWS."""

    def __init__(self, table: str) -> None:
        self.lag: Callable[[], int] = lambda: 0
        """Returns how many writes the next eventually consistent read misses."""
        self.eventually = False
        """Whether every read counts as eventually consistent."""
        self._table = table
        self._writes: list[_Write] = []
        self._tokens: dict[str, tuple[datetime, Any]] = {}

    def perform(
        self, operation: str, body: dict[str, Any], send: Callable[[], AWSResponse], now: datetime
    ) -> AWSResponse:
        """Returns the table's response to a request. `send` sends the request to moto."""
        if operation in {"GetItem", "Query", "BatchGetItem"}:
            missed = self.lag() if self._may_lag(body) else 0
            return self._as_before(missed, send) if missed else send()
        token = body.get("ClientRequestToken") if operation == "TransactWriteItems" else None
        if token in self._tokens and now < self._tokens[token][0] + TOKEN_LIFETIME:
            return _repeated(self._tokens[token][1] == body["TransactItems"])
        before = {place: self._item(place) for place in self._touched(operation, body)}
        result = send()
        if result.status_code == 200 and before:
            self._writes = [*self._writes[1 - MAX_MISSED_WRITES :], _Write(before)]
            if token is not None:
                self._tokens[token] = now, body["TransactItems"]
        return result

    def _may_lag(self, body: dict[str, Any]) -> bool:
        if self.eventually or "IndexName" in body:
            return True
        read = body if "Key" in body or "KeyConditionExpression" in body else body["RequestItems"].get(self._table, {})
        return not read.get("ConsistentRead") and body.get("TableName", self._table) == self._table

    def _as_before(self, missed: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        before: dict[Place, Any] = {}
        for write in reversed(self._writes[-missed:]):
            before |= write.before
        now = {place: self._item(place) for place in before}
        for place, item in before.items():
            self._put(place, item)
        try:
            return send()
        finally:
            for place, item in now.items():
                self._put(place, item)

    def _touched(self, operation: str, body: dict[str, Any]) -> Iterator[Place]:
        if operation == "TransactWriteItems":
            writes = [write for item in body["TransactItems"] for write in item.values()]
        elif operation == "BatchWriteItem":
            requests = body["RequestItems"].get(self._table, [])
            writes = [write | {"TableName": self._table} for item in requests for write in item.values()]
        else:
            writes = [body]
        for write in writes:
            key = write.get("Key") or write.get("Item") or {}
            if write.get("TableName") == self._table and "PK" in key:
                yield key["PK"]["S"], key["SK"]["S"]

    def _item(self, place: Place) -> Any:
        return item_at(dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION], self._table, *place)

    def _put(self, place: Place, item: Any) -> None:
        put_at(dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION], self._table, *place, item)


def _repeated(same: bool) -> AWSResponse:
    if same:
        return response("", 200, "{}")
    error = {"__type": "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException"}
    return response("", 400, json.dumps(error))
