"""A world whose messages, workflow steps and API requests go through the functions' handlers, as deployed.

Each invocation stands for a process of its own: state that a function keeps in its module belongs to the invocation
that runs.
"""

import datetime as dt
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any, TypeVar
from unittest.mock import patch

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler.api_gateway import BaseRouter
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider
from aws_lambda_powertools.utilities.batch import BasePartialBatchProcessor
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from aws_lambda_powertools.utilities.idempotency import base as idempotent
from aws_lambda_powertools.utilities.idempotency.persistence import base, datarecord, dynamodb

from tidemark.aws.backend import Backend

with patch.object(Backend, "from_environment", lambda **_: None):  # each invocation has its own
    from functions.api import handler as api
    from functions.api.http import deployment as api_deployment
    from functions.api.http import idempotency, throttle
    from functions.apply import handler as apply
    from functions.dead_letter import handler as dead_letter
    from functions.intake import handler as intake
    from functions.publish import handler as publish
    from functions.purge import handler as purge
    from functions.transfer import handler as transfer

from tests.simulation.gateway import Answer, Client, answer_of
from tests.simulation.invocation import Invocation, Trouble, current
from tests.simulation.queues import Message, Queue, lineage_of
from tests.simulation.roles import acting_as
from tests.simulation.world import Execution, World, world_of
from tidemark.domain.intake_tasks import IntakeTask

WORKERS = (apply, publish, dead_letter, intake, transfer, purge)
SECONDS = {apply: 90, publish: 30, dead_letter: 30, intake: 300, transfer: 300, purge: 300, api: 28}
"""The timeout of each function, as set in `infra`."""
ROLES = {
    apply: "Apply",
    publish: "Publish",
    dead_letter: "DeadLetter",
    intake: "Intake",
    transfer: "Transfer",
    purge: "Purge",
    api: "Api",
}
WRITER = Client()
PATIENCE_SECONDS = 30
"""For how long the functions repeat a write that meets conflicts. The API, whose clients wait, does not."""


def name_of(function: ModuleType) -> str:
    """Returns the name of a function, such as `apply`."""
    return function.__name__.split(".")[1]


def _call(function: ModuleType, event: Any, context: "Context") -> Any:
    """Calls a handler under its function's role."""
    with acting_as(ROLES[function]):
        return function.handler(event, context)


class CurrentBackend:
    """Stands for the backend of the invocation that runs."""

    def __getattr__(self, name: str) -> Any:
        invocation = current()
        assert invocation is not None, "functions run only in an invocation"
        return getattr(invocation.backend, name)


class Context:
    """The Lambda context of an invocation."""

    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "function"

    def __init__(self, milliseconds: Callable[[], int]) -> None:
        self.get_remaining_time_in_millis = milliseconds


