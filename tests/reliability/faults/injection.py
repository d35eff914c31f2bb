"""Injects AWS faults into single HTTP requests: before a request arrives, or into its response.

The AWS clients then retry as they do in production.
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

from tests.simulation.aws import READS, body_of, json_response, response
from tests.simulation.invocation import Perform
from tests.simulation.world import World

CLIENT_ATTEMPTS = 5
"""Most times that an AWS client sends a request."""
ITEM_WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem"})
DYNAMODB = "com.amazonaws.dynamodb.v20120810#"


class Fault(StrEnum):
    """A fault in a request."""

    THROTTLED = "throttled"
    SERVER_ERROR = "5xx response"
    UNREACHABLE = "connection refused or timed out"
    LOST_ANSWER = "takes effect, then times out"
    OUTAGE = "throttled until the client gives up"
    LOST_FOR_GOOD = "takes effect, but no response until the client gives up"
    CONFLICT = "conflicts with a transaction"
    IN_PROGRESS = "transaction still in progress"
    SLOW = "response delayed by up to 40 s"
    BROKEN_BODY = "object body truncated"
    PARTIAL_BATCH = "batch processed in part"
    SHORT_PAGE = "query page cut short"
    SOME_NOT_SENT = "some messages of a batch rejected"
    SOME_NOT_ANNOUNCED = "some events rejected"

    def fits(self, call: str) -> bool:
        """Whether the fault can happen to a call."""
        return self not in ONLY or ONLY[self](call)


ONLY: Mapping[Fault, Callable[[str], bool]] = {
    Fault.CONFLICT: lambda call: call.split(".")[1] in ITEM_WRITES | {"TransactWriteItems"},
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
"""The calls that a fault can happen to, for faults that cannot happen to every call."""


class Faults:
    """Draws faults at random for some of a process's requests."""

    def __init__(
        self, world: World, random: Random, rate: Callable[[], float], counts: Counter[str], log: Callable[[str], None]
    ) -> None:
        self._world = world
        self._random = random
        self._rate = rate
        self._counts = counts
        self._log = log
        self._rest: list[Fault] = []
        """Faults of the next requests, with which the client retries the same call."""

    def meet(self, call: str, request: AWSPreparedRequest, perform: Perform) -> AWSResponse:
        """Returns the response to a request. Raises what the HTTP client raises if there is no response."""
        self._world.now += timedelta(milliseconds=30)
        if self._rest:
            return injected(self._rest.pop(), call, request, perform, self._random, self._world)
        if self._random.random() >= self._rate():
            return perform(request)
        fault = self._random.choice([fault for fault in Fault if fault.fits(call)])
        self._counts[fault.value] += 1
        self._log(f"{fault.name} {call}")
        if fault is Fault.OUTAGE:
            self._rest = [Fault.THROTTLED] * (CLIENT_ATTEMPTS - 1)
        if fault is Fault.LOST_FOR_GOOD:
            self._rest = [Fault.LOST_ANSWER] * (CLIENT_ATTEMPTS - 1)
        return injected(fault, call, request, perform, self._random, self._world)


class OneFault:
    """Injects one fault at one request of a process, counted from 1."""

    def __init__(self, world: World, fault: Fault, position: int) -> None:
        self.met = False
        self._world = world
        self._fault = fault
        self._left = position
        self._rest = 0

    def meet(self, call: str, request: AWSPreparedRequest, perform: Perform) -> AWSResponse:
        """Returns the response to a request. Raises what the HTTP client raises if there is no response."""
        self._left -= 1
        if self._left == 0 and self._fault.fits(call):
            self.met = True
            self._rest = CLIENT_ATTEMPTS if self._fault in {Fault.OUTAGE, Fault.LOST_FOR_GOOD} else 1
        if self._rest == 0:
            return perform(request)
        self._rest -= 1
        return injected(self._fault, call, request, perform, Random(self._left), self._world)


