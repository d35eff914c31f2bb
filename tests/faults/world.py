"""A world in which every AWS call can be paused, crashed or let through, one at a time.

moto keeps the table and the packs. The queues are modelled here, because their delivery is what a schedule decides:
messages of a group in order, delivered again until deleted, and dead letters. Operations run as invocations, each in a
thread of its own that stops before every AWS call until it is told to go on, so that exactly one runs at any time.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import boto3
from moto import mock_aws

from tests.tables import create_bucket, create_table
from tidemark.domain.orders import ORDER, Order, ReadFile, ResumeUpload
from tidemark.domain.purges import PurgeWork
from tidemark.domain.transfers import TransferWork
from tidemark.domain.windows import FIRST_TURN, NEWS, Settled, Turn, Window
from tidemark.services import purge_steps, transfers
from tidemark.services.apply import apply_window
from tidemark.services.dead_letters import give_up
from tidemark.services.files import read_file
from tidemark.services.publish import publish
from tidemark.services.resume import resume, sweep
from tidemark.store import queues
from tidemark.store.backend import CLIENT_CONFIG, S3_CONFIG, Backend, Memory
from tidemark.store.workflows import Workflow

WINDOWS, SETTLED, FILES = "windows.fifo", "settled.fifo", "files"
READS = frozenset({"GetItem", "BatchGetItem", "Query", "GetObject"})
PATIENCE = 30
"""Seconds that a thread may take from one AWS call to the next before the test is given up."""


class Crash(BaseException):
    """The process dies here. Not an Exception, so that nothing in the product can catch it."""


class Invocation:
    """An operation that stops before each of its AWS calls."""

    current = threading.local()

    def __init__(self, name: str, operation: Callable[[], Any]) -> None:
        self.name = name
        self.result: Any = None
        self.error: BaseException | None = None
        self.finished = False
        self.calls: list[str] = []
        self._operation = operation
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self._crash_before = self._crash_after = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._await()

    def step(self) -> None:
        """Let the next AWS call through and stop before the one after it, or at the end."""
        self._go.release()
        self._await()

    def run(self) -> "Invocation":
        """Let all AWS calls through, to the end."""
        while not self.finished:
            self.step()
        return self

    def crash(self, *, after: bool) -> None:
        """Die before the next AWS call, or right after it took effect."""
        self._crash_before, self._crash_after = not after, after
        while not self.finished:
            self.step()

    @property
    def crashed(self) -> bool:
        """Whether it died rather than answered or raised."""
        return isinstance(self.error, Crash)

    def before_call(self, call: str) -> None:
        """Called in the thread, before an AWS call."""
        self.calls.append(call)
        self._stopped.release()
        self._go.acquire()
        if self._crash_before:
            raise Crash(call)

    def after_call(self, call: str) -> None:
        """Called in the thread, when an AWS call has taken effect."""
        if self._crash_after:
            raise Crash(call)

    def _run(self) -> None:
        Invocation.current.value = self
        try:
            self.result = self._operation()
        except (Exception, Crash) as error:  # noqa: BLE001 - kept for whoever scheduled it
            self.error = error
        self.finished = True
        self._stopped.release()

    def _await(self) -> None:
        if not self._stopped.acquire(timeout=PATIENCE):
            raise TimeoutError(f"{self.name} stopped neither at an AWS call nor at its end: {self.calls}")


@dataclass
class Message:
    """A message of a FIFO queue."""

    group: str
    deduplication_id: str
    body: str
    turn: Turn = FIRST_TURN
    receives: int = 0


class Execution(NamedTuple):
    """An execution of a workflow that was started."""

    workflow: str
    name: str
    input: dict[str, Any]


@dataclass
class Queue:
    """A FIFO queue: what is waiting, and what it ever took, in order."""

    waiting: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    taken: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    seen: set[str] = field(default_factory=set)

    def send(self, message: Message) -> None:
        """Take a message, unless its deduplication id was seen lately."""
        if message.deduplication_id in self.seen:
            return
        self.seen.add(message.deduplication_id)
        position = len(self.taken[message.group]) + 1
        message.turn = Turn(position, position)
        self.waiting[message.group].append(message)
        self.taken[message.group].append(message)

    def groups(self) -> list[str]:
        """The groups that have messages waiting, in the order of their first message, so that schedules replay."""
        return [group for group, messages in self.waiting.items() if messages]

    def delete(self, message: Message) -> None:
        """Forget a message; one that is gone already, as after a late answer, is no error."""
        if message in self.waiting[message.group]:
            self.waiting[message.group].remove(message)


class World:
    """A deployment whose clock, queues and failures a test decides."""

    def __init__(self, backend: Backend) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.windows = Queue()
        self.settled = Queue()
        self.orders: list[Order] = []
        """Orders to intake that are waiting, in no order that anybody promises."""
        self.executions: dict[str, Execution] = {}
        """Workflows that were started, by the names of their executions; nothing runs them but the test."""
        self.read: dict[str, set[int]] = defaultdict(set)
        """Of each of them, the shards that are done."""
        self.ended: set[str] = set()
        """The names of those that have ended."""
        self.dead: list[Message] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        """What was announced: the kind of event, and what it tells."""
        self.writes = 0
        """Calls so far that may have changed what the deployment holds."""
        self._backend = backend

    def process(self) -> Backend:
        """The deployment as a fresh process sees it: it remembers nothing."""
        return Backend(
            dynamodb=self._backend.dynamodb,
            s3=self._backend.s3,
            sqs=self._backend.sqs,
            events=self._backend.events,
            states=self._backend.states,
            table=self._backend.table,
            bucket=self._backend.bucket,
            windows_queue_url=WINDOWS,
            settled_queue_url=SETTLED,
            files_queue_url=FILES,
            workflow_arns={workflow: workflow for workflow in Workflow},
            clock=self.tick,
            sleep=lambda _: None,
            workers=1,
            memory=Memory(),
        )

    def tick(self) -> datetime:
        """The time; every look at the clock takes a second."""
        self.now += timedelta(seconds=1)
        return self.now

    def intercept(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a call to SQS, EventBridge or Step Functions."""
        if operation == "PutEvents":
            self.events.extend((entry["DetailType"], json.loads(entry["Detail"])) for entry in body["Entries"])
            return {"FailedEntryCount": 0, "Entries": []}
        if operation == "StartExecution":
            execution = Execution(body["stateMachineArn"], body["name"], json.loads(body["input"]))
            assert self.executions.setdefault(execution.name, execution) == execution, "another one of this name"
            return {"executionArn": execution.name, "startDate": self.now}
        assert operation == "SendMessageBatch", f"no part of this world: {operation}"
        queue = self.windows if body["QueueUrl"] == WINDOWS else self.settled
        for entry in body["Entries"]:
            if body["QueueUrl"] == FILES:
                self.orders.append(ORDER.validate_json(entry["MessageBody"]))
                continue
            queue.send(Message(entry["MessageGroupId"], entry["MessageDeduplicationId"], entry["MessageBody"]))
        return {"Successful": [{"Id": entry["Id"]} for entry in body["Entries"]], "Failed": []}

    def start_order(self, order: Order, steps: int = 1000) -> Invocation:
        """Deliver an order to an intake invocation, which has time for so many stretches or parts of what it asks."""
        backend = self.process()
        left = iter(range(steps - 1))

        def operation() -> None:
            rest: Order | None = None
            if isinstance(order, ReadFile):
                rest = None if read_file(backend, order, lambda: next(left, None) is not None) else order
            elif isinstance(order, ResumeUpload):
                rest = resume(backend, order, lambda: next(left, None) is not None)
            else:
                sweep(backend, order.at)
            if rest is not None:
                queues.send_orders(backend, [rest])
            if order in self.orders:
                self.orders.remove(order)

        return Invocation(f"{order}", operation)

    def transfers(self) -> list[Execution]:
        """The workflows of roll backs and clones that were started and have not ended."""
        started = self.executions.values()
        return [one for one in started if one.workflow == Workflow.TRANSFER and one.name not in self.ended]

    def start_step(self, execution: Execution, shard: int | None, pages: int = 1000) -> Invocation:
        """Call the function of a transfer for a shard, in which it has time for so many pages, or to finish it."""
        backend = self.process()
        work = TransferWork.model_validate(execution.input["work"])
        left = iter(range(pages - 1))

        def operation() -> bool:
            if shard is None:
                transfers.finish(backend, work)
                self.ended.add(execution.name)
                return True
            done = transfers.read_shard(backend, work, shard, lambda: next(left, None) is not None)
            if done:
                self.read[execution.name].add(shard)
            return done

        return Invocation(f"{execution.name} shard {shard}", operation)

    def start_failure(self, execution: Execution) -> Invocation:
        """Tell the function of a transfer that a step has failed for good."""
        backend = self.process()
        work = TransferWork.model_validate(execution.input["work"])

        def operation() -> None:
            transfers.record_failure(backend, work, "Timeout")
            self.ended.add(execution.name)

        return Invocation(f"{execution.name} fails", operation)

    def run_transfer(self, execution: Execution, pages: int = 1000) -> None:
        """Run a transfer's workflow to its end, undisturbed."""
        for shard in execution.input["shards"]:
            while not _ended(self.start_step(execution, shard, pages).run()):
                pass
        _ended(self.start_step(execution, None).run())

    def start_purge_step(self, execution: Execution, shard: int | None, pages: int = 1000) -> Invocation:
        """Call the function of a purge for a shard, or to finish, with time for so many pages."""
        backend = self.process()
        work = PurgeWork.model_validate(execution.input["work"])
        left = iter(range(pages - 1))

        def operation() -> bool:
            if shard is not None:
                return purge_steps.delete_shard(backend, work, shard, lambda: next(left, None) is not None)
            return purge_steps.finish(backend, work, lambda: next(left, None) is not None)

        return Invocation(f"{execution.name} shard {shard}", operation)

    def run_purge(self, execution: Execution, pages: int = 1000) -> None:
        """Run a purge's workflow to its end, undisturbed."""
        for shard in [*execution.input["shards"], None]:
            while not _ended(self.start_purge_step(execution, shard, pages).run()):
                pass
        self.ended.add(execution.name)

    def start_apply(self, group: str) -> Invocation:
        """Deliver the first window of a group to an apply invocation; when that ends well, the message is deleted."""
        return self.redeliver(self.first_window(group))

    def redeliver(self, message: Message) -> Invocation:
        """Deliver a window that was taken from the queue before, whether or not it is still waiting."""
        message.receives += 1
        backend = self.process()

        def operation() -> Settled:
            settled = apply_window(backend, Window.model_validate_json(message.body), message.turn)
            queues.send_settled(backend, [settled])
            self.windows.delete(message)
            return settled

        return Invocation(f"apply {message.deduplication_id}", operation)

    def start_publish(self, uid: str, count: int) -> Invocation:
        """Deliver the first settled windows of a dataset to a publish invocation."""
        return self.republish(self.settled.waiting[uid][:count])

    def republish(self, messages: list[Message]) -> Invocation:
        """Deliver settled windows of one dataset, whether or not they are still waiting."""
        backend = self.process()

        def operation() -> Any:
            published = publish(backend, messages[0].group, [NEWS.validate_json(one.body) for one in messages])
            for message in messages:
                self.settled.delete(message)
            return published

        return Invocation(f"publish {[one.deduplication_id for one in messages]}", operation)

    def announced(self, kind: str) -> list[dict[str, Any]]:
        """What events of a kind told, in their order."""
        return [detail for other, detail in self.events if other == kind]

    def first_window(self, group: str) -> Message:
        """The window that the queue would deliver next to a group."""
        return self.windows.waiting[group][0]

    def bury(self, message: Message) -> None:
        """Move a window to the dead letters."""
        self.windows.delete(message)
        self.dead.append(message)

    def start_give_up(self, message: Message) -> Invocation:
        """Deliver a dead letter."""
        backend = self.process()

        def operation() -> Settled:
            settled = give_up(backend, Window.model_validate_json(message.body))
            queues.send_settled(backend, [settled])
            if message in self.dead:
                self.dead.remove(message)
            return settled

        return Invocation(f"give up {message.deduplication_id}", operation)

    def let_five_minutes_pass(self) -> None:
        """Let the queues forget which deduplication ids they have seen."""
        self.windows.seen.clear()
        self.settled.seen.clear()

    def drain(self) -> None:
        """Deliver everything that is waiting, undisturbed, until nothing is."""
        while self.transfers() or self.orders or self.windows.groups() or self.settled.groups() or self.dead:
            for execution in self.transfers():
                self.run_transfer(execution)
            for order in list(self.orders):
                _ended(self.start_order(order).run())
            for group in self.windows.groups():
                _ended(self.start_apply(group).run())
            for message in list(self.dead):
                _ended(self.start_give_up(message).run())
            for uid in self.settled.groups():
                _ended(self.start_publish(uid, 10).run())