class Deployment(World):
    """A world that calls the functions' handlers."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self.offset = timedelta()
        """How far the clock of the next process is off."""
        self.trouble: Trouble | None = None
        """Faults in the requests of the next process."""

    def invoke(
        self,
        name: str,
        function: ModuleType,
        event: Any,
        steps: int | None = None,
        done: Any = lambda result: result,
        lineage: Mapping[str, int] | None = None,
    ) -> Invocation:
        """Starts a function. `done` handles its return value and returns the invocation's result.

        The function reads its remaining time to decide whether to go on. It has time for `steps` steps; None is until
        its Lambda timeout.
        """
        remaining_steps = iter(range((steps or 1) - 1))
        backend = self.process(self.offset, patience=PATIENCE_SECONDS)
        ends = self.now + timedelta(seconds=SECONDS[function])

        def remaining() -> int:
            if steps is not None:
                return 300_000 if next(remaining_steps, None) is not None else 0
            return max(0, int((ends - self.now) / timedelta(milliseconds=1)))

        return Invocation(
            name,
            lambda: done(_call(function, event, Context(remaining))),
            backend=backend,
            trouble=self.trouble,
            lineage=lineage,
        )

    def deliver(
        self,
        name: str,
        function: ModuleType,
        messages: Sequence[Message],
        delete: Callable[[Message], Any],
        steps: int | None = None,
    ) -> Invocation:
        """Delivers a batch of a queue to a function and deletes the messages that it does not report as failed.

        The invocation's error is that of the first failed message.
        """

        def settle(answer: dict[str, Any]) -> None:
            failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
            for message in messages:
                if message.id not in failed:
                    delete(message)
            _raise_caught(failed)

        event = {"Records": [message.record() for message in messages]}
        return self.invoke(name, function, event, steps, settle, lineage_of(name_of(function), messages))

    def receive(self, queue: Queue, groups: Sequence[str], limit: int) -> Invocation | None:
        """Delivers the next messages of these groups of a queue. Messages received too often become dead letters.

        A message is deleted only if it was not delivered to another invocation meanwhile.
        """
        function = apply if queue is self.windows else publish
        received: list[Message] = []
        for group in groups:
            messages, spent = queue.receive(group, limit, self.now)
            received += messages
            if queue is self.windows:
                self.dead += spent
        if not received:
            return None
        receipts = {message.id: message.receipt for message in received}
        name = f"{name_of(function)} {[message.id for message in received]}"
        return self.deliver(
            name, function, received, lambda message: queue.settle(message, receipts[message.id], self.now)
        )

    def start_task(self, task: IntakeTask, steps: int | None = 1000) -> Invocation:
        """Delivers a task to intake, which has time for `steps` chunks of work; None is until its timeout."""
        body = task.model_dump_json()
        record = {
            "messageId": "order",
            "receiptHandle": "order",
            "body": body,
            "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": "1"},
        }

        def delete(answer: dict[str, Any]) -> None:
            _raise_caught(answer["batchItemFailures"])
            if task in self.tasks:
                self.tasks.remove(task)

        return self.invoke(f"order {body}", intake, {"Records": [record]}, steps, delete)

    def redeliver(self, message: Message) -> Invocation:
        """Delivers a window that was received before, whether or not it is still queued."""
        message.receives += 1
        return self.deliver(f"apply {message.deduplication_id}", apply, [message], self.windows.delete)

    def republish(self, messages: list[Message]) -> Invocation:
        """Delivers publish messages, whether or not they are still queued."""
        name = f"publish {[message.deduplication_id for message in messages]}"
        return self.deliver(name, publish, messages, self.settled.delete)

    def start_give_up(self, message: Message) -> Invocation:
        """Delivers a dead letter."""
        return self.start_giving_up([message])

    def start_giving_up(self, messages: Sequence[Message]) -> Invocation:
        """Delivers a batch of dead letters."""

        def delete(message: Message) -> None:
            if message in self.dead:
                self.dead.remove(message)

        return self.deliver(f"give up {[message.id for message in messages]}", dead_letter, messages, delete)

    def start_step(self, execution: Execution, shard: int | None, pages: int | None = 1000) -> Invocation:
        """Calls the transfer function for a shard, with time for `pages` pages, or, without a shard, to finish."""

        def record(result: dict[str, Any]) -> bool:
            if shard is None:
                self.ended.add(execution.name)
            elif result["done"]:
                self.read[execution.name].add(shard)
            return bool(result["done"])

        return self.invoke(f"{execution.name} shard {shard}", transfer, _step(execution, shard), pages, record)

    def start_failure(self, execution: Execution) -> Invocation:
        """Calls the transfer function to record that a step has failed for good."""
        event = {"step": "fail", "work": execution.input["work"], "failure": {"Error": "Lambda", "Cause": "Timeout"}}

        def record(_: Any) -> None:
            self.ended.add(execution.name)

        return self.invoke(f"{execution.name} fails", transfer, event, done=record)

    def start_purge_step(self, execution: Execution, shard: int | None, pages: int = 1000) -> Invocation:
        """Calls the purge function for a shard, or, without a shard, to finish, with time for `pages` pages."""
        name = f"{execution.name} shard {shard}"
        return self.invoke(name, purge, _step(execution, shard), pages, lambda result: bool(result["done"]))

    def start_client(self, name: str, operation: "Callable[[Caller], Any]") -> Invocation:
        """Starts a client, which calls the API once or several times."""
        caller = Caller(self, self.offset)
        return Invocation(
            name, lambda: operation(caller), backend=caller.process(), trouble=self.trouble, save=_save_request
        )


class Caller:
    """An API client. Each of its requests is handled by a process of its own."""

    def __init__(self, world: Deployment, offset: timedelta) -> None:
        self._world = world
        self._offset = offset

    def process(self) -> Backend:
        """Returns the backend of the process that handles the next request."""
        return self._world.process(self._offset)

    def send(self, method: str, path: str, body: bytes | None = b"{}", **headers: str) -> Answer:
        """Sends a request and returns the response."""
        invocation = current()
        assert invocation is not None
        invocation.backend = self.process()
        named_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        event = WRITER.event(method, path, body, {"content-type": "application/json"} | named_headers)
        return answer_of(_call(api, event, Context(lambda: SECONDS[api] * 1000)))

    def put(self, key: str, body: bytes) -> None:
        """Uploads a file to the URL that the API signed for it."""
        backend = self.process()
        backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=body)


def _step(execution: Execution, shard: int | None) -> dict[str, Any]:
    work = execution.input["work"]
    return {"step": "finish", "work": work} if shard is None else {"step": "shard", "work": work, "shard": shard}


def _raise_caught(failed: Any) -> None:
    """Raises the error of the first failed message, so that the invocation ends with it."""
    invocation = current()
    if failed and invocation is not None:
        assert invocation.caught, "a message was reported as failed without an error"
        raise invocation.caught[0]


def _save_request() -> Callable[[], None]:
    """Saves what the API stores globally about its request, and returns a function that puts it back.

    A Lambda process handles one request at a time; this process interleaves several.
    """
    attributes = {name: vars(BaseRouter).get(name) for name in ("current_event", "lambda_context")}
    context = dict(api.app.context)

    def put_back() -> None:
        for name, value in attributes.items():
            setattr(BaseRouter, name, value)
        api.app.context.clear()
        api.app.context.update(context)

    return put_back


D = TypeVar("D", bound=Deployment)


@contextmanager
def new_deployment() -> Iterator[Deployment]:
    """Yields a world that calls the functions' handlers, with an empty table and an empty bucket."""
    with deployment_of(Deployment) as world:
        yield world


