"""Reads and writes of the table: every request to DynamoDB is made here, except those for API keys and throttling."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

from botocore.exceptions import ClientError
from pydantic import BaseModel
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from tidemark.aws import writes
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Item, Key, marshal, unmarshal
from tidemark.aws.writes import Write
from tidemark.domain.errors import Unavailable

M = TypeVar("M", bound=BaseModel)
C = TypeVar("C", bound=BaseModel | None)

BATCH_GET_ITEMS = 100
"""Items in one BatchGetItem: DynamoDB's limit."""
BATCH_WRITE_ITEMS = 25
"""Items in one BatchWriteItem: DynamoDB's limit."""
DELETE_PAGE_ITEMS = 1000
"""Items that are looked up before they are deleted."""
MAX_ATTEMPTS = 8
"""Tries at a transaction, or at the rest of a batch, that met a conflict or throttling."""


class ConditionFailed(Exception):
    """Raised when a condition did not hold. `failed` says for each write of the transaction whether its own failed."""

    def __init__(self, failed: Sequence[bool]) -> None:
        super().__init__(f"conditions failed: {failed}")
        self.failed = failed


class Contended(Unavailable):
    """Another transaction, or throttling, was in the way until the last try."""

    def __init__(self) -> None:
        super().__init__("The store is busy; send the same request again in a moment.")


def get(backend: Backend, key: Key, *, consistent: bool = True) -> Item | None:
    """The item under `key`, or None. One read."""
    answer = backend.dynamodb.get_item(TableName=backend.table, Key=key.attributes(), ConsistentRead=consistent)
    return unmarshal(answer["Item"]) if "Item" in answer else None


def get_many(backend: Backend, keys: Iterable[Key]) -> dict[Key, Item]:
    """The items under `keys` that exist, read consistently: one request for each hundred."""
    wanted = list(keys)
    found: dict[Key, Item] = {}
    for start in range(0, len(wanted), BATCH_GET_ITEMS):
        remaining: Any = {
            backend.table: {
                "Keys": [key.attributes() for key in wanted[start : start + BATCH_GET_ITEMS]],
                "ConsistentRead": True,
            }
        }
        for attempt in contention(backend):
            with attempt:
                answer = backend.dynamodb.batch_get_item(RequestItems=remaining)
                for attributes in answer["Responses"].get(backend.table, []):
                    item = unmarshal(attributes)
                    found[Key(item["PK"], item["SK"])] = item
                remaining = answer.get("UnprocessedKeys")
                if remaining:
                    raise Contended
    return found


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
    """Items of a partition with `low` ≤ SK ≤ `high`, read consistently, in one request; of each `attributes` alone, if
    these are given.

    Answers the items and, where the request stopped at `limit` or at DynamoDB's 1 MB before the end of the range,
    the SK that it stopped at. An empty range costs no request.
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
    answer = backend.dynamodb.query(**request)
    last = answer.get("LastEvaluatedKey")
    return [unmarshal(item) for item in answer["Items"]], last["SK"]["S"] if last else None


def query_all(
    backend: Backend, pk: str, low: str, high: str, *, page_size: int | None = None, attributes: Sequence[str] = ()
) -> Iterator[Item]:
    """All items of a partition with `low` ≤ SK ≤ `high`, as `query` reads them: whenever those before are used up, the
    next `page_size` of them, or the next MB."""
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
    order: tuple[str, str] | None = None,
    limit: int | None = None,
    start: Mapping[str, Any] | None = None,
    forward: bool = True,
    attributes: Sequence[str] = (),
) -> tuple[list[Item], Mapping[str, Any] | None]:
    """Entries of a partition of an index (eventually consistent), of each `attributes` alone if these are given, and
    where the request stopped.

    `order` is the index's sort attribute and what it must begin with.
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
    if order is not None:
        request["KeyConditionExpression"] += " AND begins_with(#order, :prefix)"
        request["ExpressionAttributeNames"]["#order"] = order[0]
        request["ExpressionAttributeValues"][":prefix"] = {"S": order[1]}
    if limit is not None:
        request["Limit"] = limit
    if attributes:
        request["ProjectionExpression"] = ",".join(attributes)
    if start is not None:
        request["ExclusiveStartKey"] = marshal(start)
    answer = backend.dynamodb.query(**request)
    last = answer.get("LastEvaluatedKey")
    return [unmarshal(item) for item in answer["Items"]], unmarshal(last) if last else None


