"""Many invocations that write to one upload at once: none of them fails because of the others."""

import pytest

from tests.reliability.faults import invariants, model, requests
from tests.reliability.limits import loads
from tests.reliability.limits.conftest import MakeAccount
from tidemark.domain.uploads import UploadStatus
from tidemark.ingest import file_reader
from tidemark.transfers import workflow

FILES = 20
SEEDS = range(2)


@pytest.mark.parametrize("seed", SEEDS)
def test_files_of_one_upload_that_are_read_at_once_fail_no_delivery(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 2)
    account = make_account(seed)
    account.tables.conflicts = True
    dataset = loads.dataset(account, shards=4)
    files = [loads.adds(f"file-{number}", 12) for number in range(FILES)]
    upload = loads.submit_files(account, dataset, files, "files")
    account.run()
    assert account.failures == {}, account.errors[:3]
    record = loads.upload(account, dataset, upload)
    assert (record.status, record.applied, record.failed) == (UploadStatus.SETTLED, FILES * 12, 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_shards_of_one_roll_back_that_are_read_at_once_fail_no_step(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(workflow, "MAX_CHUNK_ROWS", 1)
    account = make_account(seed)
    dataset = loads.dataset(account, shards=16)
    loads.submit(account, dataset, loads.adds("f", 96), "first")
    account.run()
    loads.submit(account, dataset, [loads.modify(f"f-{number}") for number in range(96)], "second")
    account.run()
    account.tables.conflicts = True
    requests.start_rollback(account, dataset, 1, "back").run()
    account.run()
    assert account.failures == {}, account.errors[:3]
    invariants.check(account, dataset)
    invariants.check_all_settled(account, dataset)
    assert dataset.snapshots[model.latest(account, dataset)] == dataset.snapshots[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_shards_of_one_clone_that_are_read_at_once_fail_no_step(
    make_account: MakeAccount, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(workflow, "MAX_CHUNK_ROWS", 1)
    account = make_account(seed)
    dataset = loads.dataset(account, shards=16)
    loads.submit(account, dataset, loads.adds("f", 96), "first")
    account.run()
    invariants.check(account, dataset)
    account.tables.conflicts = True
    requests.start_clone(account, dataset, 1, "copy").run()
    account.run()
    assert account.failures == {}, account.errors[:3]
    copy = requests.find_clone(account, dataset, 1, "copy")
    assert copy is not None
    invariants.check(account, copy)
    invariants.check_all_settled(account, copy)
    assert len(copy.snapshots[1]) == 96
