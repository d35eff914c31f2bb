"""Lambda's recursive loop detection: a file whose reading goes on by message after message is read to its end."""

from datetime import timedelta

import pytest

from tests.reliability.limits import loads
from tests.reliability.limits.conftest import MakeAccount
from tests.simulation.account import MAX_HOPS, Account
from tidemark.aws.keys import shard_pk
from tidemark.domain.uploads import InFlight
from tidemark.ingest import backpressure, file_reader


def _calls_of_intake(account: Account) -> int:
    return sum(delivery.function == "intake" for delivery in account.deliveries)


def test_a_file_that_waits_for_an_hour_is_read_to_its_end(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backpressure, "QUOTA", InFlight(4, 1000))
    monkeypatch.setattr(backpressure, "FILE_QUOTA", InFlight(2, 1000))
    account = make_account()
    dataset = loads.dataset(account)
    account.tables.capacity.throttle(shard_pk(dataset.uid, 0), until=account.now + timedelta(hours=1))
    loads.submit(account, dataset, loads.adds("f", 4), "rows")
    loads.submit_file(account, dataset, loads.adds("g", 2), "file")
    account.run()
    assert _calls_of_intake(account) > 2 * MAX_HOPS
    assert account.stopped == {}
    assert loads.upload_of(account, dataset, "file").applied == 2


def test_a_file_that_is_read_in_many_calls_is_read_to_its_end(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 2)
    account = make_account()
    account.chunks_per_call = 1
    dataset = loads.dataset(account)
    loads.submit_file(account, dataset, loads.adds("f", 80), "file")
    account.run()
    assert _calls_of_intake(account) > 2 * MAX_HOPS
    loads.check_all_applied(account, dataset)
