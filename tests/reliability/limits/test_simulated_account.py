"""How the simulated account keeps AWS's limits: loops, conflicts, capacity, visibility, executions and timeouts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.reliability.limits import loads
from tests.simulation.account import MAX_HOPS, Account, new_account
from tests.simulation.capacity import Capacity
from tests.simulation.invocation import Invocation
from tests.simulation.queues import Message, Queue
from tests.simulation.world import World, new_world
from tidemark.aws import table, writes
from tidemark.aws.keys import Key, shard_pk
from tidemark.domain.intake_tasks import ReadFile
from tidemark.domain.uploads import InFlight
from tidemark.ingest import backpressure

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HERE, THERE = Key("D#here", "U#1"), Key("D#there", "U#1")


@pytest.fixture
def world() -> Iterator[World]:
    with new_world() as made:
        yield made


def paused(world: World, *keys: Key) -> Invocation:
    """Returns an invocation that pauses while its transaction is in progress on some items."""
    backend = world.process()
    requests = [writes.put(backend, key, {"n": 1}) for key in keys]
    invocation = Invocation("slow", lambda: table.transact(backend, requests))
    invocation.step()
    return invocation


def codes(world: World, *keys: Key) -> list[str]:
    """Makes a transaction on some items, without retries, and returns the reasons for which it is cancelled."""
    backend = world.process()
    requests: Any = [writes.put(backend, key, {"n": 2}) for key in keys]
    reasons: list[str] = []

    def transact() -> None:
        try:
            backend.dynamodb.transact_write_items(TransactItems=requests)
        except backend.dynamodb.exceptions.TransactionCanceledException as error:
            reasons.extend(reason["Code"] for reason in error.response["CancellationReasons"])

    assert Invocation("fast", transact).run().error is None
    return reasons


# Conflicts


def test_a_transaction_is_refused_while_another_one_is_in_progress_on_its_item(world: World) -> None:
    world.tables.conflicts = True
    slow = paused(world, HERE)
    assert codes(world, THERE, HERE) == ["None", "TransactionConflict"]
    assert slow.run().error is None
    assert codes(world, THERE, HERE) == []


def test_a_write_is_refused_while_a_transaction_is_in_progress_on_its_item(world: World) -> None:
    world.tables.conflicts = True
    paused(world, HERE)
    backend = world.process()
    put = Invocation("put", lambda: table.write(backend, writes.put(backend, HERE, {"n": 3}))).run()
    assert isinstance(put.error, table.Contended)
    assert set(put.calls) == {"dynamodb.PutItem"}


def test_writes_of_one_item_do_not_conflict_with_each_other(world: World) -> None:
    world.tables.conflicts = True
    backend = world.process()

    def put(n: int) -> Invocation:
        return Invocation("put", lambda: table.write(backend, writes.put(backend, HERE, {"n": n})))

    first, second = put(1), put(2)
    first.step()
    assert second.run().error is None
    assert first.run().error is None
    assert world.tables.conflicted == 0


def test_a_transaction_takes_effect_though_its_process_dies_meanwhile(world: World) -> None:
    world.tables.conflicts = True
    slow = paused(world, HERE)
    assert table.get(world.process(), HERE) is None
    slow.crash(after=False)
    assert table.get(world.process(), HERE)
    assert codes(world, HERE) == []


# Capacity


def test_a_throttled_transaction_uses_the_units_of_its_other_items(world: World) -> None:
    world.tables.capacity.throttle(HERE.pk, requests=1)
    assert codes(world, HERE, THERE) == ["ThrottlingError", "None"]
    assert world.tables.capacity.used == 2
    assert codes(world, HERE, THERE) == []


def test_a_throttled_write_is_refused_as_often_as_asked(world: World) -> None:
    world.tables.capacity.throttle(HERE.pk, requests=5)
    backend = world.process()
    with pytest.raises(ClientError, match="ProvisionedThroughputExceeded"):
        table.write(backend, writes.put(backend, HERE, {"n": 1}))
    table.write(backend, writes.put(backend, HERE, {"n": 1}))
    assert table.get(backend, HERE)


def test_a_batch_returns_the_keys_that_were_throttled(world: World) -> None:
    backend = world.process()
    for key in (HERE, THERE):
        table.write(backend, writes.put(backend, key, {"n": 1}))
    world.tables.capacity.throttle(HERE.pk, requests=1, reads=True)
    keys: Any = {backend.table: {"Keys": [HERE.attributes(), THERE.attributes()], "ConsistentRead": True}}
    response = backend.dynamodb.batch_get_item(RequestItems=keys)
    assert [item["PK"] for item in response["Responses"][backend.table]] == [{"S": THERE.pk}]
    assert response["UnprocessedKeys"][backend.table]["Keys"] == [HERE.attributes()]
    assert set(table.get_many(backend, [HERE, THERE])) == {HERE, THERE}


def test_a_partition_refills_with_time() -> None:
    capacity = Capacity()
    capacity.write_units = 10
    admitted = [capacity.admits("S#1", NOW, write=True), capacity.admits("S#1", NOW, write=True)]
    capacity.use("S#1", 25, NOW, write=True)
    later = [capacity.admits("S#1", NOW + timedelta(seconds=seconds), write=True) for seconds in (1.4, 1.6)]
    assert (admitted, later) == ([True, True], [False, True])
    assert capacity.admits("S#2", NOW, write=True)


# Queues


def test_a_message_comes_back_when_its_receiver_says_so_and_its_group_waits_meanwhile() -> None:
    queue = Queue()
    for name in ("first", "second"):
        queue.send(Message("group", name, ""), NOW)
    ((message,), _) = queue.receive("group", 1, NOW)
    assert queue.change_visibility(message.handle, timedelta(seconds=20), NOW)
    assert queue.ready(NOW + timedelta(seconds=19)) == []
    assert queue.ready(NOW + timedelta(seconds=20)) == ["group"]
    ((again,), _) = queue.receive("group", 1, NOW + timedelta(seconds=20))
    assert (again, again.receives) == (message, 2)


def test_a_receipt_of_an_earlier_delivery_changes_nothing() -> None:
    queue = Queue()
    queue.send(Message("group", "first", ""), NOW)
    ((message,), _) = queue.receive("group", 1, NOW)
    late = message.handle
    later = NOW + queue.visibility
    assert not queue.change_visibility(late, timedelta(), later)
    queue.receive("group", 1, later)
    assert not queue.change_visibility(late, timedelta(), later)


# Lambda


def _wait_for_good(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends a file that waits for an hour, since its dataset is full of rows that cannot be applied."""
    monkeypatch.setattr(backpressure, "QUOTA", InFlight(4, 1000))
    monkeypatch.setattr(backpressure, "FILE_QUOTA", InFlight(2, 1000))
    dataset = loads.dataset(account)
    account.tables.capacity.throttle(shard_pk(dataset.uid, 0), until=account.now + timedelta(hours=1))
    loads.send(account, dataset, loads.adds("f", 4), "rows")
    account.at(
        account.now + timedelta(seconds=1), lambda: loads.send_file(account, dataset, loads.adds("g", 2), "file")
    )


