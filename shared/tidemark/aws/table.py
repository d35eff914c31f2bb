"""The table: its keys, and reads and transactions on its items.

| item | PK | SK |
|---|---|---|
| project | `PROJECTS` | `{project}` |
| class map, dataset by name | `P#{project}` | `CLASSMAP`, `DATASET#{name}` |
| dataset state, schema, schema of a BATCH upload | `D#{uid}` | `META`, `SCHEMA`, `SCHEMA#{upload}` |
| mutable clone of a BATCH dataset | `D#{uid}` | `MUTABLE` |
| version | `D#{uid}` | `V#{number}` |
| checkpoint by name, by time | `D#{uid}` | `CP#{name}`, `CT#{created_at}#{name}` |
| schema and class map of its files, export | `D#{uid}` | `CS#{name}`, `CC#{name}`, `E#{name}#{format}` |
| upload, chunk, file | `D#{uid}` | `U#{upload}`, `P#{upload}#{chunk}`, `I#{upload}#{file}` |
| shard of a workflow | `D#{uid}` | `T#{work}#{shard}` |
| pack that is not to be deleted with it | `D#{uid}` | `K#{pack}` |
| clone of it, datasets that it is a clone of | `D#{uid}` | `R#{clone uid}`, `SOURCES` |
| shard head | `D#{uid}#{shard}` | `HEAD` |
| commit | `D#{uid}#{shard}` | `C#{n}` |
| window marker | `D#{uid}#{shard}` | `W#{window}` |
| frame version | `D#{uid}#{shard}` | `F#{frame_id}#{n}` |

Numbers in keys are zero-padded so that their order is that of the keys; ids cannot contain `#` (R5).
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from tidemark.aws.backend import Backend
from tidemark.domain.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

Item = dict[str, Any]

NUMBER_DIGITS = 12
BATCH_GET_ITEMS = 100
"""Items in one BatchGetItem: DynamoDB's limit."""
BATCH_WRITE_ITEMS = 25
"""Items in one BatchWriteItem: DynamoDB's limit."""
DELETED_AT_ONCE = 1000
"""Items that are looked up before they are deleted."""
ATTEMPTS = 8
"""Tries at a transaction, or at the rest of a batch, that met a conflict or throttling."""

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


class Key(NamedTuple):
    """The primary key of an item."""

    pk: str
    sk: str

    def attributes(self) -> dict[str, Any]:
        """The key as DynamoDB takes it."""
        return {"PK": {"S": self.pk}, "SK": {"S": self.sk}}


class TransactionRefused(Exception):
    """A transaction whose conditions did not hold. `failed` tells, for each of its writes, whether its own did not."""

    def __init__(self, failed: Sequence[bool]) -> None:
        super().__init__(f"conditions failed: {failed}")
        self.failed = failed


class Contended(Unavailable):
    """Another transaction, or throttling, was in the way until the last try."""

    def __init__(self) -> None:
        super().__init__("The store is busy; send the same request again in a moment.")


def padded(number: int) -> str:
    """A number as part of a key."""
    return f"{number:0{NUMBER_DIGITS}d}"


def project_pk(project: str) -> str:
    """Partition of a project's definitions."""
    return f"P#{project}"


def dataset_pk(uid: str) -> str:
    """Partition of a dataset's state, versions and uploads."""
    return f"D#{uid}"


def shard_pk(uid: str, shard: int) -> str:
    """Partition of one shard's log."""
    return f"D#{uid}#{shard}"


def marshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as DynamoDB takes it; attributes that are None are left out."""
    return {name: _serialize(value) for name, value in item.items() if value is not None}


def unmarshal(attributes: Mapping[str, Any]) -> Item:
    """An item as Python values."""
    return {name: _deserialize(value) for name, value in attributes.items()}


def put(key: Key, item: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of an item to be written under `key`."""
    return key.attributes() | marshal(item)


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
    backend: Backend, pk: str, low: str, high: str, *, at_once: int | None = None, attributes: Sequence[str] = ()
) -> Iterator[Item]:
    """All items of a partition with `low` ≤ SK ≤ `high`, as `query` reads them: whenever those before are used up, the
    next `at_once` of them, or the next MB."""
    start: str | None = low
    while start is not None:
        items, stopped = query(backend, pk, start, high, limit=at_once, attributes=attributes)
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


def creation(backend: Backend, key: Key, item: Mapping[str, Any]) -> Any:
    """A write of a transaction that makes an item, on condition that none exists under its key."""
    return {
        "Put": {
            "TableName": backend.table,
            "Item": put(key, item),
            "ConditionExpression": "attribute_not_exists(PK)",
        }
    }


def absence(backend: Backend, key: Key) -> Any:
    """The part of a transaction that writes nothing, on condition that there is no item under a key."""
    return {
        "ConditionCheck": {
            "TableName": backend.table,
            "Key": key.attributes(),
            "ConditionExpression": "attribute_not_exists(PK)",
        }
    }


def put_new(backend: Backend, key: Key, item: Mapping[str, Any]) -> bool:
    """Write an item unless one exists under its key; tells whether it was written."""
    try:
        write_one(
            backend,
            backend.dynamodb.put_item,
            TableName=backend.table,
            Item=put(key, item),
            ConditionExpression="attribute_not_exists(PK)",
        )
    except backend.dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def write_one(backend: Backend, write: Callable[..., object], **request: Any) -> None:
    """Make a write of one item, by the client's own method. Waits, with jitter, for transactions on the item to pass:
    while one is under way, DynamoDB refuses other writes of its items.

    Raises what the client raises, and Contended.
    """

    def tried() -> None:
        try:
            write(**request)
        except backend.dynamodb.exceptions.TransactionConflictException as error:
            raise Contended from error

    contention(backend)(tried)


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
        items, stopped = query(backend, pk, low, high, limit=DELETED_AT_ONCE, attributes=["SK"])
        write_many(backend, [{"DeleteRequest": {"Key": Key(pk, item["SK"]).attributes()}} for item in items])
        if stopped is None:
            return True
        if not has_time():
            return False


def put_if(backend: Backend, write: Any) -> None:
    """Make one conditional write. Raises TransactionRefused where its condition does not hold."""
    try:
        write_one(backend, backend.dynamodb.put_item, **write)
    except backend.dynamodb.exceptions.ConditionalCheckFailedException:
        raise TransactionRefused([True]) from None


def transact(backend: Backend, writes: "Sequence[TransactWriteItemTypeDef]") -> None:
    """All of `writes`, or none. Waits, with jitter, for conflicting transactions and throttling to pass.

    Raises TransactionRefused where a condition does not hold.
    """
    # The same token in all tries: where one took effect without an answer, the next one is told so.
    token = uuid.uuid4().hex
    for attempt in contention(backend):
        with attempt:
            try:
                backend.dynamodb.transact_write_items(TransactItems=writes, ClientRequestToken=token)
            except backend.dynamodb.exceptions.TransactionCanceledException as error:
                codes = [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])]
                if "ConditionalCheckFailed" in codes:
                    raise TransactionRefused([code == "ConditionalCheckFailed" for code in codes]) from None
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
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.02, max=1),
        sleep=backend.sleep,
        reraise=True,
    )
