"""The messages that publish receives: their number grows with uploads and chunks, not with windows."""

import pytest

from tests.reliability.limits import loads
from tests.reliability.limits.conftest import MakeAccount
from tests.simulation.account import Account
from tidemark.ingest import file_reader

CHUNK_ROWS = 128


def _messages(account: Account) -> int:
    """Returns the number of messages that publish has received."""
    return sum(len(group) for group in account.settled.taken.values())


def _windows(account: Account) -> int:
    return sum(len(group) for group in account.windows.taken.values())


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", CHUNK_ROWS)


def test_a_request_sends_publish_one_message_whatever_the_number_of_its_windows(make_account: MakeAccount) -> None:
    account = make_account()
    dataset = loads.dataset(account, shards=16)
    loads.submit(account, dataset, loads.adds("f", CHUNK_ROWS), "rows")
    account.run()
    assert (_windows(account), _messages(account)) == (16, 1)
    loads.check_all_applied(account, dataset)


def test_a_file_sends_publish_one_message_for_each_chunk_and_one_at_its_end(make_account: MakeAccount) -> None:
    account = make_account()
    dataset = loads.dataset(account, shards=16)
    loads.submit_file(account, dataset, loads.adds("f", 3 * CHUNK_ROWS), "file")
    account.run()
    assert (_windows(account), _messages(account)) == (48, 4)
    loads.check_all_applied(account, dataset)


def test_publish_is_called_no_more_often_at_more_shards(make_account: MakeAccount) -> None:
    calls = {}
    for shards in (2, 32):
        account = make_account()
        dataset = loads.dataset(account, shards=shards)
        loads.submit_file(account, dataset, loads.adds("f", 2 * CHUNK_ROWS), "file")
        account.run()
        calls[shards] = _messages(account)
        loads.check_all_applied(account, dataset)
    assert calls[32] == calls[2]