def test_a_function_that_is_in_a_loop_is_stopped_and_its_message_becomes_a_dead_letter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with new_account(loops_allowed=frozenset(), file_receives=4) as account:
        _wait_for_good(account, monkeypatch)
        account.run()
        assert sum(delivery.function == "intake" for delivery in account.deliveries) == MAX_HOPS
        assert account.stopped == {"intake": 4}
        (dead,) = account.files_dead
        assert ReadFile.model_validate_json(dead.body).file == 0


def test_a_function_whose_loops_are_allowed_is_never_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    with new_account() as account:
        _wait_for_good(account, monkeypatch)
        account.run()
        assert sum(delivery.function == "intake" for delivery in account.deliveries) > 2 * MAX_HOPS
        assert (account.stopped, account.files_dead) == ({}, [])


def test_a_call_over_the_accounts_limit_uses_a_receive_and_the_message_comes_back() -> None:
    with new_account(concurrency=1) as account:
        dataset = loads.dataset(account, shards=2)
        loads.send(account, dataset, loads.adds("f", 8), "rows")
        account.run()
        windows = [message for group in account.windows.taken.values() for message in group]
        assert sorted(message.receives for message in windows) == [1, 2]
        assert account.throttled["apply"] == 1
        loads.check_all_applied(account, dataset)


def test_a_function_is_ended_at_its_timeout() -> None:
    with new_account() as account:
        dataset = loads.dataset(account)
        loads.send(account, dataset, loads.adds("f", 2), "rows")
        stuck = iter([timedelta(seconds=100)])

        def be_slow(call: str) -> None:
            running = [each for each in account.deliveries if each.function == "apply"]
            if running and call == "dynamodb.TransactWriteItems":
                account.now += next(stuck, timedelta())

        account.on_request = be_slow
        account.run()
        assert account.failures["apply"] == 1
        loads.check_all_applied(account, dataset)


def test_a_seed_replays_the_same_run() -> None:
    def deliveries() -> Any:
        with new_account(7) as account:
            account.tables.conflicts = True
            dataset = loads.dataset(account, shards=4)
            for number in range(3):
                loads.send_file(account, dataset, loads.adds(f"f{number}", 12), f"file-{number}")
            account.run()
            return account.deliveries, account.tables.conflicted

    assert deliveries() == deliveries()
