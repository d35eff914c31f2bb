"""A deployment that runs by itself in an AWS account with its limits, in simulated time, until nothing is left to do.

Requests to AWS and sleeping take simulated time, and the clock jumps from event to event, so that hours pass in
seconds. The event source mappings receive messages as soon as they are visible, and the state machines run their steps.
Random delays follow from a seed, so a run replays.

Lambda limits the functions that run at once: a received message whose call is throttled has used a receive and comes
back after its visibility timeout. It also stops a function that is called again and again in one chain of messages,
unless the function's loops are allowed.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from types import ModuleType
from typing import Any, NamedTuple

from tests.simulation import deployment
from tests.simulation.deployment import SECONDS, Deployment, deployment_of, name_of
from tests.simulation.invocation import Invocation, current
from tests.simulation.queues import MAX_RECEIVES, Message, Queue, lineage_of
from tests.simulation.seeding import seed_ids
from tests.simulation.world import FILES, Execution
from tidemark.aws.backend import Backend
from tidemark.aws.workflows import Workflow
from tidemark.domain.intake_tasks import IntakeTask, Sweep

apply, publish, dead_letter, intake, transfer, purge = deployment.WORKERS

MAX_HOPS = 16
"""Calls of a function in one chain of messages, after which Lambda stops the next one."""
LATENCY = (0.005, 0.02)
"""Least and most seconds that a request takes to take effect. A transaction that has begun takes as long again."""
MAX_DURATION = timedelta(days=4)
"""Longest run. A deployment that is not done by then is a failure."""
MAX_PARALLEL_SHARDS = 16
"""Shards that a state machine processes at once."""
STEP_ATTEMPTS = 8
"""Retries of a workflow step that fails, after which the workflow fails."""
DEAD_VISIBILITY = timedelta(seconds=45)
"""Visibility timeout of the dead-letter queue of windows."""
SWEEP_INTERVAL = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of an account and of the deployment's queues and functions. The defaults are those of a usual account."""

    concurrency: int = 1000
    """Most functions that run at once, besides those that serve the API, which are not counted."""
    loops_allowed: frozenset[str] = frozenset({"intake"})
    """The functions that may be called again in a chain of messages as often as they like."""
    window_receives: int = MAX_RECEIVES
    settled_receives: int = MAX_RECEIVES
    file_receives: int = MAX_RECEIVES
    """This and the two above are the receives of a message before it becomes a dead letter."""


class Delivery(NamedTuple):
    """A call of a function with messages."""

    at: datetime
    function: str
    ids: tuple[str, ...]
    """Deduplication ids of the messages; bodies if the queue is not FIFO."""


class _Source(NamedTuple):
    """An event source mapping: a queue whose messages call a function."""

    queue: Queue
    function: ModuleType
    batch: int
    concurrency: int


@dataclass
class _Running:
    """An invocation that is going on."""

    invocation: Invocation
    ends: datetime | None
    """When Lambda ends the function; None for what is no function."""
    ended: Callable[[Invocation], None] = lambda _: None
    function: str = ""


@dataclass
class _Steps:
    """An execution of a state machine."""

    execution: Execution
    left: list[int]
    """The shards that are not begun."""
    active: int = 0
    """Number of shards that are being processed."""
    failed: bool = False
    attempts: Counter[int | None] = field(default_factory=Counter)
    """Retries so far of the current step of each shard."""


