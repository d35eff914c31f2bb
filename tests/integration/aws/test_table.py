"""A busy DynamoDB: requests are repeated, do not raise too soon, and lose no item of a batch."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulation.world import World
from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key
from tidemark.domain.errors import Unavailable

KEYS = [Key("D#d", f"U#{number:03}") for number in range(150)]
WRITE: Any = {"Put": {"TableName": "t", "Item": {}}}


class Busy:
    """A DynamoDB client that is busy for its first calls: it leaves items of a batch unread or cancels transactions."""

    def __init__(self, client: Any, calls: int, *reasons: str) -> None:
        self.exceptions = client.exceptions
        self.calls = 0
        self._client = client
        self._busy = calls
        self._reasons = reasons

    def batch_get_item(self, **request: Any) -> Any:
        """Leaves all keys but the first unread while busy."""
        self.calls += 1
        if self.calls > self._busy:
            return self._client.batch_get_item(**request)
        ((name, wanted),) = request["RequestItems"].items()
        first, *others = wanted["Keys"]
        answer = self._client.batch_get_item(RequestItems={name: {**wanted, "Keys": [first]}})
        return {**answer, "UnprocessedKeys": {name: {**wanted, "Keys": others}} if others else {}}

    def transact_write_items(self, **_: Any) -> Any:
        """Cancels the transaction with the given reasons while busy."""
        self.calls += 1
        if self.calls > self._busy:
            return {}
        if self._reasons == ("TransactionInProgressException",):
            raise ClientError({"Error": {"Code": self._reasons[0]}}, "TransactWriteItems")
        raise self.exceptions.TransactionCanceledException(
            {"CancellationReasons": [{"Code": reason} for reason in self._reasons]}, "TransactWriteItems"
        )


def busy(world: World, calls: int, *reasons: str) -> tuple[Backend, Busy]:
    backend = world.process()
    client: Any = Busy(backend.dynamodb, calls, *reasons)
    return replace(backend, dynamodb=client), client


@pytest.fixture
def full(world: World) -> World:
    """A table with an item for every second key."""
    for key in KEYS[::2]:
        table.put_new(world.process(), key, {})
    return world


@pytest.mark.parametrize("calls", [0, 1, 5])
def test_the_items_that_exist_are_read_however_many_and_however_busy_the_table(full: World, calls: int) -> None:
    backend, _ = busy(full, calls)
    assert table.get_many(backend, KEYS).keys() == set(KEYS[::2])


def test_a_table_that_stays_busy_is_unavailable(full: World) -> None:
    backend, client = busy(full, 1000)
    with pytest.raises(Unavailable):
        table.get_many(backend, KEYS)
    assert client.calls == table.MAX_ATTEMPTS


@pytest.mark.parametrize(
    "reasons",
    [("None", "TransactionConflict"), ("ThrottlingError",), ("TransactionInProgressException",)],
    ids=lambda reasons: reasons[-1],
)
def test_a_transaction_waits_for_what_may_pass(world: World, reasons: tuple[str, ...]) -> None:
    backend, client = busy(world, 3, *reasons)
    table.transact(backend, [WRITE])
    assert client.calls == 4


def test_a_transaction_that_has_to_wait_too_long_is_unavailable(world: World) -> None:
    backend, client = busy(world, 1000, "TransactionConflict")
    with pytest.raises(Unavailable):
        table.transact(backend, [WRITE])
    assert client.calls == table.MAX_ATTEMPTS


def slept(backend: Backend, patience: float = 0) -> tuple[Backend, list[float]]:
    """Returns a backend that records for how many seconds it sleeps, and the record."""
    seconds: list[float] = []
    return replace(backend, sleep=seconds.append, patience=patience), seconds


@pytest.mark.parametrize("patience", [0, 30])
def test_a_worker_repeats_a_write_that_meets_conflicts_for_as_long_as_it_has_patience(
    world: World, patience: float
) -> None:
    backend, seconds = slept(busy(world, 1000, "TransactionConflict")[0], patience)
    with pytest.raises(table.Conflicting):
        table.transact(backend, [WRITE])
    assert patience <= sum(seconds) < patience + 8


def test_patience_is_for_conflicts_and_not_for_throttling(world: World) -> None:
    busy_backend, client = busy(world, 1000, "ThrottlingError")
    backend, _ = slept(busy_backend, patience=30)
    with pytest.raises(table.Contended):
        table.transact(backend, [WRITE])
    assert client.calls == table.MAX_ATTEMPTS


def test_a_large_transaction_that_is_throttled_is_sent_again_a_few_times_and_not_at_once(world: World) -> None:
    busy_backend, client = busy(world, 1000, "ThrottlingError")
    backend, seconds = slept(busy_backend)
    with pytest.raises(table.LargeThrottled):
        table.transact(backend, [WRITE], is_large=True)
    assert client.calls == 3
    assert all(most / 2 <= wait <= most for wait, most in zip(seconds, table.LARGE_WAITS, strict=True))


def test_a_transaction_whose_conditions_do_not_hold_is_refused_at_once_though_it_met_a_conflict_too(
    world: World,
) -> None:
    backend, client = busy(world, 1, "TransactionConflict", "ConditionalCheckFailed", "None")
    with pytest.raises(table.ConditionFailed) as refusal:
        table.transact(backend, [WRITE] * 3)
    assert refusal.value.failed == [False, True, False]
    assert client.calls == 1


@pytest.mark.parametrize("reasons", [("ValidationError",), ("ItemCollectionSizeLimitExceeded", "None")])
def test_a_transaction_that_can_never_succeed_is_not_tried_again(world: World, reasons: tuple[str, ...]) -> None:
    backend, client = busy(world, 1, *reasons)
    with pytest.raises(ClientError):
        table.transact(backend, [WRITE])
    assert client.calls == 1


def in_a_transaction(world: World, writes: int) -> tuple[Backend, list[int]]:
    """Returns a backend whose first writes conflict with a transaction, and a list of attempted writes."""
    backend = world.process()
    tried: list[int] = []
    conflict = backend.dynamodb.exceptions.TransactionConflictException
    put_item = backend.dynamodb.put_item

    def put(**request: Any) -> Any:
        tried.append(len(tried))
        if len(tried) <= writes:
            raise conflict({"Error": {"Code": "TransactionConflictException"}}, "PutItem")
        return put_item(**request)

    client: Any = SimpleNamespace(put_item=put, exceptions=backend.dynamodb.exceptions)
    return replace(backend, dynamodb=client), tried


def test_a_write_of_one_item_waits_for_the_transaction_on_it(world: World) -> None:
    backend, tried = in_a_transaction(world, 2)
    assert table.put_new(backend, KEYS[0], {"n": 1})
    assert len(tried) == 3


def test_a_write_that_a_transaction_keeps_in_the_way_of_is_unavailable(world: World) -> None:
    backend, tried = in_a_transaction(world, 1000)
    with pytest.raises(Unavailable):
        table.put_new(backend, KEYS[0], {"n": 1})
    assert len(tried) == table.MAX_ATTEMPTS
