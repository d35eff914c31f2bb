"""A world: a deployment in which a test decides what happens at each AWS call.

moto stores the table and the packs. Queues are simulated here, since a schedule decides when messages are delivered
and redelivered. Operations run as invocations, which pause before each AWS call, so that exactly one runs at a time.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from botocore.awsrequest import AWSResponse

from tests.simulation.aws import Refusal, clients, forget_tables
from tests.simulation.dynamodb import Tables
from tests.simulation.invocation import Invocation, current
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
from tidemark.recovery import delivered
from tidemark.recovery.giving_up import give_up
from tidemark.recovery.resume import resume, sweep
from tidemark.retention import purge_steps
from tidemark.transfers import workflow
from tidemark.uploads import tallies
from tidemark.versions.publish import publish

WINDOWS, SETTLED, FILES = "https://sqs/windows.fifo", "https://sqs/settled.fifo", "https://sqs/files"
WINDOWS_DEAD, SETTLED_DEAD = "https://sqs/windows-dead.fifo", "https://sqs/settled-dead.fifo"
FILES_DEAD = "https://sqs/files-dead"
SEND = frozenset({"SendMessage", "SendMessageBatch"})


class Execution(NamedTuple):
    """A started execution of a workflow."""

    workflow: str
    name: str
    input: dict[str, Any]


class World:
    """A deployment whose clock, queues and faults are in a test's hands."""

    def __init__(self, backend: Backend) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.windows = Queue()
        self.settled = Queue()
        self.tasks: list[IntakeTask] = []
        """Waiting intake tasks. Their order is not guaranteed."""
        self.delayed: list[tuple[datetime, IntakeTask]] = []
        """Intake tasks that are delivered from a given time on."""
        self.executions: dict[str, Execution] = {}
        """Started workflow executions, by name. Only the test runs them."""
        self.read: dict[str, set[int]] = defaultdict(set)
        """The shards that are done, by execution name."""
        self.ended: set[str] = set()
        """The names of executions that have ended."""
        self.dead: list[Message] = []
        """Windows in their dead-letter queue."""
        self.settled_dead: list[Message] = []
        self.files_dead: list[Message] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        """Published events: detail type and detail."""
        self.writes = 0
        """Number of AWS calls so far that may have changed data."""
        self.pace = timedelta(seconds=1)
        """How far each reading of the clock advances it."""
        self.on_request: Callable[[str], None] = lambda _: None
        """Called with the name of every AWS request."""
        self.tables = Tables(backend.table)
        self.memory: Memory | None = None
        """What all processes have cached, as if each ran in the same warm environment; None if each is a cold start."""
        self._backend = backend

    def process(self, offset: timedelta = timedelta(), *, patience: float = 0) -> Backend:
        """Returns the backend of a new process, whose clock is off by `offset`. It has nothing cached but `memory`.

        `patience` is for how many seconds the process repeats a write that meets conflicts.
        """
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
            windows_dead_queue_url=WINDOWS_DEAD,
            settled_dead_queue_url=SETTLED_DEAD,
            files_dead_queue_url=FILES_DEAD,
            patience=patience,
            workflow_arns={workflow: workflow for workflow in Workflow},
            clock=lambda: self.tick() + offset,
            sleep=self.sleep,
            workers=1,
            memory=self.memory or Memory(),
        )

    def sleep(self, seconds: float) -> None:
        """Waits. Takes no time here."""

    def tick(self) -> datetime:
        """Advances the clock by `pace` and returns the time."""
        self.now += self.pace
        return self.now

    def perform(self, operation: str, body: dict[str, Any], send: Callable[[], AWSResponse]) -> AWSResponse:
        """Returns the response of the table. `send` sends the request to moto."""
        return self.tables.perform(operation, body, send, self.now)

    def intercept(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        """Returns the response of SQS, EventBridge or Step Functions."""
        if operation == "PutEvents":
            self.events.extend((entry["DetailType"], json.loads(entry["Detail"])) for entry in body["Entries"])
            return {"FailedEntryCount": 0, "Entries": []}
        if operation == "StartExecution":
            execution = Execution(body["stateMachineArn"], body["name"], json.loads(body["input"]))
            assert self.executions.setdefault(execution.name, execution) == execution, "another execution has this name"
            return {"executionArn": execution.name, "startDate": self.now.timestamp()}
        if operation == "ChangeMessageVisibilityBatch":
            return self.queue_of(body["QueueUrl"]).change_visibilities(body["Entries"], self.now)
        if operation == "ChangeMessageVisibility":
            timeout = timedelta(seconds=body["VisibilityTimeout"])
            if not self.queue_of(body["QueueUrl"]).change_visibility(body["ReceiptHandle"], timeout, self.now):
                raise Refusal("MessageNotInflight")
            return {}
        assert operation in SEND, f"the world does not simulate {operation}"
        for entry in body["Entries"] if operation == "SendMessageBatch" else [body]:
            self._send(body["QueueUrl"], entry)
        if operation == "SendMessage":
            return {"MessageId": "message"}
        return {"Successful": [{"Id": entry["Id"]} for entry in body["Entries"]], "Failed": []}

    def queue_of(self, url: str) -> Queue:
        """Returns the queue with a URL."""
        return {WINDOWS: self.windows, SETTLED: self.settled}[url]

    def _send(self, url: str, entry: dict[str, Any]) -> None:
        """Accepts a message, with the lineage of the invocation that sends it."""
        sender = current()
        group, deduplication_id = entry.get("MessageGroupId", ""), entry.get("MessageDeduplicationId", "")
        lineage = sender.lineage if sender is not None else {}
        message = Message(group, deduplication_id, entry["MessageBody"], lineage=lineage)
        if url == FILES:
            self._send_task(message, timedelta(seconds=entry.get("DelaySeconds", 0)))
        elif url == WINDOWS_DEAD:
            self.dead.append(message)
        elif url == SETTLED_DEAD:
            self.settled_dead.append(message)
        elif url == FILES_DEAD:
            self.files_dead.append(message)
        else:
            self.queue_of(url).send(message, self.now)

    def _send_task(self, message: Message, delay: timedelta) -> None:
        task = INTAKE_TASK.validate_json(message.body)
        if delay:
            self.delayed.append((self.now + delay, task))
        else:
            self.tasks.append(task)

    def start_task(self, task: IntakeTask, steps: int = 1000) -> Invocation:
        """Delivers a task to intake, which has time for `steps` chunks of work."""
        backend = self.process()
        remaining = iter(range(steps - 1))

        def operation() -> None:
            rest: IntakeTask | None = None
            if isinstance(task, ReadFile):
                pause = read_file(backend, task, lambda: next(remaining, None) is not None)
                rest = task if pause == timedelta() else None
            elif isinstance(task, ResumeUpload):
                rest = resume(backend, task, lambda: next(remaining, None) is not None)
            else:
                sweep(backend, task.at)
            if rest is not None:
                queues.send_tasks(backend, [rest])
            if task in self.tasks:
                self.tasks.remove(task)

        return Invocation(f"{task}", operation)

    def transfers(self) -> list[Execution]:
        """Returns the running workflows of roll backs and clones."""
        started = [execution for execution in self.executions.values() if execution.workflow == Workflow.TRANSFER]
        return [execution for execution in started if execution.name not in self.ended]

    def start_step(self, execution: Execution, shard: int | None, pages: int = 1000) -> Invocation:
        """Runs a transfer step for a shard, with time for `pages` pages, or, without a shard, the last step."""
        backend = self.process()
        work = TransferWork.model_validate(execution.input["work"])
        remaining = iter(range(pages - 1))

        def operation() -> bool:
            if shard is None:
                workflow.finish(backend, work)
                self.ended.add(execution.name)
                return True
            done = workflow.read_shard(backend, work, shard, lambda: next(remaining, None) is not None)
            if done:
                self.read[execution.name].add(shard)
            return done

        return Invocation(f"{execution.name} shard {shard}", operation)

    def start_failure(self, execution: Execution) -> Invocation:
        """Records that a step of a transfer has failed for good."""
        backend = self.process()
        work = TransferWork.model_validate(execution.input["work"])

        def operation() -> None:
            workflow.record_failure(backend, work, "Timeout")
            self.ended.add(execution.name)

        return Invocation(f"{execution.name} fails", operation)

    def run_transfer(self, execution: Execution, pages: int = 1000) -> None:
        """Runs a transfer's workflow to its end, without faults."""
        for shard in execution.input["shards"]:
            while not result_of(self.start_step(execution, shard, pages).run()):
                pass
        result_of(self.start_step(execution, None).run())

    def start_purge_step(self, execution: Execution, shard: int | None, pages: int = 1000) -> Invocation:
        """Runs a purge step for a shard, or, without a shard, the last step, with time for `pages` pages."""
        backend = self.process()
        work = PurgeWork.model_validate(execution.input["work"])
        remaining = iter(range(pages - 1))

        def operation() -> bool:
            if shard is not None:
                return purge_steps.delete_shard(backend, work, shard, lambda: next(remaining, None) is not None)
            return purge_steps.finish(backend, work, lambda: next(remaining, None) is not None)

        return Invocation(f"{execution.name} shard {shard}", operation)

    def run_purge(self, execution: Execution, pages: int = 1000) -> None:
        """Runs a purge's workflow to its end, without faults."""
        for shard in [*execution.input["shards"], None]:
            while not result_of(self.start_purge_step(execution, shard, pages).run()):
                pass
        self.ended.add(execution.name)

    def start_apply(self, group: str) -> Invocation:
        """Delivers the first window of a group to apply. If that succeeds, the message is deleted."""
        return self.redeliver(self.first_window(group))

    def redeliver(self, message: Message) -> Invocation:
        """Delivers a window that was received before, whether or not it is still queued."""
        message.receives += 1
        backend = self.process()

        def operation() -> WindowSettled:
            window = Window.model_validate_json(message.body)
            settled = delivered.settle(backend, window, message.token, receives=message.receives)
            self.windows.delete(message)
            return settled

        return Invocation(f"apply {message.deduplication_id}", operation)

    def start_publish(self, uid: str, count: int) -> Invocation:
        """Delivers the first `count` settled windows of a dataset to publish."""
        return self.republish(self.settled.waiting[uid][:count])

    def republish(self, messages: list[Message]) -> Invocation:
        """Delivers settled windows of one dataset, whether or not they are still queued."""
        backend = self.process()

        def operation() -> Any:
            published = publish(
                backend, messages[0].group, [PUBLISH_MESSAGE.validate_json(message.body) for message in messages]
            )
            for message in messages:
                self.settled.delete(message)
            return published

        return Invocation(f"publish {[message.deduplication_id for message in messages]}", operation)

    def announced(self, kind: str) -> list[dict[str, Any]]:
        """Returns the details of the published events of a type, oldest first."""
        return [detail for other, detail in self.events if other == kind]

    def first_window(self, group: str) -> Message:
        """Returns the window of a group that would be delivered next."""
        return self.windows.waiting[group][0]

    def bury(self, message: Message) -> None:
        """Moves a window to the dead-letter queue."""
        self.windows.delete(message)
        self.dead.append(message)

    def start_give_up(self, message: Message) -> Invocation:
        """Delivers a dead letter."""
        backend = self.process()

        def operation() -> WindowSettled:
            window = Window.model_validate_json(message.body)
            settled = give_up(backend, window)
            tallies.report(backend, window, settled)
            if message in self.dead:
                self.dead.remove(message)
            return settled

        return Invocation(f"give up {message.deduplication_id}", operation)

    def let_five_minutes_pass(self) -> None:
        """Makes the queues forget the deduplication ids that they have seen."""
        self.windows.seen.clear()
        self.settled.seen.clear()

    def let_delays_pass(self) -> None:
        """Advances the clock to the next delayed task and delivers it to the queue."""
        self.delayed.sort(key=lambda delayed: delayed[0])
        at, task = self.delayed.pop(0)
        self.now = max(self.now, at)
        self.tasks.append(task)

    def _is_busy(self) -> bool:
        queued = self.windows.groups() or self.settled.groups() or self.dead
        return bool(self.transfers() or self.tasks or queued)

    def drain(self) -> None:
        """Runs workflows and delivers messages, without faults, until nothing is waiting."""
        while self._is_busy() or self.delayed:
            if not self._is_busy():
                self.let_delays_pass()
            for execution in self.transfers():
                self.run_transfer(execution)
            for task in list(self.tasks):
                result_of(self.start_task(task).run())
            for group in self.windows.groups():
                result_of(self.start_apply(group).run())
            for message in list(self.dead):
                result_of(self.start_give_up(message).run())
            for uid in self.settled.groups():
                result_of(self.start_publish(uid, 10).run())


def result_of(invocation: Invocation) -> Any:
    """Returns what an invocation returned. Fails if it raised."""
    if invocation.error is not None:
        raise AssertionError(f"{invocation.name} failed without a fault") from invocation.error
    return invocation.result


W = TypeVar("W", bound=World)
_worlds = 0


@contextmanager
def world_of(make: Callable[[Backend], W]) -> Iterator[W]:
    """Yields a world that `make` creates, with an empty table and an empty bucket."""
    global _worlds  # noqa: PLW0603 - each world needs a table and a bucket name of its own
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
        for entry in aws.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            aws.s3.delete_object(Bucket=bucket, Key=entry["Key"])


@contextmanager
def new_world() -> Iterator[World]:
    """Yields a world with an empty table and an empty bucket."""
    with world_of(World) as world:
        yield world
