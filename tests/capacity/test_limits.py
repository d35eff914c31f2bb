"""The simulated AWS has the limits that AWS documents."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.capacity.bucket import Bucket, SlowDown
from tests.capacity.clock import Clock, Process
from tests.capacity.dynamodb import SPLIT_CHECK_SECONDS, Conflict, Table, Throttled
from tests.capacity.functions import DONE, Account, Failed, FifoMapping, Function, Mapping, after
from tests.capacity.limits import BucketLimits, FunctionLimits, QueueLimits, TableLimits, Times
from tests.capacity.queues import Fifo, Message, SendThrottled, Standard
from tests.capacity.steps import RETRIES, Execution, StepError

TIMES = Times()


def a_table(**limits: Any) -> tuple[Clock, Table]:
    clock = Clock()
    return clock, Table(clock, replace(TableLimits(), **limits), TIMES)


def outcome(clock: Clock, process: Process[None]) -> str:
    """Runs a process to its end and returns the name of its exception, or an empty text."""
    names: list[str] = []

    def caught() -> Process[None]:
        try:
            yield from process
        except Exception as error:  # noqa: BLE001 - its name is the outcome
            names.append(type(error).__name__)

    clock.start(caught())
    clock.run(clock.now + 1)
    return "".join(names)


def repeated(clock: Clock, request: Callable[[], Process[None]], seconds: float) -> int:
    """Repeats a request one after another for some seconds and returns how often it succeeded."""
    succeeded = 0

    def client() -> Process[None]:
        nonlocal succeeded
        while clock.now < seconds:
            try:
                yield from request()
                succeeded += 1
            except (Throttled, SendThrottled, SlowDown):
                continue

    for _ in range(20):
        clock.start(client())
    clock.run(seconds)
    return succeeded


# DynamoDB


def test_a_partition_takes_a_thousand_write_units_a_second() -> None:
    clock, table = a_table()
    assert repeated(clock, lambda: table.write("shard", 5), 10) == pytest.approx(11 * 200, rel=0.02)


def test_a_partition_takes_three_thousand_read_units_a_second() -> None:
    clock, table = a_table()
    assert repeated(clock, lambda: table.read("shard", 20), 10) == pytest.approx(11 * 150, rel=0.02)


def test_a_partition_keeps_as_much_unused_capacity_as_the_limits_say() -> None:
    clock, table = a_table(burst_seconds=300)
    assert repeated(clock, lambda: table.write("shard", 1000), 10) == pytest.approx(310, rel=0.02)


def test_collections_of_one_partition_share_its_capacity() -> None:
    clock, table = a_table(partitions=1)
    clock.start(table.transact({"shard 0": 1000}, 99))
    clock.run(0.001)
    assert outcome(clock, table.transact({"shard 1": 1000}, 99)) == "Throttled"


def test_a_throttled_transaction_consumes_a_share_of_what_was_left() -> None:
    clock, table = a_table(cancelled_share=0.5)
    partition = table.partition("shard")
    partition.writes.take(0, 920)
    assert outcome(clock, table.transact({"shard": 400}, 99)) == "Throttled"
    assert table.wasted == pytest.approx(40)


def test_two_transactions_on_an_item_conflict_if_they_overlap() -> None:
    clock, table = a_table()
    clock.start(table.transact({"records": 4}, 2, ["U#1"]))
    clock.run(0.001)
    assert outcome(clock, table.transact({"records": 4}, 2, ["U#1"])) == "Conflict"
    assert outcome(clock, table.transact({"records": 4}, 2, ["U#1"])) == ""


@pytest.mark.parametrize("first", ["write", "transaction"])
def test_a_write_and_a_transaction_on_an_item_conflict_if_they_overlap(first: str) -> None:
    clock, table = a_table()
    both: dict[str, Callable[[], Process[None]]] = {
        "write": lambda: table.write("records", 1, "U#1"),
        "transaction": lambda: table.transact({}, 1, ["U#1"]),
    }
    clock.start(both.pop(first)())
    clock.run(0.001)
    (second,) = both.values()
    assert outcome(clock, second()) == Conflict.__name__


def test_two_writes_of_an_item_do_not_conflict() -> None:
    clock, table = a_table()
    clock.start(table.write("records", 1, "U#1"))
    clock.run(0.001)
    assert outcome(clock, table.write("records", 1, "U#1")) == ""


def test_an_index_that_lags_throttles_writes_to_its_table() -> None:
    clock, table = a_table(index_write_units=10, index_backlog_seconds=5)
    written = repeated(clock, lambda: table.write("records", 0.01, "", {"unsettled a": 1}), 10)
    assert written == pytest.approx(10 * (1 + 5 + 10), rel=0.05)


def test_a_table_takes_no_more_than_its_quota() -> None:
    clock, table = a_table(partitions=None, table_write_units=1500)
    shards = iter(range(1_000_000))
    assert repeated(clock, lambda: table.write(f"shard {next(shards) % 8}", 10), 10) == pytest.approx(1650, rel=0.05)


def test_a_hot_partition_is_split_between_its_collections() -> None:
    clock, table = a_table(partitions=1, split_after=60)
    for shard in range(2):
        table.partition(f"shard {shard}")
    shards = iter(range(1_000_000))
    repeated(clock, lambda: table.write(f"shard {next(shards) % 2}", 50), 60 + 3 * SPLIT_CHECK_SECONDS)
    assert len(table.partitions) == 2
    assert table.partition("shard 0") is not table.partition("shard 1")


@pytest.mark.parametrize(("splits", "units"), [(False, 1000), (True, 2000)])
def test_a_single_collection_is_split_only_if_its_keys_are_spread(splits: bool, units: float) -> None:
    clock, table = a_table(partitions=1, split_after=30, splits_collections=splits)
    repeated(clock, lambda: table.write("shard", 50), 30 + 2 * SPLIT_CHECK_SECONDS + 1)
    assert table.partition("shard").writes.per_second == units


# S3


def test_a_prefix_takes_its_rate_until_it_is_split() -> None:
    clock = Clock()
    bucket = Bucket(clock, BucketLimits(puts=35, split_after=20), TIMES)
    assert repeated(clock, lambda: bucket.put("packs/d"), 10) == pytest.approx(385, rel=0.05)
    before = clock.now
    assert repeated(clock, lambda: bucket.put("packs/d"), before + 40) > 40 * 35 * 1.3


# SQS


def a_fifo(clock: Clock, **limits: int) -> Fifo:
    dead = Fifo(clock, QueueLimits(), TIMES, visibility=45, attempts=1000, dead=None)
    return Fifo(clock, replace(QueueLimits(), **limits), TIMES, visibility=100, attempts=2, dead=dead)


def test_a_group_takes_three_hundred_sends_a_second() -> None:
    clock = Clock()
    queue = a_fifo(clock)
    sent = repeated(clock, lambda: queue.send([Message("row", "d")]), 10)
    assert sent == pytest.approx(11 * 300, rel=0.6)
    assert sent <= 11 * 300


def test_a_group_waits_until_its_failed_message_is_visible_and_sets_it_aside_when_spent() -> None:
    clock = Clock()
    queue = a_fifo(clock)
    offered: list[tuple[float, str]] = []
    queue.ready = lambda group: offered.append((clock.now, group))
    for body in ("first", "second"):
        queue.add(Message(body, "d"))
    for _ in range(2):
        batch = queue.receive("d", 1)
        assert [message.body for message in batch] == ["first"]
        queue.settle(batch, batch, None)
        clock.run(clock.now + 100)
    assert [at for at, _ in offered] == [0, 100, 200]
    assert [message.body for message in queue.receive("d", 10)] == ["second"]
    assert queue.dead is not None
    assert queue.dead.waiting() == 1


def test_a_group_behind_too_many_messages_of_others_is_not_delivered() -> None:
    clock = Clock()
    queue = a_fifo(clock, horizon=3)
    offered: list[str] = []
    queue.ready = offered.append
    for group in ("a", "a", "a", "b"):
        queue.add(Message("row", group))
    assert offered == ["a"]
    batch = queue.receive("a", 1)
    queue.settle(batch, [], None)
    assert offered == ["a", "b", "a"]


# Lambda


def an_account(clock: Clock, concurrency: int = 1000) -> Account:
    return Account(clock, replace(FunctionLimits(), concurrency=concurrency), TIMES)


def test_a_throttled_invocation_counts_a_receive_and_comes_back_after_the_visibility_timeout() -> None:
    clock = Clock()
    account, queue = an_account(clock, concurrency=1), a_fifo(clock)
    account.enter()
    handled: list[float] = []

    def work(batch: list[Message]) -> Process[Failed]:
        handled.append(clock.now)
        yield 0.1
        assert batch[0].receives == 2
        return DONE

    FifoMapping(Function(account, "apply", 1769), queue, work, batch=1, concurrency=10)
    queue.add(Message("row", "d"))
    clock.run(50)
    account.leave()
    clock.run(200)
    assert handled == [pytest.approx(101, abs=5)]


def test_a_mapping_makes_no_more_calls_at_once_than_it_may() -> None:
    clock = Clock()
    account, queue = an_account(clock), a_fifo(clock)
    running: list[int] = []

    def work(batch: list[Message]) -> Process[Failed]:
        running.append(account.running)
        assert batch
        yield 10
        return DONE

    FifoMapping(Function(account, "apply", 1769), queue, work, batch=1, concurrency=3)
    for group in range(10):
        queue.add(Message("row", f"{group}"))
    clock.run(100)
    assert (len(running), max(running)) == (10, 3)


def test_a_new_environment_starts_cold_and_stays_warm() -> None:
    clock = Clock()
    account = an_account(clock)
    function = Function(account, "apply", 1769)
    for _ in range(2):
        account.enter()
        clock.start(function.run(iter_nothing()))
        clock.run(clock.now + 60)
    assert 0.6 * TIMES.cold_start <= function.busy_seconds <= 10 * TIMES.cold_start


def iter_nothing() -> Process[None]:
    yield 0


def test_half_the_memory_takes_twice_the_time() -> None:
    account = an_account(Clock())
    assert Function(account, "publish", 1769 / 2).cpu(1) == 2 * Function(account, "apply", 1769).cpu(1) == 2
    assert Function(account, "large", 10_000).cpu(1) == 1


@pytest.mark.parametrize(("recursive", "calls"), [(False, 16), (True, 40)])
def test_a_function_that_sends_to_its_own_queue_is_stopped_after_sixteen_calls(recursive: bool, calls: int) -> None:
    clock = Clock()
    queue = Standard(clock, TIMES, visibility=315, attempts=4)
    function = Function(an_account(clock), "intake", 1024)
    made = 0

    def work(batch: list[Message]) -> Process[Failed]:
        nonlocal made
        made += 1
        if made < 40:
            yield from queue.send(Message("file", lineage=after(batch[0], "intake")), 30)
        return DONE

    Mapping(function, queue, work, concurrency=20, recursive=recursive)
    queue.add(Message("file"))
    clock.run(4 * 3600)
    assert made == calls
    assert (function.dropped, len(queue.dead)) == ((0, 0) if recursive else (4, 1))


# Step Functions


@pytest.mark.parametrize(("failures", "fails"), [(RETRIES, False), (RETRIES + 1, True)])
def test_a_step_is_retried_eight_times_after_each_success(failures: int, fails: bool) -> None:
    clock = Clock()
    steps = iter([*[None] * failures, False, *[None] * failures, True])

    def step(shard: int) -> Process[bool]:
        assert shard == 0
        yield 1.0
        done = next(steps)
        if done is None:
            raise StepError
        return done

    execution = Execution(Function(an_account(clock), "transfer", 1024), step)
    clock.start(execution.run([0]))
    clock.run(24 * 3600)
    assert execution.failed == fails
