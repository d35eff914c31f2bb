"""Windows that cannot be applied for a reason of their own are given up, and their shards go on without them."""

from tests.reliability.faults import invariants
from tests.reliability.limits import loads
from tests.reliability.limits.conftest import MakeAccount
from tests.simulation.account import Account
from tests.simulation.invocation import Invocation
from tidemark.domain.uploads import UploadStatus
from tidemark.domain.windows import Window

ATTEMPTS = 10
"""Attempts at a window before it is given up, as `docs/operations.md` says."""


def _corrupt(account: Account, upload: str) -> None:
    """Overwrites the payload of the only row of an upload."""
    (message,) = [message for group in account.windows.taken.values() for message in group if upload in message.body]
    window = Window.model_validate_json(message.body)
    (row,) = window.plan.rows
    backend = account.process()
    key = f"packs/{window.pack}"
    pack = backend.s3.get_object(Bucket=backend.bucket, Key=key)["Body"].read()
    corrupt = pack[: row.offset] + b"x" * row.length + pack[row.offset + row.length :]
    backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=corrupt)


def _attempts(account: Account, upload: str) -> int:
    return sum(delivery.function == "apply" and upload in delivery.ids[0] for delivery in account.deliveries)


def test_a_window_whose_pack_is_corrupt_is_given_up_and_its_shard_goes_on(make_account: MakeAccount) -> None:
    account = make_account()
    dataset = loads.dataset(account)
    loads.submit(account, dataset, loads.adds("f", 2), "first")
    account.run()
    loads.submit(account, dataset, [loads.modify("f-0")], "corrupt")
    _corrupt(account, loads.upload_of(account, dataset, "corrupt").id)
    loads.submit(account, dataset, loads.adds("g", 2), "third")
    account.run()
    upload = loads.upload_of(account, dataset, "corrupt")
    assert (upload.status, upload.failed) == (UploadStatus.FAILED, 1)
    assert ATTEMPTS <= _attempts(account, upload.id) <= ATTEMPTS + 1
    assert loads.upload_of(account, dataset, "third").applied == 2
    invariants.check(account, dataset)
    invariants.check_all_settled(account, dataset)


def test_a_window_that_kills_its_function_is_given_up_and_its_shard_goes_on(make_account: MakeAccount) -> None:
    account = make_account()
    dataset = loads.dataset(account)
    loads.submit(account, dataset, loads.adds("f", 2), "deadly")
    loads.submit(account, dataset, loads.adds("g", 2), "next")
    deadly = loads.upload_of(account, dataset, "deadly").id

    def is_deadly(invocation: Invocation) -> bool:
        in_transaction = invocation.calls[-1:] == ["dynamodb.TransactWriteItems"]
        return invocation.name.startswith("apply") and deadly in invocation.name and in_transaction

    account.kills = is_deadly
    account.run()
    upload = loads.upload_of(account, dataset, "deadly")
    assert (upload.status, upload.failed) == (UploadStatus.FAILED, 2)
    assert ATTEMPTS <= _attempts(account, upload.id) <= ATTEMPTS + 1
    assert loads.upload_of(account, dataset, "next").applied == 2
    invariants.check(account, dataset)
    invariants.check_all_settled(account, dataset)