class Account(Deployment):
    """A deployment in an account with limits, which runs by itself."""

    def __init__(self, backend: Backend, limits: Limits, seed: int) -> None:
        super().__init__(backend)
        self.pace = timedelta()
        self.limits = limits
        self.windows = Queue(visibility=timedelta(seconds=105), tries=limits.window_receives)
        self.settled = Queue(visibility=timedelta(seconds=45), tries=limits.settled_receives)
        self.files = Queue(visibility=timedelta(seconds=315), tries=limits.file_receives)
        self.chunks_per_call: int | None = None
        """Chunks that intake reads, and pages that transfer reads, before its time is up; None for as many as fit.

        With 1, an upload that is resumed makes no progress, since intake looks at its time before each chunk.
        """
        self.kills: Callable[[Invocation], bool] = lambda _: False
        """Returns whether Lambda kills an invocation at its next request, as if it had used up its memory."""
        self.deliveries: list[Delivery] = []
        self.failures: Counter[str] = Counter()
        """Calls that reported or raised an error, or were killed, by function, and clients that were refused."""
        self.errors: list[str] = []
        """What went wrong in these calls."""
        self.throttled: Counter[str] = Counter()
        """Calls that exceeded the account's concurrency, by function."""
        self.stopped: Counter[str] = Counter()
        """Calls that Lambda stopped because their function was in a loop."""
        self._sources = [
            _Source(self.windows, apply, 1, 100),
            _Source(self.settled, publish, 10, 20),
            _Source(self.files, intake, 1, 20),
        ]
        """As `infra.functions` sets them."""
        self._random = Random(f"{seed}/account")
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()
        self._running: list[_Running] = []
        self._executions: dict[str, _Steps] = {}
        self._waits_for_poll = False
        self._dead_from = self.now
        """When the dead letters may be received again."""

    # Running

    def start(self, invocation: Invocation, ended: Callable[[Invocation], None] = lambda _: None) -> None:
        """Lets a client run beside everything else. Calls `ended` with it at its end."""

        def record(finished: Invocation) -> None:
            self._record("client", finished)
            ended(finished)

        self._continue(_Running(invocation, None, record))

    def at(self, when: datetime, what: Callable[[], None]) -> None:
        """Calls `what` at a time, such as one that starts a client or ends a fault."""
        heappush(self._events, (when, next(self._numbers), what))

    def run(self) -> None:
        """Runs until no function runs, no message waits and no execution goes on."""
        ends = self.now + MAX_DURATION
        self._poll()
        while self._events:
            when, _, what = heappop(self._events)
            self.now = max(self.now, when)
            assert self.now < ends, f"not done after {MAX_DURATION}: {self.errors[-3:]}"
            what()
            if self._waits_for_poll:
                self._poll()

    def sweep(self) -> None:
        """Lets a quarter of an hour pass and sends the task that finds stalled uploads, as EventBridge does."""
        self.now += SWEEP_INTERVAL
        self.send_task(Sweep(at=self.now))

    def send_task(self, task: IntakeTask) -> None:
        """Sends a task to intake."""
        self._send_task(Message("", "", task.model_dump_json()), timedelta())

    def abandon(self) -> None:
        """Ends the threads of unfinished invocations."""
        self._events.clear()
        for running in self._running:
            if not running.invocation.finished:
                running.invocation.crash(after=False)

    def sleep(self, seconds: float) -> None:
        """Lets the invocation that runs sleep in simulated time."""
        invocation = current()
        if invocation is not None:
            invocation.sleep(seconds)

    def _continue(self, running: _Running) -> None:
        """Waits until the invocation's request takes effect, or its sleep is over; or ends it if it has finished."""
        invocation = running.invocation
        if running not in self._running:
            self._running.append(running)
        if invocation.finished:
            self._running.remove(running)
            self._waits_for_poll = True
            running.ended(invocation)
            return
        seconds = invocation.sleeps if invocation.sleeps is not None else self._random.uniform(*LATENCY)
        when = self.now + timedelta(seconds=seconds)
        self.at(min(when, running.ends) if running.ends is not None else when, lambda: self._go_on(running))

    def _go_on(self, running: _Running) -> None:
        is_over = running.ends is not None and self.now >= running.ends
        if is_over or (running.function and self.kills(running.invocation)):
            running.invocation.crash(after=False)
        else:
            running.invocation.step()
        self._continue(running)

    # Functions

    def _is_busy(self) -> bool:
        return sum(bool(running.function) for running in self._running) >= self.limits.concurrency

    def _run_function(
        self, function: ModuleType, invocation: Invocation, ended: Callable[[Invocation], None] = lambda _: None
    ) -> None:
        name = name_of(function)

        def record(finished: Invocation) -> None:
            self._record(name, finished)
            ended(finished)

        self._continue(_Running(invocation, self.now + timedelta(seconds=SECONDS[function]), record, name))

    def _record(self, name: str, ended: Invocation) -> None:
        if ended.error is not None:
            self.failures[name] += 1
            self.errors.append(f"{self.now.isoformat()} {ended.name[:200]}: {ended.error!r}"[:400])

    def _poll(self) -> None:
        """Receives the messages that are visible and calls their functions, and begins steps of workflows."""
        self._waits_for_poll = False
        ready = [(source, group) for source in self._sources for group in source.queue.ready(self.now)]
        self._random.shuffle(ready)
        for source, group in ready:
            name = name_of(source.function)
            if sum(running.function == name for running in self._running) < source.concurrency:
                self._receive(source, group)
        is_giving_up = any(running.function == "dead_letter" for running in self._running)
        if self.dead and not is_giving_up and self.now >= self._dead_from:
            self._run_function(dead_letter, self.start_giving_up(self.dead[:10]), self._retry_dead)
        for execution in self.executions.values():
            self._begin_steps(execution)

    def _receive(self, source: _Source, group: str) -> None:
        messages, spent = source.queue.receive(group, source.batch, self.now)
        self._dead_letters(source.queue).extend(spent)
        if spent:
            self._waits_for_poll = True
        if not messages:
            return
        self.at(self.now + source.queue.visibility, self._poll_soon)
        name = name_of(source.function)
        if name not in self.limits.loops_allowed and lineage_of(name, messages)[name] > MAX_HOPS:
            self.stopped[name] += 1
        elif self._is_busy():
            self.throttled[name] += 1
        else:
            self._call(source, messages)

    def _call(self, source: _Source, messages: Sequence[Message]) -> None:
        receipts = {id(message): message.receipt for message in messages}

        def delete(message: Message) -> None:
            source.queue.settle(message, receipts[id(message)], self.now)

        ids = tuple(message.deduplication_id or message.body for message in messages)
        self.deliveries.append(Delivery(self.now, name_of(source.function), ids))
        steps = self.chunks_per_call if source.function is intake else None
        name = f"{name_of(source.function)} {list(ids)}"
        self._run_function(source.function, self.deliver(name, source.function, messages, delete, steps))

    def _dead_letters(self, queue: Queue) -> list[Message]:
        if queue is self.windows:
            return self.dead
        return self.settled_dead if queue is self.settled else self.files_dead

    def _retry_dead(self, invocation: Invocation) -> None:
        if invocation.error is not None:
            self._dead_from = self.now + DEAD_VISIBILITY
            self.at(self._dead_from, self._poll_soon)

    def _poll_soon(self) -> None:
        self._waits_for_poll = True

    # Queues

    def queue_of(self, url: str) -> Queue:
        """Returns the queue with a URL."""
        return self.files if url == FILES else super().queue_of(url)

    def intercept(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        """Returns the response of SQS, EventBridge or Step Functions."""
        answer = super().intercept(operation, body)
        self._waits_for_poll = True
        entries = body.get("Entries", [body])
        for entry in entries if operation.startswith("ChangeMessageVisibility") else []:
            self.at(self.now + timedelta(seconds=entry["VisibilityTimeout"]), self._poll_soon)
        return answer

    def _send_task(self, message: Message, delay: timedelta) -> None:
        message.group = f"task-{next(self._numbers)}"
        message.hidden_until = self.now + delay
        self.files.send(message, self.now)
        self.at(message.hidden_until, self._poll_soon)

    # Workflows

    def _begin_steps(self, execution: Execution) -> None:
        """Begins the next steps of an execution: of its shards and, once they are done, its last step."""
        if execution.name in self.ended or execution.workflow not in {Workflow.TRANSFER, Workflow.PURGE}:
            return
        shards = list(execution.input["shards"])
        steps = self._executions.setdefault(execution.name, _Steps(execution, shards))
        while steps.left and steps.active < MAX_PARALLEL_SHARDS and not steps.failed:
            steps.active += 1
            self._step(steps, steps.left.pop(0))
        if not steps.left and steps.active == 0 and not steps.failed:
            steps.active += 1
            self._step(steps, None)

    def _step(self, steps: _Steps, shard: int | None) -> None:
        """Calls the function for a step. Repeats it until it is done, after errors with growing random delays."""
        if steps.failed:
            return
        function = transfer if steps.execution.workflow == Workflow.TRANSFER else purge
        if self._is_busy():
            self.throttled[name_of(function)] += 1
            self._retry_step(steps, shard)
            return
        start = self.start_step if function is transfer else self.start_purge_step

        def ended(invocation: Invocation) -> None:
            if invocation.error is not None:
                self._retry_step(steps, shard)
            elif not invocation.result:
                steps.attempts[shard] = 0
                self._step(steps, shard)
            elif shard is None:
                self.ended.add(steps.execution.name)
            else:
                steps.active -= 1

        self._run_function(function, start(steps.execution, shard, self.chunks_per_call or 1000), ended)

    def _retry_step(self, steps: _Steps, shard: int | None) -> None:
        steps.attempts[shard] += 1
        if steps.attempts[shard] > STEP_ATTEMPTS:
            steps.failed = True
            self._run_function(transfer, self.start_failure(steps.execution))
            return
        longest = min(300.0, 2 * 2.5 ** (steps.attempts[shard] - 1))
        self.at(self.now + timedelta(seconds=self._random.uniform(0, longest)), lambda: self._step(steps, shard))


@contextmanager
def new_account(seed: int = 0, **limits: Any) -> Iterator[Account]:
    """Yields a deployment in an account with these `Limits`. All that is random in it follows from the seed."""
    state = random.getstate()
    random.seed(seed)  # botocore's and tenacity's delays
    try:
        with ExitStack() as stack:
            seed_ids(stack, seed)
            account = stack.enter_context(deployment_of(lambda backend: Account(backend, Limits(**limits), seed)))
            stack.callback(account.abandon)
            yield account
    finally:
        random.setstate(state)
