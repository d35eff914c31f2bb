"""Reads and writes of the table: all requests to DynamoDB but those for API keys, throttling and idempotency keys."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

from botocore.exceptions import ClientError
from pydantic import BaseModel
from tenacity import Retrying

from tidemark.aws import writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, marshal, unmarshal
from tidemark.aws.retrying import Waits, retrying
from tidemark.aws.writes import Write
from tidemark.domain.errors import Unavailable

M = TypeVar("M", bound=BaseModel)
C = TypeVar("C", bound=BaseModel | None)

BATCH_GET_ITEMS = 100
"""Most items in one BatchGetItem: DynamoDB's limit."""
BATCH_WRITE_ITEMS = 25
"""Most items in one BatchWriteItem: DynamoDB's limit."""
DELETE_PAGE_ITEMS = 1000
"""Items that `delete_range` reads, then deletes, at a time."""
MAX_ATTEMPTS = 8
"""Most attempts at a write, or at the rest of a batch, while it meets conflicts or throttling."""
LARGE_WAITS = (1.0, 5.0)
"""Longest waits between the attempts at a large transaction that is throttled, in seconds. Each attempt uses up
capacity of its partition, whether it takes effect or not, so there are few. A shard that is alone on its partition goes
on after the first wait, since a partition's capacity is for one second."""
METHODS = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}
"""Method of the DynamoDB client for each kind of write."""
CONFLICT = "TransactionConflict"
"""Reason for which DynamoDB cancels a transaction while another write of an item is in progress."""
THROTTLED = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded"})
"""Reasons for which DynamoDB cancels a transaction that exceeds a partition's or the table's throughput."""


class ConditionFailed(Exception):
    """Raised when the condition of a write does not hold.

    `failed` holds, for each write of the transaction in order, whether that write's condition failed.
    """

    def __init__(self, failed: Sequence[bool]) -> None:
        super().__init__(f"conditions failed: {failed}")
        self.failed = failed


class Contended(Unavailable):
    """Raised when the last attempt still meets throttling, or a conflicting write."""

    def __init__(self) -> None:
        super().__init__("The store is busy; send the same request again in a moment.")


class LargeThrottled(Contended):
    """Raised when the last attempt at a large transaction is still throttled."""


class Conflicting(Contended):
    """Raised when the last attempt still meets another write of the same item."""


def get(backend: Backend, key: Key, *, consistent: bool = True) -> Item | None:
    """Returns the item under `key`, or None. One read."""
    response = backend.dynamodb.get_item(TableName=backend.table, Key=key.attributes(), ConsistentRead=consistent)
    return unmarshal(response["Item"]) if "Item" in response else None


def get_many(backend: Backend, keys: Iterable[Key]) -> dict[Key, Item]:
    """Reads the items under `keys` consistently. Leaves out keys that have no item. One request per hundred keys.

    Raises Contended.
    """
    wanted = list(keys)
    items: dict[Key, Item] = {}
    for start in range(0, len(wanted), BATCH_GET_ITEMS):
        remaining: Any = {
            backend.table: {
                "Keys": [key.attributes() for key in wanted[start : start + BATCH_GET_ITEMS]],
                "ConsistentRead": True,
            }
        }
        for attempt in _attempts(backend):
            with attempt:
                response = backend.dynamodb.batch_get_item(RequestItems=remaining)
                for attributes in response["Responses"].get(backend.table, []):
                    item = unmarshal(attributes)
                    items[Key(item["PK"], item["SK"])] = item
                remaining = response.get("UnprocessedKeys")
                if remaining:
                    raise Contended
    return items


