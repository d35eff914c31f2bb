"""AWS in this process: clients whose every HTTP request goes through a world.

moto keeps the table and the objects. Its general way from an HTTP request to its DynamoDB and back takes several times
what the DynamoDB takes, and it copies the table for every write of a transaction; here requests go to it straight, and
a transaction keeps what it touches. Queues, bus and workflows are the world's.
"""

import copy
import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Protocol
from unittest.mock import patch

import boto3
import botocore.endpoint
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.retries.quota import RetryQuota
from botocore.useragent import UserAgentString
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse
from moto.core.exceptions import JsonRESTError
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.core.utils import camelcase_to_underscores
from moto.dynamodb import models
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from tests.simulation.invocation import current
from tests.simulation.resources import REGION
from tidemark.aws.backend import CLIENT_CONFIG, S3_CONFIG

READS = frozenset({"GetItem", "BatchGetItem", "Query", "GetObject"})
DATA = READS | {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}
OURS = frozenset({"sqs", "events", "stepfunctions"})
NAMES = {"eventbridge": "events", "sfn": "stepfunctions"}
"""Services that the clients' events name otherwise than boto3 does."""
UNSIGNED_CONFIG = CLIENT_CONFIG.merge(Config(signature_version=UNSIGNED))


class Served(Protocol):
    """The world that requests go to."""

    writes: int
    told: Callable[[str], None]

    def intercept(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer of a queue, the bus or a workflow."""

    def perform(self, operation: str, body: dict[str, Any], ask: "Callable[[], AWSResponse]") -> AWSResponse:
        """The answer of the table, which `ask` asks."""


class Clients:
    """boto3 clients are slow to make, so all worlds share them; their hooks serve the world of the moment."""

    def __init__(self) -> None:
        mock = mock_aws()
        mock.start()
        session = boto3.Session(region_name=REGION, aws_access_key_id="key", aws_secret_access_key="secret")
        self.world: Served | None = None
        self.dynamodb = session.client("dynamodb", config=UNSIGNED_CONFIG)
        self.s3 = session.client("s3", config=S3_CONFIG)
        self.sqs = session.client("sqs", config=UNSIGNED_CONFIG)
        self.events = session.client("events", config=UNSIGNED_CONFIG)
        self.states = session.client("stepfunctions", config=UNSIGNED_CONFIG)
        for client in (self.dynamodb, self.s3, self.sqs, self.events, self.states):
            # moto hears of a request from the world, or not at all.
            hooks: Any = client.meta.events
            hooks.unregister("before-send", botocore_stubber)
            hooks.register("before-send", self._send)
        # A process has a bucket of retries that these few faults never empty; and nobody waits.
        patch.object(RetryQuota, "acquire", lambda _quota, _amount: True).start()
        patch.object(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None)).start()
        patch.object(models, "copy", SimpleNamespace(deepcopy=_copied)).start()
        patch.object(models.DynamoDBBackend, "transact_write_items", _transact).start()
        _hasten()

    def _send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
        service, operation = event_name.split(".")[1:]
        if self.world is None:
            return _general(request)
        invocation = current()
        call = f"{NAMES.get(service, service)}.{operation}"
        if invocation is None:
            return self._perform(call, request)
        return invocation.request(call, request, lambda sent: self._perform(call, sent))

    def _perform(self, call: str, request: AWSPreparedRequest) -> AWSResponse:
        service, operation = call.split(".")
        world = self.world
        assert world is not None
        world.told(call)
        if operation not in READS:
            world.writes += 1
        if service in OURS:
            return answer(request, world.intercept(operation, body_of(request)))
        if service != "dynamodb" or operation not in DATA:
            return _general(request)
        body = body_of(request)
        return world.perform(operation, body, lambda: _straight(operation, request, body))


def response(url: str, status: int, body: str | bytes, headers: Mapping[str, str] | None = None) -> AWSResponse:
    """An answer as the HTTP client gives it to the AWS client."""
    given: Any = headers or {}
    raw: Any = MockRawResponse(body)
    return AWSResponse(url, status, given, raw)


def body_of(request: AWSPreparedRequest) -> dict[str, Any]:
    """What a request in JSON asks for."""
    text: Any = request.body
    asked: dict[str, Any] = json.loads(text)
    return asked


def answer(request: AWSPreparedRequest, body: Any, status: int = 200) -> AWSResponse:
    """An answer of a service that speaks JSON."""
    return response(request.url, status, json.dumps(body))


def _general(request: AWSPreparedRequest) -> AWSResponse:
    answered = botocore_stubber("before-send", request)
    assert answered is not None, f"no part of this world: {request.url}"
    return answered


def _straight(operation: str, request: AWSPreparedRequest, body: dict[str, Any]) -> AWSResponse:
    """What moto's DynamoDB answers."""
    handler = DynamoHandler()
    handler.body, handler.region, handler.current_account = body, REGION, DEFAULT_ACCOUNT_ID
    try:
        answered = getattr(handler, camelcase_to_underscores(operation))()
    except JsonRESTError as error:
        return response(request.url, error.code, error.get_body())
    return answer(request, answered.result)


_transact_slowly = models.DynamoDBBackend.transact_write_items


def _transact(backend: models.DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """moto's transaction, with what it touches put back where it fails."""
    touched = {}
    for item in transact_items:
        (write,) = item.values()
        key = write.get("Key") or write["Item"]
        place = write["TableName"], key["PK"]["S"], key["SK"]["S"]
        touched[place] = item_at(backend, *place)
    try:
        _transact_slowly(backend, transact_items)
    except Exception:
        for place, before in touched.items():
            put_at(backend, *place, before)
        raise


def _hasten() -> None:
    """Spare what is computed for every request and every comparison of keys, and is the same each time."""
    equal, before, hashed = DynamoType.__eq__, DynamoType.__lt__, DynamoType.__hash__
    sized = LimitedSizeDict.__setitem__

    def is_equal(one: DynamoType, other: DynamoType) -> bool:
        return bool(one.value == other.value) if one.type == other.type == "S" else equal(one, other)

    def is_before(one: DynamoType, other: DynamoType) -> bool:
        return bool(one.value < other.value) if one.type == other.type == "S" else before(one, other)

    def hash_of(one: DynamoType) -> int:
        return hash(one.value) if one.type == "S" else hashed(one)

    def put(items: LimitedSizeDict, name: str, value: Any) -> None:
        is_small = isinstance(value, DynamoType) and value.type in {"S", "N", "BOOL"} and len(str(value.value)) < 1000
        (dict.__setitem__ if is_small else sized)(items, name, value)

    patch.object(DynamoType, "__eq__", is_equal).start()
    patch.object(DynamoType, "__lt__", is_before).start()
    patch.object(DynamoType, "__hash__", hash_of).start()
    patch.object(LimitedSizeDict, "__setitem__", put).start()
    patch.object(UserAgentString, "to_string", lambda _: "tidemark").start()


def forget_tables() -> None:
    """Free what deleted tables held: moto keeps it, and each collection of garbage would look at all of it."""
    kinds: tuple[Any, ...] = (Table, Item)
    for kind in kinds:
        kind.instances_tracked.clear()


def _copied(value: Any) -> Any:
    return value if isinstance(value, Table) else copy.deepcopy(value)


def item_at(backend: models.DynamoDBBackend, table: str, pk: str, sk: str) -> Any:
    """A copy of the item of a table, as moto keeps it, or None."""
    return copy.deepcopy(backend.tables[table].items.get(_key(pk), {}).get(_key(sk)))


def put_at(backend: models.DynamoDBBackend, table: str, pk: str, sk: str, item: Any) -> None:
    """Make an item what it was; None is that it is not there."""
    partition: Any = backend.tables[table].items[_key(pk)]
    if item is None:
        partition.pop(_key(sk), None)
    else:
        partition[_key(sk)] = item


def _key(value: str) -> DynamoType:
    return DynamoType({"S": value})


_clients: list[Clients] = []


def clients() -> Clients:
    """The clients of this process."""
    if not _clients:
        _clients.append(Clients())
    return _clients[0]
