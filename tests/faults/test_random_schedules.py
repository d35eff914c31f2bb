"""Random uploads under random schedules: any interleaving, repetition, delay and crash keeps the eight invariants.

Senders that died do not come back: at the end the sweep has to finish what they began.

Every action of the machine is one move of the world's scheduler. Hypothesis prints the moves of a failure and shrinks
them; the same example replays exactly.
"""

from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.faults import invariants, model
from tests.faults.invocation import Crash, Invocation
from tests.faults.model import DatasetModel
from tests.faults.queues import Message
from tests.faults.rows import UPLOADS
from tests.faults.world import new_world
from tidemark.domain.errors import Conflict, NotFound
from tidemark.services import files, transfers
from tidemark.services.apply import OutOfTurn

PICK = st.integers(min_value=0, max_value=1000)
"""Picks one of however many there are."""
EXPECTED = (Crash, OutOfTurn, Conflict, NotFound)
"""How an invocation may end: the last two where a retry comes too early."""
PART_ROWS = 2
"""Rows of a part of a file: small, so that files have several."""
AT_ONCE = 3
"""Invocations under way at the same time."""


class Schedules(RuleBasedStateMachine):
    """Two datasets of the same frame ids in two projects, and everything that can happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._stack.enter_context(patch.object(files, "PART_ROWS", PART_ROWS))
        self._stack.enter_context(patch.object(transfers, "PAGE_ROWS", PART_ROWS))
        self.world = self._stack.enter_context(new_world())
        self.datasets: list[DatasetModel] = []
        self.running: list[Invocation] = []
        self.checked = 0

    @initialize(shards=st.integers(min_value=1, max_value=2))
    def create(self, shards: int) -> None:
        self.datasets = [model.create_dataset(self.world, name, "train", shards) for name in ("ours", "theirs")]

    @precondition(lambda self: len(self.running) < AT_ONCE)
    @rule(which=PICK, rows=UPLOADS)
    def submit(self, which: int, rows: list[dict[str, Any]]) -> None:
        dataset = self.datasets[which % 2]
        key = f"key-{len(dataset.submissions)}"
        self.running.append(model.start_submit(self.world, dataset, rows, key))

    @precondition(lambda self: len(self.running) < AT_ONCE and any(one.submissions for one in self.datasets))
    @rule(which=PICK)
    def submit_again(self, which: int) -> None:
        known = [(one, sent) for one in self.datasets for sent in one.submissions.values()]
        dataset, sent = known[which % len(known)]
        again = model.start_file if sent.by_file else model.start_submit
        self.running.append(again(self.world, dataset, sent.rows, sent.key))

    @precondition(lambda self: len(self.running) < AT_ONCE)
    @rule(which=PICK, rows=UPLOADS)
    def send_file(self, which: int, rows: list[dict[str, Any]]) -> None:
        dataset = self.datasets[which % 2]
        key = f"key-{len(dataset.submissions)}-{self.world.writes}"
        self.running.append(model.start_file(self.world, dataset, rows, key))

    @precondition(lambda self: len(self.running) < AT_ONCE and self.world.orders)
    @rule(which=PICK, steps=st.integers(min_value=1, max_value=3))
    def follow_order(self, which: int, steps: int) -> None:
        self.running.append(self.world.start_order(self.world.orders[which % len(self.world.orders)], steps))

    @precondition(lambda self: self._uploads())
    @rule(which=PICK)
    def resume(self, which: int) -> None:
        known = self._uploads()
        dataset, upload = known[which % len(known)]
        if model.is_recorded(self.world, dataset, upload):
            model.resume(self.world, dataset, upload)

    @precondition(lambda self: len(self.running) < AT_ONCE and self._uploads())
    @rule(which=PICK)
    def retry(self, which: int) -> None:
        known = self._uploads()
        dataset, upload = known[which % len(known)]
        self.running.append(model.start_retry(self.world, dataset, upload))

    @precondition(lambda self: len(self.running) < AT_ONCE)
    @rule(which=PICK, to=PICK)
    def roll_back(self, which: int, to: int) -> None:
        dataset = self.datasets[which % 2]
        version = to % (model.latest(self.world, dataset) + 1)
        self.running.append(model.start_rollback(self.world, dataset, version))

    @precondition(lambda self: len(self.running) < AT_ONCE and self.world.transfers())
    @rule(which=PICK, shard=PICK, pages=st.integers(min_value=1, max_value=2))
    def go_on_with_workflow(self, which: int, shard: int, pages: int) -> None:
        """A step of a workflow: the next page of a shard, or its end, once all of them are done."""
        execution = self.world.transfers()[which % len(self.world.transfers())]
        left = [one for one in execution.input["shards"] if one not in self.world.read[execution.name]]
        step = left[shard % len(left)] if left else None
        self.running.append(self.world.start_step(execution, step, pages))

    @precondition(lambda self: len(self.running) < AT_ONCE and self.world.transfers())
    @rule(which=PICK)
    def fail_workflow(self, which: int) -> None:
        execution = self.world.transfers()[which % len(self.world.transfers())]
        self.running.append(self.world.start_failure(execution))

    @precondition(lambda self: len(self.running) < AT_ONCE and self.world.windows.groups())
    @rule(which=PICK)
    def deliver(self, which: int) -> None:
        groups = self.world.windows.groups()
        self.running.append(self.world.start_apply(groups[which % len(groups)]))

    @precondition(lambda self: len(self.running) < AT_ONCE and self._delivered())
    @rule(which=PICK)
    def deliver_again(self, which: int) -> None:
        delivered = self._delivered()
        self.running.append(self.world.redeliver(delivered[which % len(delivered)]))

    @precondition(lambda self: len(self.running) < AT_ONCE and self.world.settled.groups())
    @rule(which=PICK, count=st.integers(min_value=1, max_value=3))
    def publish(self, which: int, count: int) -> None:
        groups = self.world.settled.groups()
        self.running.append(self.world.start_publish(groups[which % len(groups)], count))

    @precondition(lambda self: len(self.running) < AT_ONCE and any(self.world.settled.taken.values()))
    @rule(which=PICK)
    def publish_again(self, which: int) -> None:
        taken = [message for group in self.world.settled.taken.values() for message in group]
        self.running.append(self.world.republish([taken[which % len(taken)]]))

    @precondition(lambda self: self._failing())
    @rule(which=PICK)
    def bury(self, which: int) -> None:
        failing = self._failing()
        self.world.bury(failing[which % len(failing)])

    @precondition(lambda self: len(self.running) < AT_ONCE and self.world.dead)
    @rule(which=PICK)
    def give_up(self, which: int) -> None:
        self.running.append(self.world.start_give_up(self.world.dead[which % len(self.world.dead)]))

    @rule()
    def let_five_minutes_pass(self) -> None:
        self.world.let_five_minutes_pass()

    @precondition(lambda self: self.running)
    @rule(which=PICK, calls=st.integers(min_value=1, max_value=4))
    def advance(self, which: int, calls: int) -> None:
        invocation = self.running[which % len(self.running)]
        for _ in range(calls):
            if not invocation.finished:
                invocation.step()

    @precondition(lambda self: self.running)
    @rule(which=PICK)
    def finish(self, which: int) -> None:
        self.running[which % len(self.running)].run()

    @precondition(lambda self: self.running)
    @rule(which=PICK, after=st.booleans())
    def crash(self, which: int, after: bool) -> None:
        self.running[which % len(self.running)].crash(after=after)

    @invariant()
    def holds(self) -> None:
        """After every move that may have changed something; what has not changed holds as it did."""
        for invocation in [one for one in self.running if one.finished]:
            self.running.remove(invocation)
            if invocation.error is not None and not isinstance(invocation.error, EXPECTED):
                raise AssertionError(f"{invocation.name} failed") from invocation.error
        if self.world.writes > self.checked:
            for dataset in self.datasets:
                invariants.check(self.world, dataset)
            self.checked = self.world.writes

    def teardown(self) -> None:
        try:
            for invocation in self.running:
                invocation.run()
            self.world.drain()
            model.sweep_and_drain(self.world)
            for dataset in self.datasets:
                invariants.check(self.world, dataset)
                invariants.check_all_settled(self.world, dataset)
        finally:
            self._stack.close()

    def _uploads(self) -> list[tuple[DatasetModel, str]]:
        """All that was sent, and all roll backs."""
        return [(one, upload) for one in self.datasets for upload in (*one.submissions, *one.rollbacks)]

    def _delivered(self) -> list[Message]:
        taken = self.world.windows.taken.values()
        return [message for group in taken for message in group if message.receives]

    def _failing(self) -> list[Message]:
        """First windows of their groups that were received, and may now be given up."""
        first = map(self.world.first_window, self.world.windows.groups())
        return [message for message in first if message.receives]


TestSchedules = Schedules.TestCase
