"""Random schedules: everything that can happen to a few datasets, derived from a seed.

The seed decides the number of shards, the rows, which invocation runs how far, and the faults in its requests. The
same seed replays the same schedule, request by request, in any process. Each move has a random generator of its own,
so that some moves can be left out without changing the others.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from unittest.mock import patch

from botocore.exceptions import BotoCoreError, ClientError

from tests.reliability.faults import invariants, model, requests, rows
from tests.reliability.faults.injection import Faults
from tests.reliability.faults.model import DatasetModel
from tests.reliability.faults.planted import Plant
from tests.reliability.faults.requests import Refused
from tests.simulation.deployment import Deployment, new_deployment
from tests.simulation.invocation import Crash, Invocation, current
from tests.simulation.queues import Message
from tests.simulation.seeding import seed_ids
from tidemark.aws.events import EventsRefused
from tidemark.aws.keys import dataset_pk, shard_pk
from tidemark.aws.table import ConditionFailed
from tidemark.domain import windows
from tidemark.domain.datasets import Mode
from tidemark.domain.errors import Unavailable
from tidemark.domain.intake_tasks import IntakeTask, ResumeUpload, Sweep
from tidemark.domain.uploads import UploadStatus
from tidemark.ingest import file_reader
from tidemark.shards import restore
from tidemark.shards.apply import StaleDelivery
from tidemark.transfers import workflow
from tidemark.uploads import records as upload_records

MOVES = 70
AT_ONCE = 4
"""Most invocations running at the same time."""
WAITS = (5, 50, 110, 110, 110, 110, 400, 1000)
"""Seconds by which a move may advance the clock."""
CHECK_RATE = 0.04
"""Share of the moves after which all invariants are checked. They are always checked at the end."""
SWEEPS = 12
"""Sweeps, 15 minutes apart, within which everything must settle at the end."""
MAX_CLONES = 2
CONFLICT_RATE = 0.3
"""Share of the schedules in which writes take time, so that others conflict with them."""
MAX_THROTTLED = 12
"""Most writes that a throttled partition refuses, one after the other: enough that an AWS client gives up twice."""
EXPECTED = (Crash, Refused, StaleDelivery, Unavailable, EventsRefused, ConditionFailed, BotoCoreError, ClientError)
"""Errors with which an invocation may end after a fault, since its message or request is sent again."""


@dataclass
class Outcome:
    """The result of a schedule."""

    seed: int
    trace: list[str] = field(default_factory=list)
    """Its moves, requests and faults, one per line."""
    violation: str | None = None
    moves: list[int] = field(default_factory=list)
    """The numbers of the moves that were made."""
    requests: int = 0
    versions: int = 0
    """Versions checked at the end."""
    switches: int = 0
    """Switches from one invocation to another."""
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def digest(self) -> str:
        """A digest of the trace. Equal schedules have equal digests."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


def run(seed: int, *, leave_out: Iterable[int] = (), plant: Plant | None = None) -> Outcome:
    """Runs the schedule of a seed, except the moves in `leave_out`. A violation is recorded, not raised."""
    outcome = Outcome(seed)
    with ExitStack() as stack:
        seed_ids(stack, seed)
        schedule = _Schedule(seed, outcome, stack.enter_context(new_deployment()), stack)
        if plant is not None:
            plant(stack, schedule.world)
        try:
            schedule.go(frozenset(leave_out))
        except Exception as violation:  # noqa: BLE001 - every error is a violation
            message = str(violation).split("\n", maxsplit=1)[0]
            outcome.violation = message if isinstance(violation, AssertionError) and message else repr(violation)
        finally:
            schedule.abandon()
    return outcome


