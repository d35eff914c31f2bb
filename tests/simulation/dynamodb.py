"""What AWS's DynamoDB does and moto's does not: idempotent transactions, eventually consistent reads, conflicts between
transactions, and throttling.

An eventually consistent read, or any read of an index, may miss the latest writes. Here it misses as many as the
schedule decides. With `conflicts`, a write takes effect one pause after it begins. A transaction that begins meanwhile
on the same item is refused, and so is a write of an item on which a transaction is in progress.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from botocore.awsrequest import AWSResponse
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from tests.bench import units
from tests.simulation.aws import item_at, put_at, response
from tests.simulation.capacity import Capacity
from tests.simulation.invocation import current
from tests.simulation.resources import REGION

TOKEN_LIFETIME = timedelta(minutes=10)
MAX_MISSED_WRITES = 8
"""Most writes that a read may miss."""
READS = frozenset({"GetItem", "Query", "BatchGetItem"})
BATCHES = {"BatchGetItem": "UnprocessedKeys", "BatchWriteItem": "UnprocessedItems"}
"""Attribute in the response of a batch that holds what was not processed."""

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
        self.conflicts = False
        """Whether invocations' writes take time, in which others on the same items conflict with them."""
        self.conflicted = 0
        """Number of requests refused because of a conflict."""
        self.capacity = Capacity()
        self._table = table
        self._writes: list[_Write] = []
        self._tokens: dict[str, tuple[datetime, Any]] = {}
        self._in_progress: dict[Place, list[str]] = defaultdict(list)
        """The operations that are in progress on an item."""

    def perform(
        self, operation: str, body: dict[str, Any], send: Callable[[], AWSResponse], now: datetime
    ) -> AWSResponse:
        """Returns the table's response to a request. `send` sends the request to moto."""
        if self.capacity.is_limited:
            return self._within_capacity(operation, body, lambda: self._perform(operation, body, send, now), now)
        return self._perform(operation, body, send, now)

    def _perform(
        self, operation: str, body: dict[str, Any], send: Callable[[], AWSResponse], now: datetime
    ) -> AWSResponse:
        if operation in READS:
            missed = self.lag() if self._may_lag(body) else 0
            return self._as_before(missed, send) if missed else send()
        token = body.get("ClientRequestToken") if operation == "TransactWriteItems" else None
        if token in self._tokens and now < self._tokens[token][0] + TOKEN_LIFETIME:
            return _repeated(self._tokens[token][1] == body["TransactItems"])
        places = list(self._touched(operation, body))

        def take_effect() -> AWSResponse:
            before = {place: self._item(place) for place in places}
            result = send()
            if result.status_code == 200 and before:
                self._writes = [*self._writes[1 - MAX_MISSED_WRITES :], _Write(before)]
                if token is not None:
                    self._tokens[token] = now, body["TransactItems"]
            return result

        return self._in_two_steps(operation, places, take_effect) if self.conflicts else take_effect()

    # Conflicts

    def _in_two_steps(self, operation: str, places: list[Place], take_effect: Callable[[], AWSResponse]) -> AWSResponse:
        """Begins a write, pauses the invocation and lets the write take effect, unless it conflicts with another.

        A batch is no transaction and conflicts with none. A request from outside of all invocations is not in progress
        for any time.
        """
        invocation = current()
        if invocation is None or operation == "BatchWriteItem":
            return take_effect()
        is_transaction = operation == "TransactWriteItems"
        busy = [
            any(is_transaction or other == "TransactWriteItems" for other in self._in_progress[place])
            for place in places
        ]
        if any(busy):
            self.conflicted += 1
            return _cancelled(["TransactionConflict" if each else "None" for each in busy], operation)
        for place in places:
            self._in_progress[place].append(operation)
        try:
            invocation.pause()
            return take_effect()
        finally:
            for place in places:
                self._in_progress[place].remove(operation)

    # Capacity

    def _within_capacity(
        self, operation: str, body: dict[str, Any], send: Callable[[], AWSResponse], now: datetime
    ) -> AWSResponse:
        """Returns the response to a request, or to the admitted rest of a batch. Takes the units of the request."""
        is_write = operation not in READS
        entries = self._entries(operation, body)
        partitions = dict.fromkeys(partition for partition, _ in entries)
        throttled = {each for each in partitions if not self.capacity.admits(each, now, write=is_write)}
        if throttled:
            self.capacity.refused += 1
        if operation in BATCHES or operation == "TransactWriteItems":
            for partition, needed in entries:
                if partition not in throttled:  # also if the transaction is cancelled because of another item
                    self.capacity.use(partition, needed, now, write=is_write)
            if operation in BATCHES:
                return self._rest(operation, body, throttled, send)
            codes = ["ThrottlingError" if partition in throttled else "None" for partition, _ in entries]
            return _cancelled(codes, operation) if throttled else send()
        if throttled:
            return _error("ProvisionedThroughputExceededException")
        result = send()
        ((partition, needed),) = entries
        if operation in READS:
            needed = _read_units(json.loads(result.content), consistent=bool(body.get("ConsistentRead")))
        self.capacity.use(partition, needed, now, write=is_write)
        return result

    def _rest(
        self, operation: str, body: dict[str, Any], throttled: set[str], send: Callable[[], AWSResponse]
    ) -> AWSResponse:
        """Returns the response to a batch, of which the items in the `throttled` partitions are not processed."""
        ((table, request),) = body["RequestItems"].items()
        items = request["Keys"] if operation == "BatchGetItem" else request
        refused = [item for item in items if _partition(_key_of(item)) in throttled]
        if not refused:
            return send()
        if len(refused) == len(items):
            return _error("ProvisionedThroughputExceededException")
        admitted = [item for item in items if item not in refused]
        body["RequestItems"] = {table: {**request, "Keys": admitted} if operation == "BatchGetItem" else admitted}
        result = json.loads(send().content)
        rest = {**request, "Keys": refused} if operation == "BatchGetItem" else refused
        return response("", 200, json.dumps(result | {BATCHES[operation]: {table: rest}}))

    def _entries(self, operation: str, body: dict[str, Any]) -> list[tuple[str, float]]:
        """Returns the partition of each of a request's items, and the units that the item takes.

        The units of a query, which depend on its result, are 0.
        """
        if operation == "Query":
            return [(_queried(body), 0)]
        if operation == "GetItem":
            return [(_partition(body["Key"]), 0)]
        if operation == "BatchGetItem":
            ((_, read),) = body["RequestItems"].items()
            return [(_partition(key), 1 if read.get("ConsistentRead") else 0.5) for key in read["Keys"]]
        return [(_partition(_key_of(write)), self._write_units(write, operation)) for write in _writes(operation, body)]

    def _write_units(self, write: dict[str, Any], operation: str) -> int:
        key = _key_of(write)
        stored = self._item((key["PK"]["S"], key["SK"]["S"])) if "SK" in key else None
        before = stored.to_json()["Attributes"] if stored is not None else None
        after = write.get("Item") or {**(before or key), **write.get("ExpressionAttributeValues", {})}
        return units.write_units(before, after, transactional=operation == "TransactWriteItems")

    # Reads

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
        for write in _writes(operation, body):
            key = _key_of(write)
            if write.get("TableName", self._table) == self._table and "PK" in key:
                yield key["PK"]["S"], key["SK"]["S"]

    def _item(self, place: Place) -> Any:
        return item_at(dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION], self._table, *place)

    def _put(self, place: Place, item: Any) -> None:
        put_at(dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION], self._table, *place, item)


