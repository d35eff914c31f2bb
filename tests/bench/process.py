"""The functions in this process, warm: every request that they make is metered, every call timed.

The local stack plays DynamoDB and S3 for them, `queues` the rest. A call of a function is what Lambda would call it
with.
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
from tests.stack.inside import backend_of, table_of_counts

FUNCTIONS = ("authorizer", "api", "intake", "apply", "publish", "transfer", "checkpoint")
WORKFLOWS = ("transfer", "checkpoint")
"""Those of them that workflows call; each has one of its name."""
CONSUMERS = {FILES: "intake", WINDOWS: "apply", SETTLED: "publish"}
"""The functions that read queues, in the order in which an upload passes them."""
MILLISECONDS = dict.fromkeys(("intake", *WORKFLOWS), 300_000)
"""Of a call of a function, as `infra/functions.py` has it, where that matters to the function."""
TRANSITIONS, TRANSITIONS_OF_SHARD, TRANSITIONS_OF_CALL = 3, 1, 2
"""States that a workflow enters: its start, its map and its end; the end of each shard; and for each call of its
function, the call and the look at its answer."""
OUTSIDE = "outside"
"""In the place of a function: what senders and EventBridge ask of AWS."""


@dataclass
class Usage:
    """What calls of a function have taken."""

    calls: int = 0
    tally: Tally = field(default_factory=Tally)
    cpu: Cpu = field(default_factory=Cpu)
    log_bytes: int = 0
    transitions: int = 0
    """From one state of a workflow to the next, as Step Functions charges them."""
    carried_bytes: int = 0
    """Bodies of requests and answers, for the function that answers the API."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.calls + other.calls,
            self.tally + other.tally,
            self.cpu + other.cpu,
            self.log_bytes + other.log_bytes,
            self.transitions + other.transitions,
            self.carried_bytes + other.carried_bytes,
        )


class Context:
    """What Lambda tells a function about a call."""

    memory_limit_in_mb = 1024

    def __init__(self, function: str) -> None:
        self.function_name = self.invoked_function_arn = self.aws_request_id = function
        self._milliseconds = MILLISECONDS.get(function, 28_000)

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds that the call may still take."""
        return self._milliseconds


class Process:
    """The functions behind their API: a `Door`."""

    def __init__(self, meter: Meter, clock: CpuClock, queues: Queues, folder: Folder, key: str) -> None:
        self._meter = meter
        self._clock = clock
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
        """What each function has taken since this was last asked."""
        taken, self._usage = dict(self._usage), defaultdict(Usage)
        return taken

    def post(self, path: str, document: Json) -> Json:
        """The answer to a POST of JSON."""
        return self._request("POST", path, json.dumps(document))

    def get(self, path: str) -> Json:
        """The answer to a GET."""
        return self._request("GET", path, None)

    def put(self, url: str, headers: Mapping[str, str], content: bytes) -> None:
        """Put a file to a signed URL."""
        httpx2.put(url, headers=headers, content=content).raise_for_status()
        self._usage[OUTSIDE] += Usage(tally=Tally(Counter(["s3.PutObject"])))

    def settle(self, path: str) -> None:
        """Run all workflows and deliver all messages, so that what is at that path comes to its end."""
        while self._queues.executions:
            self._run(*self._queues.executions.popleft())
        for queue, function in CONSUMERS.items():
            self._deliver(queue, function)
        del path

    def drop(self, dataset: str, key: str, content: bytes) -> None:
        """Put a file into the drop folder, have intake told of it as EventBridge would, and deliver all messages."""
        self._queues.send(FILES, self._folder.put(key, content))
        self._usage[OUTSIDE] += Usage(tally=Tally(Counter(["s3.PutObject", "sqs.SendMessage"]), sqs_charged=1))
        self.settle(dataset)

    def _run(self, function: str, given: Json) -> None:
        """Call a workflow's function as its state machine does: see `infra/workflows.py`."""
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
        self._usage[function] += Usage(1, self._meter.take(), cpu, len(self._log.getvalue().encode()))
        return answer


@contextmanager
def process(stack: LocalStack, key: str) -> Iterator[Process]:
    """The functions over the stack's table and bucket, called under an API key.

    Once in a process: functions remember their clients.
    """
    with patch.dict(os.environ, _environment(stack)):
        # The functions make their clients from the default session, so that it is the one to be metered.
        session = boto3.Session()
        meter, clock, queues = Meter(observer()), CpuClock(), Queues()
        meter.attach(session)
        clock.attach(session)
        session.events.register("before-call", queues.answer)
        with patch.object(boto3, "DEFAULT_SESSION", session), Folder(stack.outputs["BucketName"]) as folder:
            yield Process(meter, clock, queues, folder, key)


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
    """An HTTP API's event, payload format 2.0."""
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
