"""A world whose messages, steps of workflows and requests go through the functions as they are deployed.

Each invocation is a process of its own: what a function keeps in its module is the invocation's that runs.
"""

import base64
import datetime as dt
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

# Powertools and the functions' backends read these when the handlers' modules are loaded.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Tidemark")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "1")
os.environ.setdefault("TIDEMARK_TABLE", "none")

from aws_lambda_powertools.event_handler.api_gateway import BaseRouter
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider
from aws_lambda_powertools.utilities.batch import BasePartialBatchProcessor
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from aws_lambda_powertools.utilities.idempotency import base as idempotent
from aws_lambda_powertools.utilities.idempotency.persistence import base, datarecord, dynamodb

from tidemark.aws.backend import Backend

with patch.object(Backend, "from_environment", lambda: None):  # each invocation brings its own
    from functions.api import handler as api
    from functions.api.http import deployment as api_deployment
    from functions.api.http import idempotency, problem, throttle
    from functions.apply import handler as apply
    from functions.dead_letter import handler as dead_letter
    from functions.intake import handler as intake
    from functions.publish import handler as publish
    from functions.purge import handler as purge
    from functions.transfer import handler as transfer

from tests.simulation.gateway import Answer, Client
from tests.simulation.invocation import Invocation, Trouble, current
from tests.simulation.queues import Message, Queue
from tests.simulation.world import Execution, World, world_of
from tidemark.domain.intake_tasks import IntakeTask

WORKERS = (apply, publish, dead_letter, intake, transfer, purge)
SECONDS = {apply: 90, publish: 30, dead_letter: 30, intake: 300, transfer: 300, purge: 300, api: 28}
"""How long Lambda lets a function run, as `infra` says."""
WRITER = Client()


class Present:
    """The deployment as the process that runs sees it."""

    def __getattr__(self, name: str) -> Any:
        invocation = current()
        assert invocation is not None, "a function runs in an invocation"
        return getattr(invocation.backend, name)


class Context:
    """What Lambda tells a function about its invocation."""

    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "function"

    def __init__(self, milliseconds: Callable[[], int]) -> None:
        self.get_remaining_time_in_millis = milliseconds


