"""A world in which every AWS call can be paused, crashed or let through, one at a time.

moto keeps the table and the packs. The queues are modelled here, because their delivery is what a schedule decides:
messages of a group in order, delivered again until deleted, and dead letters. Operations run as invocations, each in a
thread of its own that stops before every AWS call until it is told to go on, so that exactly one runs at any time.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from botocore.awsrequest import AWSResponse

from tests.simulation.aws import clients, forget_tables
from tests.simulation.dynamodb import Tables
from tests.simulation.invocation import Invocation
from tests.simulation.queues import Message, Queue
from tests.simulation.resources import create_bucket, create_table
from tidemark.aws import queues
from tidemark.aws.backend import Backend, Memory
from tidemark.aws.workflows import Workflow
from tidemark.domain.intake_tasks import INTAKE_TASK, IntakeTask, ReadFile, ResumeUpload
from tidemark.domain.transfers import TransferWork
from tidemark.domain.windows import PUBLISH_MESSAGE, Window, WindowSettled
from tidemark.domain.workflows import PurgeWork
from tidemark.ingest.file_reader import read_file
from tidemark.recovery.dead_letters import give_up
from tidemark.recovery.resume import resume, sweep
from tidemark.retention import purge_steps
from tidemark.shards.apply import apply_window
from tidemark.transfers import workflow
from tidemark.versions.publish import publish

WINDOWS, SETTLED, FILES = "https://sqs/windows.fifo", "https://sqs/settled.fifo", "https://sqs/files"


class Execution(NamedTuple):
    """An execution of a workflow that was started."""

    workflow: str
    name: str
    input: dict[str, Any]


class World:
    """A deployment whose clock, queues and failures a test decides."""

    def __init__(self, backend: Backend) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.windows = Queue()
        self.settled = Queue()
        self.tasks: list[IntakeTask] = []
        """Orders to intake that are waiting, in no order that anybody promises."""
        self.delayed: list[tuple[datetime, IntakeTask]] = []
        """Orders that are delivered from a time on."""
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
        self.pace = timedelta(seconds=1)
        """What a look at the clock takes."""
        self.told: Callable[[str], None] = lambda _: None
        """Hears of every request."""
        self.tables = Tables(backend.table)
        self._backend = backend

    def process(self, offset: timedelta = timedelta()) -> Backend:
        """The deployment as a fresh process sees it: it remembers nothing, and its clock may be off."""
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
            clock=lambda: self.tick() + offset,
            sleep=lambda _: None,
            workers=1,
            memory=Memory(),
        )

    def tick(self) -> datetime:
        """The time; a look at the clock takes some, too."""
        self.now += self.pace
        return self.now

    def perform(self, operation: str, body: dict[str, Any], ask: Callable[[], AWSResponse]) -> AWSResponse:
        """The answer of the table, which `ask` asks."""
        return self.tables.perform(operation, body, ask, self.now)

    def intercept(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a call to SQS, EventBridge or Step Functions."""
        if operation == "PutEvents":
            self.events.extend((entry["DetailType"], json.loads(entry["Detail"])) for entry in body["Entries"])
            return {"FailedEntryCount": 0, "Entries": []}
        if operation == "StartExecution":
            execution = Execution(body["stateMachineArn"], body["name"], json.loads(body["input"]))
            assert self.executions.setdefault(execution.name, execution) == execution, "another one of this name"
            return {"executionArn": execution.name, "startDate": self.now.timestamp()}
        assert operation == "SendMessageBatch", f"no part of this world: {operation}"
        queue = self.windows if body["QueueUrl"] == WINDOWS else self.settled
        for entry in body["Entries"]:
            if body["QueueUrl"] == FILES:
                task = INTAKE_TASK.validate_json(entry["MessageBody"])
                if "DelaySeconds" in entry:
                    self.delayed.append((self.now + timedelta(seconds=entry["DelaySeconds"]), task))
                else:
                    self.tasks.append(task)
                continue
            message = Message(entry["MessageGroupId"], entry["MessageDeduplicationId"], entry["MessageBody"])
            queue.send(message, self.now)
        return {"Successful": [{"Id": entry["Id"]} for entry in body["Entries"]], "Failed": []}

    def start_task(self, task: IntakeTask, steps: int = 1000) -> Invocation:
        """Deliver an order to an intake invocation, which has time for so many stretches or parts of what it asks."""
        backend = self.process()
        left = iter(range(steps - 1))

        def operation() -> None:
            rest: IntakeTask | None = None
            delay = 0
            if isinstance(task, ReadFile):
                pause = read_file(backend, task, lambda: next(left, None) is not None)
                rest, delay = (task, int(pause.total_seconds())) if pause is not None else (None, 0)
            elif isinstance(task, ResumeUpload):
                rest = resume(backend, task, lambda: next(left, None) is not None)
            else:
                sweep(backend, task.at)
            if rest is not None:
                queues.send_tasks(backend, [rest], delay_seconds=delay)
            if task in self.tasks:
                self.tasks.remove(task)

        return Invocation(f"{task}", operation)

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
                workflow.finish(backend, work)
                self.ended.add(execution.name)
                return True
            done = workflow.read_shard(backend, work, shard, lambda: next(left, None) is not None)
            if done:
                self.read[execution.name].add(shard)
            return done

        return Invocation(f"{execution.name} shard {shard}", operation)

    def start_failure(self, execution: Execution) -> Invocation:
        """Tell the function of a transfer that a step has failed for good."""
        backend = self.process()
        work = TransferWork.model_validate(execution.input["work"])

        def operation() -> None:
            workflow.record_failure(backend, work, "Timeout")
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

        def operation() -> WindowSettled:
            settled = apply_window(backend, Window.model_validate_json(message.body), message.token)
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
            published = publish(
                backend, messages[0].group, [PUBLISH_MESSAGE.validate_json(one.body) for one in messages]
            )
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

        def operation() -> WindowSettled:
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

    def let_delays_pass(self) -> None:
        """Let time pass until the next of the delayed orders is delivered."""
        self.delayed.sort(key=lambda one: one[0])
        at, task = self.delayed.pop(0)
        self.now = max(self.now, at)
        self.tasks.append(task)

    def _is_busy(self) -> bool:
        queued = self.windows.groups() or self.settled.groups() or self.dead
        return bool(self.transfers() or self.tasks or queued)

    def drain(self) -> None:
        """Deliver everything that is waiting, undisturbed, until nothing is."""
        while self._is_busy() or self.delayed:
            if not self._is_busy():
                self.let_delays_pass()
            for execution in self.transfers():
                self.run_transfer(execution)
            for task in list(self.tasks):
                _ended(self.start_task(task).run())
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


W = TypeVar("W", bound=World)
_worlds = 0


@contextmanager
def world_of(make: Callable[[Backend], W]) -> Iterator[W]:
    """A world of some kind, with an empty table and an empty bucket."""
    global _worlds  # noqa: PLW0603 - tables and buckets have names of their own
    _worlds += 1
    aws = clients()
    table, bucket = f"table-{_worlds}", f"bucket-{_worlds}"
    create_table(aws.dynamodb, table)
    create_bucket(aws.s3, bucket)
    world = make(
        Backend(
            dynamodb=aws.dynamodb,
            s3=aws.s3,
            sqs=aws.sqs,
            events=aws.events,
            states=aws.states,
            table=table,
            bucket=bucket,
        )
    )
    aws.world = world
    try:
        yield world
    finally:
        aws.world = None
        aws.dynamodb.delete_table(TableName=table)
        forget_tables()
        for kept in aws.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            aws.s3.delete_object(Bucket=bucket, Key=kept["Key"])


@contextmanager
def new_world() -> Iterator[World]:
    """A world with an empty table and an empty bucket."""
    with world_of(World) as world:
        yield world
