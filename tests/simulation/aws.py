"""AWS in this process: boto3 clients whose HTTP requests all go through a world.

moto stores the table and the objects. Queues, event bus and workflows belong to the world. Two things of moto are too
slow for thousands of schedules and are replaced: routing an HTTP request takes several times as long as its DynamoDB
does, so requests call the DynamoDB directly; and a transaction copies the whole table for each write, so here it saves
only the items that it touches.
"""

import copy
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
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
from tests.simulation.roles import denied_action
from tidemark.aws.backend import CLIENT_CONFIG, S3_CONFIG

READS = frozenset({"GetItem", "BatchGetItem", "Query", "GetObject"})
DATA = READS | {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}
WORLD_SERVICES = frozenset({"sqs", "events", "stepfunctions"})
NAMES = {"eventbridge": "events", "sfn": "stepfunctions"}
"""Services whose name in botocore's events is not their name in boto3."""
UNSIGNED_CONFIG = CLIENT_CONFIG.merge(Config(signature_version=UNSIGNED))


class RequestHandler(Protocol):
    """The world that handles requests."""

    writes: int
    on_request: Callable[[str], None]

    def intercept(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        """Returns the response of a queue, the event bus or a workflow. Raises Refusal."""

    def perform(self, operation: str, body: dict[str, Any], send: "Callable[[], AWSResponse]") -> AWSResponse:
        """Returns the response of the table. `send` sends the request to moto."""

    def sleep(self, seconds: float) -> None:
        """Waits as long as an AWS client does before it repeats a request."""


class Refusal(Exception):
    """Raised when a queue refuses a request, with AWS's error code."""


class Clients:
    """The boto3 clients that all worlds share, since clients are slow to create. Their hooks call the current world."""

    def __init__(self) -> None:
        mock = mock_aws()
        mock.start()
        session = boto3.Session(region_name=REGION, aws_access_key_id="key", aws_secret_access_key="secret")
        self.world: RequestHandler | None = None
        self.dynamodb = session.client("dynamodb", config=UNSIGNED_CONFIG)
        self.s3 = session.client("s3", config=S3_CONFIG)
        self.sqs = session.client("sqs", config=UNSIGNED_CONFIG)
        self.events = session.client("events", config=UNSIGNED_CONFIG)
        self.states = session.client("stepfunctions", config=UNSIGNED_CONFIG)
        for client in (self.dynamodb, self.s3, self.sqs, self.events, self.states):
            # moto receives a request only from the world.
            hooks: Any = client.meta.events
            hooks.unregister("before-send", botocore_stubber)
            hooks.register("before-send", self._send)
        # Never exhaust botocore's retry quota, which all invocations of this process would share, and sleep only in
        # simulated time.
        patch.object(RetryQuota, "acquire", lambda _quota, _amount: True).start()
        patch.object(botocore.endpoint, "time", SimpleNamespace(sleep=self._sleep)).start()
        patch.object(models, "copy", SimpleNamespace(deepcopy=_copy_unless_table)).start()
        patch.object(models.DynamoDBBackend, "transact_write_items", _transact).start()
        _speed_up()

    def _send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
        service, operation = event_name.split(".")[1:]
        if self.world is None:
            return _send_to_moto(request)
        invocation = current()
        call = f"{NAMES.get(service, service)}.{operation}"
        if invocation is None:
            return self._perform(call, request)
        return invocation.request(call, request, lambda sent: self._perform(call, sent))

    def _sleep(self, seconds: float) -> None:
        if self.world is not None:
            self.world.sleep(seconds)

    def _perform(self, call: str, request: AWSPreparedRequest) -> AWSResponse:
        service, operation = call.split(".")
        world = self.world
        assert world is not None
        world.on_request(call)
        if operation not in READS:
            world.writes += 1
        if service in WORLD_SERVICES:
            try:
                return json_response(request, world.intercept(operation, body_of(request)))
            except Refusal as refusal:
                error = {"__type": f"com.amazonaws.{service}#{refusal}", "message": "simulated"}
                return json_response(request, error, HTTPStatus.BAD_REQUEST)
        if service != "dynamodb" or operation not in DATA:
            return _send_to_moto(request)
        body = body_of(request)
        if denied := denied_action(operation, body):
            return json_response(
                request, {"__type": "AccessDeniedException", "message": denied}, HTTPStatus.BAD_REQUEST
            )
        return world.perform(operation, body, lambda: _call_dynamodb(operation, request, body))


def response(url: str, status: int, body: str | bytes, headers: Mapping[str, str] | None = None) -> AWSResponse:
    """Returns a response as the HTTP client hands it to the AWS client."""
    response_headers: Any = headers or {}
    raw: Any = MockRawResponse(body)
    return AWSResponse(url, status, response_headers, raw)


def body_of(request: AWSPreparedRequest) -> dict[str, Any]:
    """Returns the parsed body of a JSON request."""
    text: Any = request.body
    body: dict[str, Any] = json.loads(text)
    return body


def json_response(request: AWSPreparedRequest, body: Any, status: int = 200) -> AWSResponse:
    """Returns a JSON response to a request."""
    return response(request.url, status, json.dumps(body))


def _send_to_moto(request: AWSPreparedRequest) -> AWSResponse:
    moto_response = botocore_stubber("before-send", request)
    assert moto_response is not None, f"the world does not simulate {request.url}"
    return moto_response


def _call_dynamodb(operation: str, request: AWSPreparedRequest, body: dict[str, Any]) -> AWSResponse:
    """Returns the response of moto's DynamoDB, without moto's routing."""
    handler = DynamoHandler()
    handler.body, handler.region, handler.current_account = body, REGION, DEFAULT_ACCOUNT_ID
    try:
        result = getattr(handler, camelcase_to_underscores(operation))().result
    except JsonRESTError as error:
        return response(request.url, error.code, error.get_body())
    return json_response(request, result)


_moto_transact = models.DynamoDBBackend.transact_write_items


def _transact(backend: models.DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """Runs a transaction in moto. If it fails, puts back only the items that it touched."""
    saved = {}
    for item in transact_items:
        (write,) = item.values()
        key = write.get("Key") or write["Item"]
        place = write["TableName"], key["PK"]["S"], key["SK"]["S"]
        saved[place] = item_at(backend, *place)
    try:
        _moto_transact(backend, transact_items)
    except Exception:
        for place, item in saved.items():
            put_at(backend, *place, item)
        raise


def _speed_up() -> None:
    """Skips work that moto and botocore repeat for every request or key comparison, with the same result."""
    moto_eq, moto_lt, moto_hash = DynamoType.__eq__, DynamoType.__lt__, DynamoType.__hash__
    moto_setitem = LimitedSizeDict.__setitem__

    def is_equal(left: DynamoType, right: DynamoType) -> bool:
        return bool(left.value == right.value) if left.type == right.type == "S" else moto_eq(left, right)

    def is_less(left: DynamoType, right: DynamoType) -> bool:
        return bool(left.value < right.value) if left.type == right.type == "S" else moto_lt(left, right)

    def hash_of(value: DynamoType) -> int:
        return hash(value.value) if value.type == "S" else moto_hash(value)

    def put(items: LimitedSizeDict, name: str, value: Any) -> None:
        is_small = isinstance(value, DynamoType) and value.type in {"S", "N", "BOOL"} and len(str(value.value)) < 1000
        (dict.__setitem__ if is_small else moto_setitem)(items, name, value)

    patch.object(DynamoType, "__eq__", is_equal).start()
    patch.object(DynamoType, "__lt__", is_less).start()
    patch.object(DynamoType, "__hash__", hash_of).start()
    patch.object(LimitedSizeDict, "__setitem__", put).start()
    patch.object(UserAgentString, "to_string", lambda _: "tidemark").start()


def forget_tables() -> None:
    """Frees the items of deleted tables. moto keeps them, and each garbage collection would scan all of them."""
    kinds: tuple[Any, ...] = (Table, Item)
    for kind in kinds:
        kind.instances_tracked.clear()


def _copy_unless_table(value: Any) -> Any:
    return value if isinstance(value, Table) else copy.deepcopy(value)


def item_at(backend: models.DynamoDBBackend, table: str, pk: str, sk: str) -> Any:
    """Returns a copy of an item of a table, as moto stores it; None if there is no such item."""
    return copy.deepcopy(backend.tables[table].items.get(_key(pk), {}).get(_key(sk)))


def put_at(backend: models.DynamoDBBackend, table: str, pk: str, sk: str, item: Any) -> None:
    """Stores an item as `item_at` returned it. None deletes it."""
    partition: Any = backend.tables[table].items[_key(pk)]
    if item is None:
        partition.pop(_key(sk), None)
    else:
        partition[_key(sk)] = item


def _key(value: str) -> DynamoType:
    return DynamoType({"S": value})


_clients: list[Clients] = []


def clients() -> Clients:
    """Returns the clients of this process, created on first use."""
    if not _clients:
        _clients.append(Clients())
    return _clients[0]
