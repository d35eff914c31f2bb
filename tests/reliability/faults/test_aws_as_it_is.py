"""How the simulation behaves like AWS: queues, transaction tokens, eventually consistent reads and client retries."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.reliability.faults.injection import Fault, OneFault
from tests.simulation.invocation import Invocation
from tests.simulation.queues import Message, Queue
from tests.simulation.world import World, new_world
from tidemark.aws import table, writes
from tidemark.aws.keys import Key

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = Key("D#d", "U#u")


def a_queue(*ids: str, tries: int = 2) -> Queue:
    queue = Queue(tries=tries)
    for name in ids:
        queue.send(Message("group", name, ""), NOW)
    return queue


def names(messages: list[Message]) -> list[str]:
    return [message.deduplication_id for message in messages]


def test_a_group_waits_while_a_message_of_it_is_on_its_way() -> None:
    queue = a_queue("first", "second")
    queue.receive("group", 1, NOW)
    assert queue.ready(NOW) == []
    assert queue.ready(NOW + queue.visibility) == ["group"]


def test_a_message_that_is_not_deleted_in_time_comes_again_and_then_is_set_aside() -> None:
    queue = a_queue("first", "second")
    for number in range(2):
        assert names(queue.receive("group", 1, NOW + number * queue.visibility)[0]) == ["first"]
    received, spent = queue.receive("group", 1, NOW + 2 * queue.visibility)
    assert (names(received), names(spent)) == (["second"], ["first"])


def test_an_invocation_whose_time_is_over_deletes_nothing() -> None:
    queue = a_queue("first")
    ((message,), _) = queue.receive("group", 1, NOW)
    late = message.receipt
    queue.receive("group", 1, NOW + queue.visibility)
    queue.settle(message, late, NOW + queue.visibility)
    assert queue.groups() == ["group"]


def test_a_repeat_within_five_minutes_is_not_taken() -> None:
    queue = a_queue("first", "first")
    assert len(queue.waiting["group"]) == 1
    queue.send(Message("group", "first", ""), NOW + timedelta(minutes=5))
    assert len(queue.waiting["group"]) == 2


@pytest.fixture
def world() -> Any:
    with new_world() as simulated:
        yield simulated


def run_with_fault(world: World, fault: Fault, operation: Any) -> Invocation:
    return Invocation("operation", operation, trouble=OneFault(world, fault, 1)).run()


def test_a_transaction_whose_answer_is_lost_is_known_by_its_token(world: World) -> None:
    backend = world.process()
    requests = [writes.new(backend, KEY, {"n": 1})]
    invocation = run_with_fault(world, Fault.LOST_ANSWER, lambda: table.transact(backend, requests))
    assert (invocation.error, invocation.calls) == (None, ["dynamodb.TransactWriteItems"] * 2)


def test_a_conditional_write_whose_answer_is_lost_meets_itself(world: World) -> None:
    backend = world.process()
    assert run_with_fault(world, Fault.LOST_ANSWER, lambda: table.put_new(backend, KEY, {"n": 1})).result is False


def test_a_client_gives_up_after_five_tries(world: World) -> None:
    backend = world.process()
    invocation = run_with_fault(world, Fault.LOST_FOR_GOOD, lambda: table.put_new(backend, KEY, {"n": 1}))
    assert len(invocation.calls) == 5
    assert isinstance(invocation.error, ReadTimeoutError)
    assert table.get(backend, KEY)


def test_a_read_that_does_not_ask_for_consistency_may_miss_the_latest_write(world: World) -> None:
    backend = world.process()
    for n in (1, 2):
        table.write(backend, writes.put(backend, KEY, {"n": n}))
    world.tables.lag = lambda: 1
    early, late = table.get(backend, KEY, consistent=False), table.get(backend, KEY)
    assert early is not None
    assert late is not None
    assert (early["n"], late["n"]) == (1, 2)