def _writes(operation: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the single writes of a request, each with its key or its item."""
    if operation == "TransactWriteItems":
        return [write for item in body["TransactItems"] for write in item.values()]
    if operation == "BatchWriteItem":
        return [write for writes in body["RequestItems"].values() for item in writes for write in item.values()]
    return [body]


def _key_of(write: dict[str, Any]) -> dict[str, Any]:
    """Returns the key of a write, of a request in a batch, or of a key itself, maybe with further attributes."""
    for name in ("DeleteRequest", "PutRequest"):
        write = write.get(name, write)
    key: dict[str, Any] = write.get("Key") or write.get("Item") or write
    return key


def _partition(key: dict[str, Any]) -> str:
    """Returns the name of the partition of a key. The table of idempotency keys has a key of another name."""
    return str(key["PK"]["S"]) if "PK" in key else f"answers/{key['id']['S']}"


def _queried(body: dict[str, Any]) -> str:
    """Returns the name of the partition that a query reads."""
    values = body["ExpressionAttributeValues"]
    if "IndexName" in body:
        return f"{body['IndexName']}/{values[':value']['S']}"
    return str(values[":pk"]["S"])


def _read_units(result: dict[str, Any], *, consistent: bool) -> float:
    items = result.get("Items", [result["Item"]] if "Item" in result else [])
    return units.query_units([units.item_size(item) for item in items], consistent=consistent)


def _cancelled(codes: list[str], operation: str) -> AWSResponse:
    """Returns the response to a transaction cancelled for these reasons, or to another write that conflicts."""
    if operation != "TransactWriteItems":
        return _error("TransactionConflictException")
    return _error("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


def _repeated(same: bool) -> AWSResponse:
    return response("", 200, "{}") if same else _error("IdempotentParameterMismatchException")


def _error(code: str, **more: Any) -> AWSResponse:
    error = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "Message": "simulated", **more}
    return response("", 400, json.dumps(error))