def query(
    backend: Backend,
    pk: str,
    low: str,
    high: str,
    *,
    forward: bool = True,
    limit: int | None = None,
    attributes: Sequence[str] = (),
) -> tuple[list[Item], str | None]:
    """Reads the items of a partition with `low` ≤ SK ≤ `high` consistently, in one request.

    If the request stops before the end of the range, at `limit` items or DynamoDB's 1 MB, the second value is the SK of
    the last item read; otherwise it is None. `attributes` names the attributes to read; all if it is empty. An empty
    range costs no request.
    """
    if low > high:
        return [], None
    request: dict[str, Any] = {
        "TableName": backend.table,
        "KeyConditionExpression": "PK = :pk AND SK BETWEEN :low AND :high",
        "ExpressionAttributeValues": {":pk": {"S": pk}, ":low": {"S": low}, ":high": {"S": high}},
        "ConsistentRead": True,
        "ScanIndexForward": forward,
    }
    if limit is not None:
        request["Limit"] = limit
    if attributes:
        names = {f"#{number}": name for number, name in enumerate(attributes)}
        request |= {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names}
    response = backend.dynamodb.query(**request)
    last = response.get("LastEvaluatedKey")
    return [unmarshal(item) for item in response["Items"]], last["SK"]["S"] if last else None


def query_all(
    backend: Backend, pk: str, low: str, high: str, *, page_size: int | None = None, attributes: Sequence[str] = ()
) -> Iterator[Item]:
    """Yields all items of a partition with `low` ≤ SK ≤ `high`, sorted by SK, read consistently.

    Makes one request, when its items are needed, for each `page_size` items or megabyte. `attributes` names the
    attributes to read; all if it is empty.
    """
    start: str | None = low
    while start is not None:
        items, stopped = query(backend, pk, start, high, limit=page_size, attributes=attributes)
        yield from items
        start = f"{stopped}!" if stopped else None


def query_index(
    backend: Backend,
    index: Literal["unsettled", "uploads", "project_uploads"],
    partition: tuple[str, str],
    *,
    prefix: tuple[str, str] | None = None,
    limit: int | None = None,
    start: Mapping[str, Any] | None = None,
    forward: bool = True,
    attributes: Sequence[str] = (),
) -> tuple[list[Item], Mapping[str, Any] | None]:
    """Reads entries of an index in one request. An index lags a moment behind the table.

    `partition` is the name and value of the index's partition key. `prefix` is the name of its sort key, and the prefix
    that the sort key must have. Returns the entries, and the `start` of the next request if there may be more entries.
    `attributes` names the attributes to read; all if it is empty.
    """
    name, value = partition
    request: dict[str, Any] = {
        "TableName": backend.table,
        "IndexName": index,
        "KeyConditionExpression": "#partition = :value",
        "ExpressionAttributeNames": {"#partition": name},
        "ExpressionAttributeValues": {":value": {"S": value}},
        "ScanIndexForward": forward,
    }
    if prefix is not None:
        request["KeyConditionExpression"] += " AND begins_with(#order, :prefix)"
        request["ExpressionAttributeNames"]["#order"] = prefix[0]
        request["ExpressionAttributeValues"][":prefix"] = {"S": prefix[1]}
    if limit is not None:
        request["Limit"] = limit
    if attributes:
        request["ProjectionExpression"] = ",".join(attributes)
    if start is not None:
        request["ExclusiveStartKey"] = marshal(start)
    response = backend.dynamodb.query(**request)
    last = response.get("LastEvaluatedKey")
    return [unmarshal(item) for item in response["Items"]], unmarshal(last) if last else None


def write(backend: Backend, request: Write) -> None:
    """Makes one write. Retries, after a random wait, while a transaction on the item is in progress.

    Raises ConditionFailed and Contended.
    """
    _make(backend, request)


def add(backend: Backend, key: Key, attribute: str, value: int | set[str]) -> Any:
    """Adds a number to a counter, or elements to a set. Creates the item if there is none. Returns the new value.

    The new value is an int or a set of str, like `value`. One write. Raises Contended.
    """
    request = writes.update(backend, key, f"ADD #{attribute} :{attribute}", {attribute: value})
    request["Update"]["ReturnValues"] = "ALL_NEW"
    added = unmarshal(_make(backend, request)["Attributes"])[attribute]
    return int(added) if isinstance(value, int) else added


def _make(backend: Backend, request: Write) -> Any:
    """Makes one write and returns DynamoDB's response."""
    ((kind, parameters),) = request.items()
    make: Callable[..., object] = getattr(backend.dynamodb, METHODS[kind])

    def attempt() -> object:
        try:
            return make(**parameters)
        except backend.dynamodb.exceptions.ConditionalCheckFailedException:
            raise ConditionFailed([True]) from None
        except backend.dynamodb.exceptions.TransactionConflictException as error:
            raise Conflicting from error

    return _attempts(backend)(attempt)


