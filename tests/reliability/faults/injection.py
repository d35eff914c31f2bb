"""Faults of AWS, put into single HTTP requests: before they arrive, instead of an answer, or into it.

The clients' own retries then do what they do in life.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from random import Random
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from tests.simulation.aws import READS, answer, body_of, response
from tests.simulation.invocation import Perform
from tests.simulation.world import World

TRIES = 5
"""Times that a client sends a request, at most."""
TRANSACTED = frozenset({"PutItem", "UpdateItem", "DeleteItem"})
DYNAMODB = "com.amazonaws.dynamodb.v20120810#"


class Fault(StrEnum):
    """What goes wrong with a request."""

    THROTTLED = "throttled"
    SERVER_ERROR = "answered 5xx"
    UNREACHABLE = "connection refused, or not made in time"
    LOST_ANSWER = "timed out after it took effect"
    OUTAGE = "throttled until the client gave up"
    LOST_FOR_GOOD = "took effect, and no answer until the client gave up"
    CONFLICT = "in conflict with a transaction"
    IN_PROGRESS = "transaction still in progress"
    SLOW = "answered tens of seconds late"
    BROKEN_BODY = "body of an object broken off"
    PARTIAL_BATCH = "batch read or written in part"
    SHORT_PAGE = "page of a query cut short"
    SOME_NOT_SENT = "some messages of a batch not taken"
    SOME_NOT_ANNOUNCED = "some events not taken"

    def fits(self, call: str) -> bool:
        """Whether it can happen to a call."""
        return self not in ONLY or ONLY[self](call)


ONLY: Mapping[Fault, Callable[[str], bool]] = {
    Fault.CONFLICT: lambda call: call.split(".")[1] in TRANSACTED | {"TransactWriteItems"},
    Fault.IN_PROGRESS: lambda call: call.endswith("TransactWriteItems"),
    Fault.SLOW: lambda call: call.startswith("s3"),
    Fault.BROKEN_BODY: lambda call: call.endswith("GetObject"),
    Fault.PARTIAL_BATCH: lambda call: call.endswith(("BatchGetItem", "BatchWriteItem")),
    Fault.SHORT_PAGE: lambda call: call.endswith("Query"),
    Fault.SOME_NOT_SENT: lambda call: call.endswith("SendMessageBatch"),
    Fault.SOME_NOT_ANNOUNCED: lambda call: call.endswith("PutEvents"),
    Fault.LOST_ANSWER: lambda call: call.split(".")[1] not in READS,
    Fault.LOST_FOR_GOOD: lambda call: call.split(".")[1] not in READS,
}
"""The calls that faults can happen to which cannot happen to all."""


class Faults:
    """Faults that a schedule draws: some requests of a process meet one."""

    def __init__(
        self, world: World, random: Random, rate: Callable[[], float], met: Counter[str], tell: Callable[[str], None]
    ) -> None:
        self._world = world
        self._random = random
        self._rate = rate
        self._met = met
        self._tell = tell
        self._rest: list[Fault] = []
        """What the next requests of the same call meet: the client sends it again."""

    def meet(self, call: str, request: AWSPreparedRequest, perform: Perform) -> AWSResponse:
        """The answer to a request; raises what the HTTP client raises where there is none."""
        self._world.now += timedelta(milliseconds=30)
        if self._rest:
            return injected(self._rest.pop(), call, request, perform, self._random, self._world)
        if self._random.random() >= self._rate():
            return perform(request)
        fault = self._random.choice([fault for fault in Fault if fault.fits(call)])
        self._met[fault.value] += 1
        self._tell(f"{fault.name} {call}")
        if fault is Fault.OUTAGE:
            self._rest = [Fault.THROTTLED] * (TRIES - 1)
        if fault is Fault.LOST_FOR_GOOD:
            self._rest = [Fault.LOST_ANSWER] * (TRIES - 1)
        return injected(fault, call, request, perform, self._random, self._world)


class OneFault:
    """One fault, at one request of a process."""

    def __init__(self, world: World, fault: Fault, position: int) -> None:
        self.met = False
        self._world = world
        self._fault = fault
        self._left = position
        self._rest = 0

    def meet(self, call: str, request: AWSPreparedRequest, perform: Perform) -> AWSResponse:
        """The answer to a request; raises what the HTTP client raises where there is none."""
        self._left -= 1
        if self._left == 0 and self._fault.fits(call):
            self.met = True
            self._rest = TRIES if self._fault in {Fault.OUTAGE, Fault.LOST_FOR_GOOD} else 1
        if self._rest == 0:
            return perform(request)
        self._rest -= 1
        return injected(self._fault, call, request, perform, Random(self._left), self._world)


def injected(
    fault: Fault, call: str, request: AWSPreparedRequest, perform: Perform, random: Random, world: World
) -> AWSResponse:
    """What comes of a request that meets a fault."""
    match fault:
        case Fault.UNREACHABLE:
            kinds: Sequence[Any] = (EndpointConnectionError, ConnectTimeoutError)
            raise random.choice(kinds)(endpoint_url=request.url, error="refused")
        case Fault.LOST_ANSWER | Fault.LOST_FOR_GOOD:
            perform(request)
            raise ReadTimeoutError(endpoint_url=request.url, error="timed out")
        case Fault.SLOW:
            world.now += timedelta(seconds=random.randint(5, 40))
            return perform(request)
        case Fault.BROKEN_BODY:
            return _broken_off(perform(request))
        case Fault.PARTIAL_BATCH | Fault.SHORT_PAGE | Fault.SOME_NOT_SENT | Fault.SOME_NOT_ANNOUNCED:
            return _in_part(call, request, perform, random)
    return _refused(fault, call, request, random)


def _refused(fault: Fault, call: str, request: AWSPreparedRequest, random: Random) -> AWSResponse:
    match fault:
        case Fault.SERVER_ERROR:
            return _refusal(request, call, random.choice([500, 503]), "InternalServerError")
        case Fault.CONFLICT:
            return _conflict(call, request, random)
        case Fault.IN_PROGRESS:
            return _refusal(request, call, 400, "TransactionInProgressException")
    return _refusal(request, call, 503 if call.startswith("s3") else 400, _throttling(call))


def _throttling(call: str) -> str:
    service = call.split(".", maxsplit=1)[0]
    return {"s3": "SlowDown", "sqs": "RequestThrottled", "dynamodb": "ProvisionedThroughputExceededException"}.get(
        service, "ThrottlingException"
    )


def _refusal(request: AWSPreparedRequest, call: str, status: int, code: str) -> AWSResponse:
    if call.startswith("s3"):
        body = f"<Error><Code>{code}</Code><Message>injected</Message></Error>"
        return response(request.url, status, body)
    prefix = DYNAMODB if call.startswith("dynamodb") else ""
    return answer(request, {"__type": f"{prefix}{code}", "message": "injected"}, status)


def _conflict(call: str, request: AWSPreparedRequest, random: Random) -> AWSResponse:
    """DynamoDB cancels a transaction, or refuses a write, since another transaction is at one of its items."""
    if not call.endswith("TransactWriteItems"):
        return _refusal(request, call, 400, "TransactionConflictException")
    reasons = [{"Code": "None"} for _ in body_of(request)["TransactItems"]]
    reasons[random.randrange(len(reasons))] = {"Code": random.choice(["TransactionConflict", "ThrottlingError"])}
    told = {"__type": f"{DYNAMODB}TransactionCanceledException", "Message": "injected", "CancellationReasons": reasons}
    return answer(request, told, 400)


def _broken_off(whole: AWSResponse) -> AWSResponse:
    body = whole.content
    if whole.status_code >= 300:
        return response(whole.url, whole.status_code, body, whole.headers)
    headers = {**whole.headers, "content-length": str(len(body))}
    return response(whole.url, whole.status_code, body[: len(body) // 2], headers)


def _in_part(call: str, request: AWSPreparedRequest, perform: Perform, random: Random) -> AWSResponse:
    """Only some of what a request asks for is done."""
    body = body_of(request)
    match call.split(".")[1]:
        case "Query":
            return perform(_with(request, body | {"Limit": min(body.get("Limit", 1000), random.randint(1, 2))}))
        case "BatchGetItem":
            ((table, asked),) = body["RequestItems"].items()
            kept = random.randrange(len(asked["Keys"]))
            return _partly(
                request, perform, "UnprocessedKeys", {table: asked | {"Keys": asked["Keys"][kept:]}},
                {table: asked | {"Keys": asked["Keys"][:kept]}} if kept else {},
            )  # fmt: skip
        case "BatchWriteItem":
            ((table, writes),) = body["RequestItems"].items()
            kept = random.randrange(len(writes))
            return _partly(
                request, perform, "UnprocessedItems", {table: writes[kept:]}, {table: writes[:kept]} if kept else {}
            )
    return _some_entries(call, request, body, perform, random)


def _partly(
    request: AWSPreparedRequest, perform: Perform, name: str, rest: Mapping[str, Any], asked: Mapping[str, Any]
) -> AWSResponse:
    if not asked:
        return answer(request, {"Responses": {}, name: rest})
    done = json.loads(perform(_with(request, {"RequestItems": asked})).content)
    return answer(request, done | {name: rest})


def _some_entries(
    call: str, request: AWSPreparedRequest, body: dict[str, Any], perform: Perform, random: Random
) -> AWSResponse:
    entries = body["Entries"]
    failed = {number for number in range(len(entries)) if random.random() < 0.5} or {0}
    taken = [entry for number, entry in enumerate(entries) if number not in failed]
    if taken:
        perform(_with(request, body | {"Entries": taken}))
    if call.endswith("PutEvents"):
        told = [{"ErrorCode": "InternalFailure"} if at in failed else {"EventId": "e"} for at in range(len(entries))]
        return answer(request, {"FailedEntryCount": len(failed), "Entries": told})
    refused = [
        {"Id": entries[number]["Id"], "Code": "InternalError", "SenderFault": False, "Message": "injected"}
        for number in sorted(failed)
    ]
    return answer(request, {"Successful": [{"Id": entry["Id"]} for entry in taken], "Failed": refused})


def _with(request: AWSPreparedRequest, body: Any) -> AWSPreparedRequest:
    return AWSPreparedRequest(request.method, request.url, request.headers, json.dumps(body).encode(), False)
