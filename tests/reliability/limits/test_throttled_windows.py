"""Windows of a throttled partition are applied in the end, however long it takes, and no row fails."""

from datetime import timedelta

from tests.reliability.limits import loads
from tests.reliability.limits.conftest import MakeAccount
from tests.simulation.account import Account
from tests.simulation.invocation import Invocation
from tidemark.aws.keys import dataset_pk, shard_pk

VISIBILITY_SECONDS = 105
"""Visibility timeout of the queue of windows."""


def busy(account: Account, uid: str, shards: int, minutes: int) -> None:
    """Throttles all writes of a dataset's shards for some minutes."""
    for shard in range(shards):
        account.tables.capacity.throttle(shard_pk(uid, shard), until=account.now + timedelta(minutes=minutes))


def test_a_window_that_is_throttled_for_an_hour_is_applied(make_account: MakeAccount) -> None:
    account = make_account()
    dataset = loads.dataset(account)
    busy(account, dataset.uid, 1, minutes=60)
    for number in range(3):
        loads.submit(account, dataset, loads.adds(f"f{number}", 4), f"rows-{number}")
    account.run()
    waits = loads.waits_of(account, "apply")
    assert len(waits) == 3
    assert max(map(len, waits.values())) > 10
    loads.check_all_applied(account, dataset)


def test_a_throttled_window_comes_back_early(make_account: MakeAccount) -> None:
    account = make_account()
    dataset = loads.dataset(account)
    busy(account, dataset.uid, 1, minutes=3)
    loads.send(account, dataset, loads.adds("f", 4), "rows")
    account.run()
    (waits,) = loads.waits_of(account, "apply").values()
    assert max(waits) < VISIBILITY_SECONDS / 2
    loads.check_all_applied(account, dataset)


def test_windows_that_were_throttled_together_do_not_come_back_together(make_account: MakeAccount) -> None:
    account = make_account()
    dataset = loads.dataset(account, shards=4)
    busy(account, dataset.uid, 4, minutes=10)
    loads.send(account, dataset, loads.adds("f", 40), "rows")
    account.run()
    waits = loads.waits_of(account, "apply")
    assert len(waits) == 4
    assert len({round(sum(each[:5])) for each in waits.values()}) > 1
    assert all(len({round(wait) for wait in each}) > 1 for each in waits.values())


def test_attempts_that_were_throttled_do_not_count_towards_giving_up(make_account: MakeAccount) -> None:
    account = make_account()
    dataset = loads.dataset(account)
    busy(account, dataset.uid, 1, minutes=30)
    loads.send(account, dataset, loads.adds("f", 4), "rows")
    throttled_until = account.now + timedelta(minutes=30)
    kills = iter([True] * 5)

    def kills_some_later(invocation: Invocation) -> bool:
        is_apply = invocation.name.startswith("apply")
        return is_apply and account.now > throttled_until and next(kills, False)

    account.kills = kills_some_later
    account.run()
    assert next(kills, None) is None, "not all crashes happened"
    loads.check_all_applied(account, dataset)


def test_a_dataset_whose_publication_is_throttled_for_an_hour_is_published(make_account: MakeAccount) -> None:
    account = make_account()
    dataset = loads.dataset(account)
    loads.submit(account, dataset, loads.adds("f", 4), "rows")
    account.tables.capacity.throttle(dataset_pk(dataset.uid), until=account.now + timedelta(hours=1))
    account.run()
    assert account.failures["publish"] > 5
    loads.check_all_applied(account, dataset)


def test_a_file_whose_progress_is_throttled_for_an_hour_is_read(make_account: MakeAccount) -> None:
    account = make_account()
    dataset = loads.dataset(account)
    loads.submit_file(account, dataset, loads.adds("f", 4), "file")
    account.tables.capacity.throttle(dataset_pk(dataset.uid), until=account.now + timedelta(hours=1))
    account.run()
    assert account.failures["intake"] > 1
    loads.check_all_applied(account, dataset)