class Deployment(World):
    """A world that calls the functions."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self.offset = timedelta()
        """By how much the clock of the next process is off."""
        self.trouble: Trouble | None = None
        """What the requests of the next process meet."""

    def invoke(
        self, name: str, function: ModuleType, event: Any, steps: int | None = None, done: Any = lambda answer: answer
    ) -> Invocation:
        """Call a function; `done` makes of its answer what is to be done about it, and its result.

        It has time for so many `steps`, as it asks for it, or for what Lambda gives it.
        """
        left = iter(range((steps or 1) - 1))
        backend = self.process(self.offset)
        ends = self.now + timedelta(seconds=SECONDS[function])

        def remaining() -> int:
            if steps is not None:
                return 300_000 if next(left, None) is not None else 0
            return max(0, int((ends - self.now) / timedelta(milliseconds=1)))

        return Invocation(
            name,
            lambda: done(function.handler(event, Context(remaining))),
            backend=backend,
            trouble=self.trouble,
        )

    def deliver(
        self, name: str, function: ModuleType, messages: Sequence[Message], delete: Callable[[Message], Any]
    ) -> Invocation:
        """Deliver a batch of messages of a FIFO queue to a function, and delete those that it does not report.

        Its error is that of the first message which was reported.
        """

        def settle(answer: dict[str, Any]) -> None:
            failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
            for message in messages:
                if _id(message) not in failed:
                    delete(message)
            _raise_caught(failed)

        return self.invoke(name, function, {"Records": [_record(message) for message in messages]}, done=settle)

    def receive(self, queue: Queue, groups: Sequence[str], limit: int) -> Invocation | None:
        """Deliver what these groups of a queue have next; what was received too often is set aside.

        A message is deleted only as long as it was not given to another invocation.
        """
        function = apply if queue is self.windows else publish
        received: list[Message] = []
        for group in groups:
            taken, spent = queue.receive(group, limit, self.now)
            received += taken
            if queue is self.windows:
                self.dead += spent
        if not received:
            return None
        receipts = {_id(message): message.receipt for message in received}
        name = f"{function.__name__.split('.')[1]} {[_id(message) for message in received]}"
        return self.deliver(
            name, function, received, lambda message: queue.settle(message, receipts[_id(message)], self.now)
        )

    def start_task(self, task: IntakeTask, steps: int | None = 1000) -> Invocation:
        """Deliver an order to intake, which has time for so many stretches or parts of what it asks."""
        body = task.model_dump_json()
        record = {"messageId": "order", "receiptHandle": "order", "body": body, "eventSource": "aws:sqs"}

        def delete(answer: dict[str, Any]) -> None:
            _raise_caught(answer["batchItemFailures"])
            if task in self.tasks:
                self.tasks.remove(task)

        return self.invoke(f"order {body}", intake, {"Records": [record]}, steps, delete)

    def redeliver(self, message: Message) -> Invocation:
        """Deliver a window that was taken from the queue before, whether or not it is still waiting."""
        message.receives += 1
        return self.deliver(f"apply {message.deduplication_id}", apply, [message], self.windows.delete)

    def republish(self, messages: list[Message]) -> Invocation:
        """Deliver news, whether or not they are still waiting."""
        name = f"publish {[one.deduplication_id for one in messages]}"
        return self.deliver(name, publish, messages, self.settled.delete)

    def start_give_up(self, message: Message) -> Invocation:
        """Deliver a dead letter."""
        return self.start_giving_up([message])

    def start_giving_up(self, messages: Sequence[Message]) -> Invocation:
        """Deliver a batch of dead letters."""

        def delete(message: Message) -> None:
            if message in self.dead:
                self.dead.remove(message)

        return self.deliver(f"give up {[_id(one) for one in messages]}", dead_letter, messages, delete)

    def start_step(self, execution: Execution, shard: int | None, pages: int | None = 1000) -> Invocation:
        """Call the function of a transfer for a shard, in which it has time for so many pages, or to finish it."""

        def told(answer: dict[str, Any]) -> bool:
            if shard is None:
                self.ended.add(execution.name)
            elif answer["done"]:
                self.read[execution.name].add(shard)
            return bool(answer["done"])

        return self.invoke(f"{execution.name} shard {shard}", transfer, _step(execution, shard), pages, told)

    def start_failure(self, execution: Execution) -> Invocation:
        """Tell the function of a transfer that a step has failed for good."""
        event = {"step": "fail", "work": execution.input["work"], "failure": {"Error": "Lambda", "Cause": "Timeout"}}

        def told(_: Any) -> None:
            self.ended.add(execution.name)

        return self.invoke(f"{execution.name} fails", transfer, event, done=told)

    def start_purge_step(self, execution: Execution, shard: int | None, pages: int = 1000) -> Invocation:
        """Call the function of a purge for a shard, or to finish, with time for so many pages."""
        name = f"{execution.name} shard {shard}"
        return self.invoke(name, purge, _step(execution, shard), pages, lambda answer: bool(answer["done"]))

    def start_client(self, name: str, operation: "Callable[[Caller], Any]") -> Invocation:
        """Somebody calls the API, once or several times."""
        caller = Caller(self, self.offset)
        return Invocation(
            name, lambda: operation(caller), backend=caller.process(), trouble=self.trouble, keep=_keep_request
        )


class Caller:
    """A client of the API, each of whose requests another process answers."""

    def __init__(self, world: Deployment, offset: timedelta) -> None:
        self._world = world
        self._offset = offset

    def process(self) -> Backend:
        """The process that answers its next request."""
        return self._world.process(self._offset)

    def send(self, method: str, path: str, body: bytes | None = b"{}", **headers: str) -> Answer:
        """Send a request; answers what comes back."""
        invocation = current()
        assert invocation is not None
        invocation.backend = self.process()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        event = WRITER.event(method, path, body, {"content-type": "application/json"} | given)
        answer = api.handler(event, Context(lambda: SECONDS[api] * 1000))
        text = base64.b64decode(answer["body"]).decode() if answer["isBase64Encoded"] else answer["body"]
        return Answer(answer["statusCode"], dict(answer.get("headers", {})), text)

    def put(self, key: str, body: bytes) -> None:
        """Put a file to the URL that the API has signed for it."""
        backend = self.process()
        backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=body)


def _id(message: Message) -> str:
    return f"{message.deduplication_id}#{message.token.sequence}"


def _record(message: Message) -> dict[str, Any]:
    return {
        "messageId": _id(message),
        "receiptHandle": _id(message),
        "body": message.body,
        "eventSource": "aws:sqs",
        "attributes": {
            "MessageGroupId": message.group,
            "SequenceNumber": str(message.token.sequence),
            "SentTimestamp": str(message.token.sent_at),
        },
    }


def _step(execution: Execution, shard: int | None) -> dict[str, Any]:
    work = execution.input["work"]
    return {"step": "finish", "work": work} if shard is None else {"step": "shard", "work": work, "shard": shard}


def _raise_caught(failed: Any) -> None:
    """Let an invocation end as the first of its messages that came to nothing."""
    invocation = current()
    if failed and invocation is not None:
        assert invocation.caught, "messages are reported that nothing has happened to"
        raise invocation.caught[0]


def _keep_request() -> Callable[[], None]:
    """What the API keeps of the request that it answers: a process answers one at a time, this one several."""
    present = {name: vars(BaseRouter).get(name) for name in ("current_event", "lambda_context")}
    kept = present, dict(api.app.context)

    def put_back() -> None:
        for name, value in kept[0].items():
            setattr(BaseRouter, name, value)
        api.app.context.clear()
        api.app.context.update(kept[1])

    return put_back


@contextmanager
def new_deployment() -> Iterator[Deployment]:
    """A world that calls the functions, with an empty table and an empty bucket."""
    with world_of(Deployment) as world, ExitStack() as stack:
        present: Any = Present()
        for module in WORKERS:
            stack.enter_context(patch.object(module, "backend", present))
        stack.enter_context(patch.object(Backend, "from_environment", lambda: present))
        _quieten(stack)
        _remember_answers(stack, world)
        _count_requests(stack, world, present)
        for remembered in (api_deployment.backend, idempotency._idempotent_write, idempotency._config):
            remembered.cache_clear()
            stack.callback(remembered.cache_clear)
        yield world


def _quieten(stack: ExitStack) -> None:
    """No logs and no metrics; what a function catches is kept, for whoever asks why a message came back."""
    logging.disable(logging.CRITICAL)
    stack.callback(logging.disable, logging.NOTSET)
    for name in ("add_metric", "flush_metrics"):
        stack.enter_context(patch.object(AmazonCloudWatchEMFProvider, name, lambda *_, **__: None))
    failure = BasePartialBatchProcessor.failure_handler

    def caught(processor: Any, record: Any, exception: Any) -> Any:
        _caught(exception[1])
        return failure(processor, record, exception)

    stack.enter_context(patch.object(BasePartialBatchProcessor, "failure_handler", caught))
    log = publish._publish

    def published(uid: str, bodies: Any) -> None:
        try:
            log(uid, bodies)
        except Exception as error:
            _caught(error)
            raise

    stack.enter_context(patch.object(publish, "_publish", published))
    passes = problem.is_transient

    def is_transient(error: Exception) -> bool:
        _caught(error)
        return passes(error)

    stack.enter_context(patch.object(problem, "is_transient", is_transient))


def _caught(error: BaseException) -> None:
    invocation = current()
    assert invocation is not None
    invocation.caught.append(error)


def _remember_answers(stack: ExitStack, world: Deployment) -> None:
    """The table of answers to small writes, by the world's clock."""
    client, table = world.process().dynamodb, f"answers-{world.process().table}"
    client.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    stack.callback(client.delete_table, TableName=table)
    stack.enter_context(patch.dict(os.environ, TIDEMARK_IDEMPOTENCY_TABLE=table))

    def layer(name: str) -> DynamoDBPersistenceLayer:
        return DynamoDBPersistenceLayer(name, boto3_client=client)

    stack.enter_context(patch.object(idempotency, "DynamoDBPersistenceLayer", layer))
    clock = SimpleNamespace(datetime=SimpleNamespace(now=lambda: world.now, fromtimestamp=dt.datetime.fromtimestamp))
    clock.timedelta = dt.timedelta
    for module in (idempotent, base, datarecord, dynamodb):
        stack.enter_context(patch.object(module, "dt", clock, create=True))


def _count_requests(stack: ExitStack, world: Deployment, present: Any) -> None:
    """The throttle, with the world's own client and clock; it lasts as long as the world."""

    def now() -> dt.datetime:
        return present.clock()  # type: ignore[no-any-return]  # that of the invocation that runs then

    counted = throttle.Throttle(world.process().dynamodb, os.environ["TIDEMARK_IDEMPOTENCY_TABLE"], now)
    stack.enter_context(patch.object(throttle, "throttle", lambda: counted))