def write(backend: Backend, request: Write) -> None:
    """Makes one write. Waits, with jitter, while a transaction on the item is under way.

    Raises ConditionFailed, and Contended when the transactions outlast all attempts.
    """
    ((kind, parameters),) = request.items()
    make: Callable[..., object] = getattr(backend.dynamodb, METHODS[kind])

    def attempt() -> None:
        try:
            make(**parameters)
        except backend.dynamodb.exceptions.ConditionalCheckFailedException:
            raise ConditionFailed([True]) from None
        except backend.dynamodb.exceptions.TransactionConflictException as error:
            raise Contended from error

    contention(backend)(attempt)


METHODS = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}
"""The client's method for each kind of write."""


def put_new(backend: Backend, key: Key, item: Mapping[str, Any]) -> bool:
    """Stores an item unless one exists under its key. Returns whether it was stored."""
    try:
        write(backend, writes.new(backend, key, item))
    except ConditionFailed:
        return False
    return True


def edit(backend: Backend, key: Key, attribute: str, model: type[M], change: Callable[[M | None], C]) -> C:
    """Replaces the model that an item stores as JSON in `attribute` by what `change` returns for it, and returns that.

    `change` gets None where there is no item; it may return None to leave it so. It is called again when somebody else
    was faster. An unchanged model is not written. Raises what `change` raises, and Contended.
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
            raise Contended from None
        return after

    return contention(backend)(attempt)


def write_many(backend: Backend, requests: Sequence[Any]) -> None:
    """Make puts and deletes that depend on nothing, in no order: a request for each 25, several at once."""
    groups = [requests[start : start + BATCH_WRITE_ITEMS] for start in range(0, len(requests), BATCH_WRITE_ITEMS)]
    backend.parallel(lambda group: _write_group(backend, group), groups)


def _write_group(backend: Backend, group: Sequence[Any]) -> None:
    remaining: Any = {backend.table: group}
    for attempt in contention(backend):
        with attempt:
            remaining = backend.dynamodb.batch_write_item(RequestItems=remaining).get("UnprocessedItems")
            if remaining:
                raise Contended


def delete_range(backend: Backend, pk: str, low: str, high: str, has_time: Callable[[], bool]) -> bool:
    """Delete the items of a partition with `low` ≤ SK ≤ `high`, a thousand at once, as long as there is time; tells
    whether all are gone."""
    while True:
        items, stopped = query(backend, pk, low, high, limit=DELETE_PAGE_ITEMS, attributes=["SK"])
        write_many(backend, [{"DeleteRequest": {"Key": Key(pk, item["SK"]).attributes()}} for item in items])
        if stopped is None:
            return True
        if not has_time():
            return False


def transact(backend: Backend, requests: Sequence[Write]) -> None:
    """Makes all of `requests`, or none. Waits, with jitter, for conflicting transactions and throttling to pass.

    Raises ConditionFailed where a condition does not hold.
    """
    # The same token in all tries: where one took effect without an answer, the next one is told so.
    token = uuid.uuid4().hex
    for attempt in contention(backend):
        with attempt:
            try:
                backend.dynamodb.transact_write_items(TransactItems=cast("Any", requests), ClientRequestToken=token)
            except backend.dynamodb.exceptions.TransactionCanceledException as error:
                codes = [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])]
                if "ConditionalCheckFailed" in codes:
                    raise ConditionFailed([code == "ConditionalCheckFailed" for code in codes]) from None
                if TRANSIENT.isdisjoint(codes):
                    raise
                raise Contended from error
            except ClientError as error:
                if error.response["Error"]["Code"] != "TransactionInProgressException":
                    raise
                raise Contended from error


TRANSIENT = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
"""Reasons for which DynamoDB cancels a transaction that may succeed a moment later."""


def contention(backend: Backend) -> Retrying:
    """Tries at something that others may be in the way of; the last try's error is raised."""
    return Retrying(
        retry=retry_if_exception_type(Contended),
        stop=stop_after_attempt(MAX_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.02, max=1),
        sleep=backend.sleep,
        reraise=True,
    )
