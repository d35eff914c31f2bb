"""Runs the functions in this process, warm, with every AWS request metered and every call timed.

The local stack provides DynamoDB and S3, `queues` the rest. Functions are called with the events that Lambda would
send.
"""

import base64
import io
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from unittest.mock import patch

import boto3
import httpx2

from infra.local.stack import LocalStack
from tests.bench.cpu import Cpu, CpuClock
from tests.bench.door import Json
from tests.bench.folder import Folder
from tests.bench.metering import Meter, Tally
from tests.bench.observer import observer
from tests.bench.queues import FILES, SETTLED, WINDOWS, Queues
from tests.bench.round_trips import RoundTrips
from tests.support.deployed.inside import backend_of, table_of_counts

FUNCTIONS = ("authorizer", "api", "intake", "apply", "publish", "transfer", "checkpoint")
WORKFLOWS = ("transfer", "checkpoint")
"""The functions that workflows call. Each has a workflow of its name."""
CONSUMERS = {FILES: "intake", WINDOWS: "apply", SETTLED: "publish"}
"""The functions that read queues, in the order in which an upload reaches them."""
MILLISECONDS = dict.fromkeys(("intake", *WORKFLOWS), 300_000)
"""Timeouts as in `infra/functions.py`, for functions whose work depends on them."""
TRANSITIONS, TRANSITIONS_OF_SHARD, TRANSITIONS_OF_CALL = 3, 1, 2
"""State transitions of a workflow: its start, its map and its end; one per finished shard; and two per function call,
for the call and for the choice after it."""
OUTSIDE = "outside"
"""Stands for a function: the requests of senders and EventBridge."""


@dataclass
class Usage:
    """The usage of a function's calls."""

    calls: int = 0
    tally: Tally = field(default_factory=Tally)
    cpu: Cpu = field(default_factory=Cpu)
    log_bytes: int = 0
    transitions: int = 0
    """State transitions that Step Functions charges."""
    carried_bytes: int = 0
    """Bytes of request and response bodies, for the API's function."""
    round_trips: int = 0
    """The most sequential round trips of a call."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.calls + other.calls,
            self.tally + other.tally,
            self.cpu + other.cpu,
            self.log_bytes + other.log_bytes,
            self.transitions + other.transitions,
            self.carried_bytes + other.carried_bytes,
            max(self.round_trips, other.round_trips),
        )


class Context:
    """The Lambda context of a call."""

    memory_limit_in_mb = 1024

    def __init__(self, function: str) -> None:
        self.function_name = self.invoked_function_arn = self.aws_request_id = function
        self._milliseconds = MILLISECONDS.get(function, 28_000)

    def get_remaining_time_in_millis(self) -> int:
        """Returns the milliseconds until the call times out."""
        return self._milliseconds


class Process:
    """The functions behind their API. A `Door`."""

    def __init__(
        self, meter: Meter, clock: CpuClock, round_trips: RoundTrips, queues: Queues, folder: Folder, key: str
    ) -> None:
        self._meter = meter
        self._clock = clock
        self.round_trips = round_trips
        self._queues = queues
        self._folder = folder
        self._key = key
        self._log = io.StringIO()
        self._usage: dict[str, Usage] = defaultdict(Usage)
        with redirect_stdout(self._log):
            self._handlers: dict[str, Callable[[Json, Context], Json]] = {
                name: import_module(f"functions.{name}.handler").handler for name in FUNCTIONS
            }

    def take(self) -> dict[str, Usage]:
        """Returns the usage of each function since the last call, and resets it."""
        taken, self._usage = dict(self._usage), defaultdict(Usage)
        return taken

    def post(self, path: str, document: Json) -> Json:
        """Sends a POST of JSON and returns the response."""
        return self._request("POST", path, json.dumps(document))

    def get(self, path: str) -> Json:
        """Sends a GET and returns the response."""
        return self._request("GET", path, None)

    def put(self, url: str, headers: Mapping[str, str], content: bytes) -> None:
        """Uploads a file to a signed URL."""
        httpx2.put(url, headers=headers, content=content).raise_for_status()
        self._usage[OUTSIDE] += Usage(tally=Tally(Counter(["s3.PutObject"])))

    def settle(self, path: str) -> None:
        """Runs all workflows and delivers all messages, so that the upload or artifact at a path is finished."""
        while self._queues.executions:
            self._run(*self._queues.executions.popleft())
        for queue, function in CONSUMERS.items():
            self._deliver(queue, function)
        del path

    def drop(self, dataset: str, key: str, content: bytes) -> None:
        """Drops a file, notifies intake as EventBridge would, and delivers all messages."""
        self._queues.send(FILES, self._folder.put(key, content))
        self._usage[OUTSIDE] += Usage(tally=Tally(Counter(["s3.PutObject", "sqs.SendMessage"]), sqs_charged=1))
        self.settle(dataset)

    def _run(self, function: str, given: Json) -> None:
        """Calls a workflow's function as its state machine in `infra/workflows.py` does."""
        steps = [{"step": "shard", "shard": shard} for shard in given["shards"]]
        self._usage[OUTSIDE] += Usage(transitions=TRANSITIONS + TRANSITIONS_OF_SHARD * len(steps))
        for step in [*steps, {"step": "finish"}]:
            done = False
            while not done:
                done = self._call(function, {**step, "work": given["work"]})["done"]
                self._usage[OUTSIDE] += Usage(transitions=TRANSITIONS_OF_CALL)

    def _deliver(self, queue: str, function: str) -> None:
        for records in self._queues.batches(queue):
            self._meter.deliver(sum(len(record["body"].encode()) for record in records))
            answer = self._call(function, {"Records": records})
            if answer["batchItemFailures"]:
                raise AssertionError(f"{function} failed: {self._log.getvalue()}")

    def _request(self, method: str, path: str, body: str | None) -> Json:
        event = _event(method, path, body, self._key)
        event["requestContext"]["authorizer"] = {"lambda": self._call("authorizer", event)["context"]}
        answer = self._call("api", event)
        content = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
        if answer["statusCode"] >= 400:
            raise AssertionError(f"{method} {path}: {content.decode()}\n{self._log.getvalue()}")
        self._usage["api"].carried_bytes += len((body or "").encode()) + len(content)
        document: Json = json.loads(content)
        return document

    def _call(self, function: str, event: Json) -> Json:
        self._log.seek(0)
        self._log.truncate()
        with redirect_stdout(self._log), self._clock.measure() as cpu:
            answer = self._handlers[function](event, Context(function))
        log_bytes = len(self._log.getvalue().encode())
        self._usage[function] += Usage(1, self._meter.take(), cpu, log_bytes, round_trips=self.round_trips.take())
        return answer


