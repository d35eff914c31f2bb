"""The functions that one function's messages call, directly or further on."""

import pytest

from tests.reliability.limits import loads
from tests.reliability.limits.conftest import MakeAccount
from tidemark.ingest import file_reader


def test_no_function_but_intake_is_called_twice_in_a_chain_of_messages(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 2)
    account = make_account(loops_allowed=frozenset({"intake"}))
    account.chunks_per_call = 1
    dataset = loads.dataset(account, shards=2)
    loads.submit_file(account, dataset, loads.adds("f", 20), "file")
    loads.submit(account, dataset, loads.adds("g", 4), "rows")
    account.run()
    messages = [
        message
        for queue in (account.windows, account.settled, account.files)
        for group in queue.taken.values()
        for message in group
    ]
    calls = [(name, count) for message in messages for name, count in message.lineage.items() if name != "intake"]
    assert calls
    assert {count for _, count in calls} == {1}