class _Schedule:
    """A running schedule."""

    def __init__(self, seed: int, outcome: Outcome, world: Deployment, stack: ExitStack) -> None:
        random = Random(f"{seed}")
        self.world = world
        self._seed = seed
        self._outcome = outcome
        self._running: list[Invocation] = []
        self._last: Invocation | None = None
        self._rate = random.choice([0, 0.02, 0.05, 0.1])
        self._apart = random.choice([0, 0, 3])
        """Seconds by which clocks may be off in either direction."""
        self._focus = random.choice([1, 8])
        """Weight of the first dataset. With a higher weight, more of what happens to it happens at the same time."""
        self._clones: dict[str, tuple[DatasetModel, int]] = {}
        self._calm = False
        self._move = 0
        world.pace = timedelta(milliseconds=10)
        world.windows.tries = random.choice([1, 2, 3])
        world.settled.tries = 4
        world.settled.visibility = timedelta(seconds=45)
        world.on_request = self._record_request
        lag = Random(f"{seed}/lag")
        limits = Random(f"{seed}/limits")
        world.tables.conflicts = limits.random() < CONFLICT_RATE
        self._busy = limits.choice([0, 0, 0.05])
        """Share of the moves before which a partition is throttled."""
        late = random.choice([0, 0.3])
        world.tables.lag = lambda: lag.randint(1, 3) if current() is not None and lag.random() < late else 0
        size = random.randint(1, 3)
        for module in (windows, restore):
            stack.enter_context(patch.object(module, "MAX_WINDOW_FRAMES", size))
        stack.enter_context(patch.object(file_reader, "MAX_CHUNK_ROWS", 2))
        stack.enter_context(patch.object(workflow, "MAX_CHUNK_ROWS", 2))
        shards = random.choice([1, 1, 2, 3])
        self.datasets = [model.create_dataset(world, name, "train", shards) for name in ("ours", "theirs")]
        self.datasets.append(model.create_dataset(world, "ours", "golden", shards, Mode.BATCH))

    def go(self, leave_out: frozenset[int]) -> None:
        """Makes the moves, lets everything settle and checks the invariants."""
        for self._move in range(MOVES):
            if self._move in leave_out:
                continue
            random = Random(f"{self._seed}/{self._move}")
            name, move = self._choose(random)
            self._outcome.moves.append(self._move)
            self._outcome.trace.append(f"{self._move} {name} {self.world.now.isoformat()}")
            self._disturb(random)
            self._throttle()
            move(random)
            self._reap()
            if random.random() < CHECK_RATE:
                self._check()
        self._settle()

    def abandon(self) -> None:
        """Counts what the table refused, and ends the threads of unfinished invocations."""
        self._outcome.faults["conflict with another invocation"] += self.world.tables.conflicted
        self._outcome.faults["request to a throttled partition"] += self.world.tables.capacity.refused
        self._calm = True
        self.world.on_request = lambda _: None
        for invocation in self._running:
            if not invocation.finished:
                invocation.crash(after=False)

    # Moves

    def _choose(self, random: Random) -> tuple[str, Callable[[Random], None]]:
        world = self.world
        free = len(self._running) < AT_ONCE
        known = self._uploads()
        choices: list[tuple[float, bool, Callable[[Random], None]]] = [
            (4, free, self._submit),
            (2, free and any(dataset.submissions for dataset in self.datasets), self._submit_again),
            (1.2, free, self._send_file),
            (1, free and bool(known), self._retry),
            (1.5, free, self._roll_back),
            (0.7, free and len(self._clones) < MAX_CLONES, self._clone),
            (1.5, free, self._read),
            (8, free and bool(world.tasks), self._follow_task),
            (0.6, True, self._sweep),
            (0.6, bool(known), self._resume),
            (8, free and bool(world.transfers()), self._go_on_with_workflow),
            (0.3, free and bool(world.transfers()), self._fail_workflow),
            (14, free and bool(world.windows.ready(world.now)), self._apply),
            (1, free and bool(self._delivered()), self._apply_again),
            (3, free and bool(self._queueing()), self._outlast),
            (12, free and bool(world.settled.ready(world.now)), self._publish),
            (0.7, free and any(world.settled.taken.values()), self._publish_again),
            (4, free and bool(world.dead), self._give_up),
            (2.5, True, self._wait),
            (12, bool(self._running), self._advance),
            (14, bool(self._running), self._finish),
            (3, bool(self._running), self._crash),
        ]
        weights = [weight if possible else 0 for weight, possible, _ in choices]
        (chosen,) = random.choices(choices, weights)
        return chosen[2].__name__.strip("_"), chosen[2]

    def _submit(self, random: Random) -> None:
        dataset = self._dataset(random)
        drawn = rows.drawn(random, only_adds=dataset.mode is Mode.BATCH)
        self._start(requests.start_submit(self.world, dataset, drawn, f"key-{self._move}"))

    def _dataset(self, random: Random) -> DatasetModel:
        weights = [self._focus] + [1] * (len(self.datasets) - 1)
        (chosen,) = random.choices(self.datasets, weights)
        return chosen

    def _submit_again(self, random: Random) -> None:
        dataset, sent = random.choice([(each, sent) for each in self.datasets for sent in each.submissions.values()])
        again = requests.start_file if sent.by_file else requests.start_submit
        self._start(again(self.world, dataset, sent.rows, sent.key))

    def _send_file(self, random: Random) -> None:
        dataset = self._dataset(random)
        drawn = rows.drawn(random, only_adds=dataset.mode is Mode.BATCH)
        self._start(requests.start_file(self.world, dataset, drawn, f"key-{self._move}"))

    def _retry(self, random: Random) -> None:
        dataset, upload = random.choice(self._uploads())
        self._start(requests.start_retry(self.world, dataset, upload))

    def _roll_back(self, random: Random) -> None:
        dataset = random.choice([each for each in self.datasets if each.mode is Mode.STREAMING])
        to = random.randint(0, model.latest(self.world, dataset))
        self._start(requests.start_rollback(self.world, dataset, to, f"key-{self._move}"))

    def _clone(self, random: Random) -> None:
        known = [(dataset, number) for dataset in self.datasets for number in dataset.snapshots]
        if known:
            source, version = random.choice(known)
            name = f"clone-{self._move}"
            self._clones[name] = source, version
            self._start(requests.start_clone(self.world, source, version, name))

    def _read(self, random: Random) -> None:
        dataset = random.choice(self.datasets)
        versions = ["LATEST", "LATEST", *map(str, dataset.snapshots)]
        self._start(requests.start_read(self.world, dataset, random.choice(versions), random.randint(1, 3)))

    def _follow_task(self, random: Random) -> None:
        steps = random.choice([1, 2, 3, None])
        self._start(self.world.start_task(random.choice(self.world.tasks), steps))

    def _sweep(self, _: Random) -> None:
        self.world.tasks.append(Sweep(at=self.world.now))

    def _resume(self, random: Random) -> None:
        dataset, upload = random.choice(self._uploads())
        if upload_records.find(self.world.process(), dataset.uid, upload) is not None:
            task: IntakeTask = ResumeUpload(uid=dataset.uid, upload=upload)
            self.world.tasks.append(task)

    def _go_on_with_workflow(self, random: Random) -> None:
        """Runs a step of a workflow: the next pages of a shard or, once all shards are done, the last step."""
        execution = random.choice(self.world.transfers())
        left = [shard for shard in execution.input["shards"] if shard not in self.world.read[execution.name]]
        step = random.choice(left) if left else None
        self._start(self.world.start_step(execution, step, random.choice([1, 2, None])))

    def _fail_workflow(self, random: Random) -> None:
        self._start(self.world.start_failure(random.choice(self.world.transfers())))

    def _apply(self, random: Random) -> None:
        group = random.choice(self.world.windows.ready(self.world.now))
        self._start(self.world.receive(self.world.windows, [group], 1))

    def _apply_again(self, random: Random) -> None:
        self._start(self.world.redeliver(random.choice(self._delivered())))

    def _outlast(self, random: Random) -> None:
        """Lets an apply invocation exceed its message's visibility timeout, so that another one receives the window."""
        group = random.choice(self._queueing())
        slow = self.world.receive(self.world.windows, [group], 1)
        self._start(slow)
        for _ in range(random.randint(1, 4)):
            if slow is not None and not slow.finished:
                slow.step()
        self.world.now += self.world.windows.visibility
        successor = self.world.receive(self.world.windows, [group], 1)
        self._start(successor)
        if successor is not None and random.random() < 0.7:
            successor.run()

    def _publish(self, random: Random) -> None:
        ready = self.world.settled.ready(self.world.now)
        groups = random.sample(ready, random.randint(1, len(ready)))
        self._start(self.world.receive(self.world.settled, groups, random.randint(1, 5)))

    def _publish_again(self, random: Random) -> None:
        taken = [message for group in self.world.settled.taken.values() for message in group]
        self._start(self.world.republish([random.choice(taken)]))

    def _give_up(self, random: Random) -> None:
        self._start(self.world.start_giving_up(self.world.dead[: random.randint(1, 3)]))

    def _wait(self, random: Random) -> None:
        self.world.now += timedelta(seconds=random.choice(WAITS))

    def _advance(self, random: Random) -> None:
        invocation = random.choice(self._running)
        for _ in range(random.randint(1, 6)):
            if not invocation.finished:
                invocation.step()

    def _finish(self, random: Random) -> None:
        random.choice(self._running).run()

    def _crash(self, random: Random) -> None:
        after = random.random() < 0.5
        self._outcome.faults["crash after a request" if after else "crash before a request"] += 1
        random.choice(self._running).crash(after=after)

    # Running the schedule

    def _disturb(self, random: Random) -> None:
        """Decides the faults and the clock of the process that this move may start."""
        draws = Random(f"{self._seed}/{self._move}/faults")
        self.world.trouble = Faults(
            self.world, draws, lambda: 0 if self._calm else self._rate, self._outcome.faults, self._record_fault
        )
        self.world.offset = timedelta(seconds=random.uniform(-self._apart, self._apart))

    def _throttle(self) -> None:
        """Sometimes throttles the next writes of a partition: of a dataset's records or of one of its shards."""
        draws = Random(f"{self._seed}/{self._move}/throttle")
        if draws.random() < self._busy:
            dataset = draws.choice(self.datasets)
            partition = draws.choice([dataset_pk(dataset.uid), shard_pk(dataset.uid, draws.randrange(dataset.shards))])
            writes = draws.randint(1, MAX_THROTTLED)
            self.world.tables.capacity.throttle(partition, requests=writes)
            self._outcome.trace.append(f"  throttles: {partition} {writes}")

    def _start(self, invocation: Invocation | None) -> None:
        if invocation is not None:
            self._outcome.trace.append(f"  begins: {invocation.number} {invocation.name}")
            self._running.append(invocation)

    def _record_request(self, call: str) -> None:
        invocation = current()
        if invocation is None:
            return
        self._outcome.requests += 1
        if invocation is not self._last:
            self._outcome.switches += 1
            self._last = invocation
        self._outcome.trace.append(f"  {invocation.number} {call}")

    def _record_fault(self, fault: str) -> None:
        self._outcome.trace.append(f"  meets: {fault}")

    def _reap(self) -> None:
        for invocation in [running for running in self._running if running.finished]:
            self._running.remove(invocation)
            error = invocation.error
            if error is not None:
                self._outcome.trace.append(f"  ends: {invocation.number} {type(error).__name__} {str(error)[:200]}")
            assert error is None or isinstance(error, EXPECTED), f"{invocation.name} failed: {error!r}"

    def _uploads(self) -> list[tuple[DatasetModel, str]]:
        """Returns all uploads of all datasets, with roll backs and clones."""
        return [(dataset, upload) for dataset in self.datasets for upload in dataset.uploads()]

    def _queueing(self) -> list[str]:
        """Returns the ready groups with several windows."""
        waiting = self.world.windows.waiting
        return [group for group in self.world.windows.ready(self.world.now) if len(waiting[group]) > 1]

    def _delivered(self) -> list[Message]:
        taken = self.world.windows.taken.values()
        return [message for group in taken for message in group if message.receives]

    def _check(self) -> None:
        self._find_clones()
        for dataset in self.datasets:
            invariants.check(self.world, dataset)

    def _find_clones(self) -> None:
        for name, (source, version) in list(self._clones.items()):
            clone = requests.find_clone(self.world, source, version, name)
            if clone is not None:
                self.datasets.append(clone)
                del self._clones[name]

    def _settle(self) -> None:
        """Without further faults, finishes everything. Sweeps find what no client sends again."""
        self._outcome.trace.append("at last")
        self._calm = True
        self.world.trouble = None
        self.world.offset = timedelta()
        self.world.tables.capacity.release()
        for invocation in self._running:
            invocation.run()
        self._reap()
        for _ in range(SWEEPS):
            self.world.drain()
            self._find_clones()
            if not self._pending():
                break
            self.world.now += timedelta(minutes=15)
            self.world.tasks.append(Sweep(at=self.world.now))
        self._check()
        for dataset in self.datasets:
            invariants.check_all_settled(self.world, dataset)
            self._outcome.versions += len(dataset.snapshots)

    def _pending(self) -> bool:
        backend = self.world.process()
        records = [upload_records.find(backend, dataset.uid, upload) for dataset, upload in self._uploads()]
        return any(record is not None and record.status is UploadStatus.PENDING for record in records)