@contextmanager
def process(stack: LocalStack, key: str) -> Iterator[Process]:
    """Yields the functions on the stack's table and bucket, called with an API key.

    Call this once per process, since functions keep their clients.
    """
    with patch.dict(os.environ, _environment(stack)):
        # The functions create their clients from the default session, so the default session is metered.
        session = boto3.Session()
        meter, clock, round_trips, queues = Meter(observer()), CpuClock(), RoundTrips(), Queues()
        meter.attach(session)
        clock.attach(session)
        round_trips.attach(session)
        session.events.register("before-call", queues.answer)
        with patch.object(boto3, "DEFAULT_SESSION", session), Folder(stack.outputs["BucketName"]) as folder:
            yield Process(meter, clock, round_trips, queues, folder, key)


def _environment(stack: LocalStack) -> dict[str, str]:
    return {
        **stack.aws,
        "POWERTOOLS_METRICS_NAMESPACE": "Tidemark",
        "POWERTOOLS_TRACE_DISABLED": "1",
        "TIDEMARK_TABLE": stack.outputs["TableName"],
        "TIDEMARK_BUCKET": stack.outputs["BucketName"],
        "TIDEMARK_KEYS_TABLE": stack.outputs["KeysTableName"],
        "TIDEMARK_IDEMPOTENCY_TABLE": table_of_counts(backend_of(stack)),
        "TIDEMARK_FILES_QUEUE_URL": FILES,
        "TIDEMARK_WINDOWS_QUEUE_URL": WINDOWS,
        "TIDEMARK_SETTLED_QUEUE_URL": SETTLED,
        **{f"TIDEMARK_WORKFLOW_{name.upper()}": name for name in WORKFLOWS},
    }


def _event(method: str, path: str, body: str | None, key: str) -> Json:
    """Returns an HTTP API event of payload format 2.0."""
    where, _, query = path.partition("?")
    event: Json = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": f"/api/v2/{where}",
        "rawQueryString": query,
        "headers": {"content-type": "application/json", "x-api-key": key},
        "requestContext": {
            "http": {"method": method, "path": f"/api/v2/{where}", "sourceIp": "192.0.2.1"},
            "requestId": "request",
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = dict(pair.split("=") for pair in query.split("&"))
    if body is not None:
        event["body"] = body
    return event