def _ended(invocation: Invocation) -> Any:
    if invocation.error is not None:
        raise AssertionError(f"{invocation.name} failed with nothing in its way") from invocation.error
    return invocation.result


class _Clients:
    """boto3 clients are slow to make, so all worlds share them; their hooks serve the world of the moment."""

    def __init__(self) -> None:
        mock = mock_aws()
        mock.start()
        session = boto3.Session(region_name="eu-central-1", aws_access_key_id="key", aws_secret_access_key="secret")
        self.world: World | None = None
        self.dynamodb = session.client("dynamodb", config=CLIENT_CONFIG)
        self.s3 = session.client("s3", config=S3_CONFIG)
        self.sqs = session.client("sqs", config=CLIENT_CONFIG)
        self.events = session.client("events", config=CLIENT_CONFIG)
        self.states = session.client("stepfunctions", config=CLIENT_CONFIG)
        for client in (self.dynamodb, self.s3, self.sqs, self.events, self.states):
            client.meta.events.register("before-call", self._before)
            client.meta.events.register("after-call", self._after)

    def _before(self, model: Any, params: dict[str, Any], **_: Any) -> Any:
        invocation = getattr(Invocation.current, "value", None)
        call = f"{model.service_model.service_name}.{model.name}"
        if invocation is not None:
            invocation.before_call(call)
        if self.world is None or model.service_model.service_name not in {"sqs", "events", "stepfunctions"}:
            return None
        answer = self.world.intercept(model.name, json.loads(params["body"]))
        return SimpleNamespace(status_code=200, headers={}), answer

    def _after(self, model: Any, **_: Any) -> None:
        if self.world is not None and model.name not in READS:
            self.world.writes += 1
        invocation = getattr(Invocation.current, "value", None)
        if invocation is not None:
            invocation.after_call(f"{model.service_model.service_name}.{model.name}")


_clients: _Clients | None = None
_worlds = 0


@contextmanager
def new_world() -> Iterator[World]:
    """A world with an empty table and an empty bucket."""
    global _clients, _worlds  # noqa: PLW0603 - clients outlive worlds, see _Clients
    _clients = _clients or _Clients()
    _worlds += 1
    table, bucket = f"table-{_worlds}", f"bucket-{_worlds}"
    create_table(_clients.dynamodb, table)
    create_bucket(_clients.s3, bucket)
    world = World(
        Backend(
            dynamodb=_clients.dynamodb,
            s3=_clients.s3,
            sqs=_clients.sqs,
            events=_clients.events,
            states=_clients.states,
            table=table,
            bucket=bucket,
        )
    )
    _clients.world = world
    try:
        yield world
    finally:
        _clients.world = None
        _clients.dynamodb.delete_table(TableName=table)
        for kept in _clients.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            _clients.s3.delete_object(Bucket=bucket, Key=kept["Key"])
