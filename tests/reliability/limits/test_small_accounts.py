"""An account in which few functions may run at once: throttled calls use receives up, and nothing is lost."""

import pytest

from tests.reliability.limits import loads
from tests.reliability.limits.conftest import MakeAccount


@pytest.mark.parametrize("seed", range(2))
def test_calls_that_lambda_throttles_use_receives_up_and_lose_nothing(make_account: MakeAccount, seed: int) -> None:
    account = make_account(seed, concurrency=1)
    datasets = [loads.dataset(account, shards=16, name=name) for name in ("one", "two")]
    for dataset in datasets:
        loads.submit(account, dataset, loads.adds("f", 48), "rows")
        loads.submit_file(account, dataset, loads.adds("g", 48), "file")
    account.run()
    loads.check_all_applied(account, *datasets)
    receives = [message.receives for group in account.windows.taken.values() for message in group]
    assert max(receives) > 10