@contextmanager
def deployment_of(make: Callable[[Backend], D]) -> Iterator[D]:
    """Yields a world that `make` creates and that calls the functions' handlers."""
    with world_of(make) as world, ExitStack() as stack:
        present: Any = CurrentBackend()
        for module in WORKERS:
            stack.enter_context(patch.object(module, "backend", present))
        stack.enter_context(patch.object(Backend, "from_environment", lambda **_: present))
        _silence(stack)
        _store_responses(stack, world)
        _install_throttle(stack, world, present)
        for cached in (api_deployment.backend, idempotency._idempotent_write, idempotency._config):
            cached.cache_clear()
            stack.callback(cached.cache_clear)
        yield world


def _silence(stack: ExitStack) -> None:
    """Turns off logs and metrics, and records the errors that handlers catch, to explain failed messages."""
    logging.disable(logging.CRITICAL)
    stack.callback(logging.disable, logging.NOTSET)
    for name in ("add_metric", "flush_metrics"):
        stack.enter_context(patch.object(AmazonCloudWatchEMFProvider, name, lambda *_, **__: None))
    failure = BasePartialBatchProcessor.failure_handler

    def record_failure(processor: Any, record: Any, exception: Any) -> Any:
        _record_error(exception[1])
        return failure(processor, record, exception)

    stack.enter_context(patch.object(BasePartialBatchProcessor, "failure_handler", record_failure))
    for level in ("exception", "error", "warning"):
        stack.enter_context(patch.object(Logger, level, _record_logged))


def _record_logged(_: Logger, *__: Any, exc_info: Any = None, **___: Any) -> None:
    """Records the error that a handler logs."""
    error = exc_info if isinstance(exc_info, BaseException) else sys.exc_info()[1]
    if error is not None:
        _record_error(error)


def _record_error(error: BaseException) -> None:
    invocation = current()
    assert invocation is not None
    invocation.caught.append(error)


def _store_responses(stack: ExitStack, world: Deployment) -> None:
    """Creates the idempotency table for small writes and makes Powertools use the world's clock."""
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


def _install_throttle(stack: ExitStack, world: Deployment, present: Any) -> None:
    """Installs a throttle with the world's client and clock. It lives as long as the world."""

    def now() -> dt.datetime:
        return present.clock()  # type: ignore[no-any-return]  # the clock of the invocation that runs then

    world_throttle = throttle.Throttle(world.process().dynamodb, os.environ["TIDEMARK_IDEMPOTENCY_TABLE"], now)
    stack.enter_context(patch.object(throttle, "throttle", lambda: world_throttle))
