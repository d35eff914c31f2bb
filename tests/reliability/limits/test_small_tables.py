"""A load on a table that takes a few writes a second: slow, with conflicts and throttling at every step, and whole."""

import pytest

from tests.reliability.limits import loads
from tests.reliability.limits.conftest import MakeAccount


@pytest.mark.parametrize("seed", range(2))
def test_a_load_on_a_small_table_is_applied_whole(make_account: MakeAccount, seed: int) -> None:
    account = make_account(seed)
    datasets = [loads.dataset(account, shards=2, name=name) for name in ("one", "two")]
    account.tables.capacity.write_units = 4
    account.tables.conflicts = True
    for dataset in datasets:
        loads.send(account, dataset, loads.adds("request", 10), "request")
        for number in range(3):
            loads.send_file(account, dataset, loads.adds(f"file-{number}", 10), f"file-{number}")
    account.run()
    assert account.tables.capacity.refused > 20
    loads.check_all_applied(account, *datasets)
