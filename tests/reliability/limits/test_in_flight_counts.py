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
SECONDS = 20
COUNT_SECONDS = 2
"""How long a process remembers a count."""


def test_requests_are_accepted_with_the_last_count_while_the_index_is_throttled(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account()
    account.memory = Memory()  # all requests reach the same warm process
    dataset = loads.dataset(account)
    loads.submit(account, dataset, loads.adds("first", 2), "first")
    account.tables.capacity.throttle(
        f"unsettled/{dataset.uid[0]}", until=account.now + timedelta(seconds=SECONDS * 2), reads=True
    )
    counting: set[Invocation] = set()
    query_index = table.query_index

    def record(*arguments: Any, **options: Any) -> Any:
        invocation = current()
        if invocation is not None:
            counting.add(invocation)
        return query_index(*arguments, **options)

    monkeypatch.setattr(table, "query_index", record)
    begin = account.now
    for number in range(REQUESTS):
        at = begin + timedelta(seconds=number * SECONDS / REQUESTS)
        rows = loads.adds(f"f{number}", 1)
        account.at(
            at,
            lambda rows=rows, number=number: account.start(  # type: ignore[misc]
                requests.start_submit(account, dataset, rows, f"rows-{number}")
            ),
        )
    account.run()
    assert account.failures["client"] == 0, account.errors[:3]
    assert 1 < len(counting) <= SECONDS / COUNT_SECONDS + 1
    loads.check_all_applied(account, dataset)