def injected(
    fault: Fault, call: str, request: AWSPreparedRequest, perform: Perform, random: Random, world: World
) -> AWSResponse:
    """Returns the response to a request with a fault. Raises what the HTTP client raises if there is no response."""
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
            return _truncated(perform(request))
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
    return json_response(request, {"__type": f"{prefix}{code}", "message": "injected"}, status)


def _conflict(call: str, request: AWSPreparedRequest, random: Random) -> AWSResponse:
    """Cancels a transaction or refuses a write, as DynamoDB does if another transaction writes to its items."""
    if not call.endswith("TransactWriteItems"):
        return _refusal(request, call, 400, "TransactionConflictException")
    reasons = [{"Code": "None"} for _ in body_of(request)["TransactItems"]]
    reasons[random.randrange(len(reasons))] = {"Code": random.choice(["TransactionConflict", "ThrottlingError"])}
    error = {"__type": f"{DYNAMODB}TransactionCanceledException", "Message": "injected", "CancellationReasons": reasons}
    return json_response(request, error, 400)


def _truncated(complete: AWSResponse) -> AWSResponse:
    body = complete.content
    if complete.status_code >= 300:
        return response(complete.url, complete.status_code, body, complete.headers)
    headers = {**complete.headers, "content-length": str(len(body))}
    return response(complete.url, complete.status_code, body[: len(body) // 2], headers)


def _in_part(call: str, request: AWSPreparedRequest, perform: Perform, random: Random) -> AWSResponse:
    """Processes only a part of a request."""
    body = body_of(request)
    match call.split(".")[1]:
        case "Query":
            return perform(_with(request, body | {"Limit": min(body.get("Limit", 1000), random.randint(1, 2))}))
        case "BatchGetItem":
            ((table, read),) = body["RequestItems"].items()
            done = random.randrange(len(read["Keys"]))
            return _partly(
                request, perform, "UnprocessedKeys", {table: read | {"Keys": read["Keys"][done:]}},
                {table: read | {"Keys": read["Keys"][:done]}} if done else {},
            )  # fmt: skip
        case "BatchWriteItem":
            ((table, writes),) = body["RequestItems"].items()
            done = random.randrange(len(writes))
            return _partly(
                request, perform, "UnprocessedItems", {table: writes[done:]}, {table: writes[:done]} if done else {}
            )
    return _some_entries(call, request, body, perform, random)


def _partly(
    request: AWSPreparedRequest, perform: Perform, name: str, rest: Mapping[str, Any], part: Mapping[str, Any]
) -> AWSResponse:
    if not part:
        return json_response(request, {"Responses": {}, name: rest})
    done = json.loads(perform(_with(request, {"RequestItems": part})).content)
    return json_response(request, done | {name: rest})


def _some_entries(
    call: str, request: AWSPreparedRequest, body: dict[str, Any], perform: Perform, random: Random
) -> AWSResponse:
    entries = body["Entries"]
    failed = {number for number in range(len(entries)) if random.random() < 0.5} or {0}
    accepted = [entry for number, entry in enumerate(entries) if number not in failed]
    if accepted:
        perform(_with(request, body | {"Entries": accepted}))
    if call.endswith("PutEvents"):
        results = [{"ErrorCode": "InternalFailure"} if n in failed else {"EventId": "e"} for n in range(len(entries))]
        return json_response(request, {"FailedEntryCount": len(failed), "Entries": results})
    refused = [
        {"Id": entries[number]["Id"], "Code": "InternalError", "SenderFault": False, "Message": "injected"}
        for number in sorted(failed)
    ]
    return json_response(request, {"Successful": [{"Id": entry["Id"]} for entry in accepted], "Failed": refused})


def _with(request: AWSPreparedRequest, body: Any) -> AWSPreparedRequest:
    return AWSPreparedRequest(request.method, request.url, request.headers, json.dumps(body).encode(), False)
