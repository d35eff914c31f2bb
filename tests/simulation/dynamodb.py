"""What AWS's DynamoDB does and moto's does not: transactions that are told apart by their tokens, and reads that lag.

A read that does not ask for consistency, or that is of an index, may miss the latest writes; here it misses as many as
the schedule says.
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

TOKEN_LASTS = timedelta(minutes=10)
REMEMBERED = 8
"""Writes that a read may miss, at most."""

Place = tuple[str, str]
"""Partition and sort key."""


class _Write(NamedTuple):
    before: dict[Place, Any]


class Tables:
    """The table of a world: how it answers what moto would answer otherwise."""

    def __init__(self, table: str) -> None:
        self.lag: Callable[[], int] = lambda: 0
        """How many writes the next read that may lag misses."""
        self.eventually = False
        """Whether reads are taken for such that do not ask for consistency."""
        self._table = table
        self._writes: list[_Write] = []
        self._tokens: dict[str, tuple[datetime, Any]] = {}

    def perform(
        self, operation: str, body: dict[str, Any], ask: Callable[[], AWSResponse], now: datetime
    ) -> AWSResponse:
        """What the table answers to a request; `ask` asks moto."""
        if operation in {"GetItem", "Query", "BatchGetItem"}:
            missed = self.lag() if self._may_lag(body) else 0
            return self._as_before(missed, ask) if missed else ask()
        token = body.get("ClientRequestToken") if operation == "TransactWriteItems" else None
        if token in self._tokens and now < self._tokens[token][0] + TOKEN_LASTS:
            return _repeated(self._tokens[token][1] == body["TransactItems"])
        before = {place: self._item(place) for place in self._touched(operation, body)}
        answer = ask()
        if answer.status_code == 200 and before:
            self._writes = [*self._writes[1 - REMEMBERED :], _Write(before)]
            if token is not None:
                self._tokens[token] = now, body["TransactItems"]
        return answer

    def _may_lag(self, body: dict[str, Any]) -> bool:
        if self.eventually or "IndexName" in body:
            return True
        asked = body if "Key" in body or "KeyConditionExpression" in body else body["RequestItems"].get(self._table, {})
        return not asked.get("ConsistentRead") and body.get("TableName", self._table) == self._table

    def _as_before(self, missed: int, ask: Callable[[], AWSResponse]) -> AWSResponse:
        before: dict[Place, Any] = {}
        for write in reversed(self._writes[-missed:]):
            before |= write.before
        now = {place: self._item(place) for place in before}
        for place, item in before.items():
            self._put(place, item)
        try:
            return ask()
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
    told = {"__type": "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException"}
    return response("", 400, json.dumps(told))