def put_new(backend: Backend, key: Key, item: Mapping[str, Any]) -> bool:
    """Stores an item, unless its key already has one. Returns whether the item was stored."""
    try:
        write(backend, writes.new(backend, key, item))
    except ConditionFailed:
        return False
    return True


def edit(backend: Backend, key: Key, attribute: str, model: type[M], change: Callable[[M | None], C]) -> C:
    """Replaces the model that an item stores as JSON in `attribute` with the result of the callback `change`.

    Returns that result. `change` receives the stored model, or None if there is no item. It may return None to create
    no item. It is called again if the item changes meanwhile. An unchanged model is not written. Raises Contended, and
    any error of `change`.
    """

    def attempt() -> C:
        item = get(backend, key)
        before = model.model_validate_json(item[attribute]) if item else None
        after = change(before)
        is_unchanged = after == before
        if after is None or is_unchanged:
            return after
        text = after.model_dump_json()
        try:
            if item is None:
                write(backend, writes.revised(backend, key, {attribute: text}, 0))
            else:
                write(backend, writes.replaced(backend, key, attribute, item, text))
        except ConditionFailed:
            raise Conflicting from None
        return after

    return _attempts(backend)(attempt)


def write_many(backend: Backend, requests: Sequence[Any]) -> None:
    """Makes puts and deletes without conditions, in order. One request for each 25 of them. Raises Contended.

    The requests are serial on purpose: one after another, they already write twice as fast as a partition of the table
    takes writes, and workflows call this for sixteen shards at once.
    """
    for start in range(0, len(requests), BATCH_WRITE_ITEMS):
        _write_group(backend, requests[start : start + BATCH_WRITE_ITEMS])


def _write_group(backend: Backend, group: Sequence[Any]) -> None:
    remaining: Any = {backend.table: group}
    for attempt in _attempts(backend):
        with attempt:
            remaining = backend.dynamodb.batch_write_item(RequestItems=remaining).get("UnprocessedItems")
            if remaining:
                raise Contended


def delete_range(backend: Backend, pk: str, low: str, high: str, has_time: Callable[[], bool]) -> bool:
    """Deletes the items of a partition with `low` ≤ SK ≤ `high`, a thousand at a time, until `has_time` returns False.

    Returns whether all of them are deleted. Raises Contended.
    """
    while True:
        items, stopped = query(backend, pk, low, high, limit=DELETE_PAGE_ITEMS, attributes=["SK"])
        write_many(backend, [{"DeleteRequest": {"Key": Key(pk, item["SK"]).attributes()}} for item in items])
        if stopped is None:
            return True
        if not has_time():
            return False


def transact(backend: Backend, requests: Sequence[Write], *, is_large: bool = False) -> None:
    """Makes all of `requests` in one transaction, or none. Retries, after a random wait, on conflicts and throttling.

    `is_large` says that the requests may take a second's capacity of a partition. Raises ConditionFailed and Contended.
    """
    throttled = LargeThrottled if is_large else Contended
    # All attempts share a token. If an attempt took effect but its response was lost, the next one succeeds and changes
    # nothing.
    token = uuid.uuid4().hex
    for attempt in _attempts(backend):
        with attempt:
            try:
                backend.dynamodb.transact_write_items(TransactItems=cast("Any", requests), ClientRequestToken=token)
            except backend.dynamodb.exceptions.TransactionCanceledException as error:
                codes = [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])]
                if "ConditionalCheckFailed" in codes:
                    raise ConditionFailed([code == "ConditionalCheckFailed" for code in codes]) from None
                if not THROTTLED.isdisjoint(codes):
                    raise throttled from error
                if CONFLICT in codes:
                    raise Conflicting from error
                raise
            except ClientError as error:
                if error.response["Error"]["Code"] != "TransactionInProgressException":
                    raise
                raise Conflicting from error


def _attempts(backend: Backend) -> Retrying:
    return retrying(
        backend,
        Contended,
        attempts=MAX_ATTEMPTS,
        multiplier=0.02,
        patient_with=Conflicting,
        waits=Waits(LargeThrottled, LARGE_WAITS),
    )
