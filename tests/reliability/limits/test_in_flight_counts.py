"""The count of a dataset's rows in flight, when the index that it reads is throttled."""

from datetime import timedelta
from typing import Any

import pytest

from tests.reliability.faults import requests
from tests.reliability.limits import loads
from tests.reliability.limits.conftest import MakeAccount
from tests.simulation.invocation import Invocation, current
from tidemark.aws import table
from tidemark.aws.backend import Memory

REQUESTS = 40
PAUSE = timedelta(seconds=0.5)
COUNT_SECONDS = 2
"""How long a process remembers a count."""


def test_requests_are_accepted_with_the_last_count_while_the_index_is_throttled(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account()
    account.memory = Memory()  # all requests reach the same warm process, one after the other
    dataset = loads.dataset(account)
    loads.submit(account, dataset, loads.adds("first", 2), "first")
    account.tables.capacity.throttle(f"unsettled/{dataset.uid[0]}", until=account.now + timedelta(hours=1), reads=True)
    counting: set[Invocation] = set()
    query_index = table.query_index

    def record(*arguments: Any, **options: Any) -> Any:
        invocation = current()
        if invocation is not None:
            counting.add(invocation)
        return query_index(*arguments, **options)

    monkeypatch.setattr(table, "query_index", record)
    left = iter(range(REQUESTS))
    ends = []

    def send_next(_: Invocation | None = None) -> None:
        number = next(left, None)
        if number is None:
            ends.append(account.now)
            return
        request = requests.start_submit(account, dataset, loads.adds(f"f{number}", 1), f"rows-{number}")
        account.at(account.now + PAUSE, lambda: account.start(request, send_next))

    begin = account.now
    send_next()
    account.run()
    assert account.failures["client"] == 0, account.errors[:3]
    assert 1 < len(counting) <= (ends[0] - begin).total_seconds() / COUNT_SECONDS + 1
    account.tables.capacity.release()
    loads.check_all_applied(account, dataset)
