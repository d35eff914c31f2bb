"""Messages that can never be handled end in a dead-letter queue, where an alarm sees them, and others go on."""

from tests.reliability.limits import loads
from tests.reliability.limits.conftest import MakeAccount
from tests.simulation.queues import Message
from tidemark.domain.intake_tasks import ReadFile

FILE_ATTEMPTS, SETTLED_ATTEMPTS = 4, 20
"""Delivery of a message to intake, and to publish, at which it is set aside, as `docs/operations.md` says. The function
reports no failure for that one."""


def test_a_task_that_cannot_be_done_is_set_aside(make_account: MakeAccount) -> None:
    account = make_account()
    dataset = loads.dataset(account)
    task = ReadFile(uid=dataset.uid, upload="unknown", file=0)
    account.send_task(task)
    loads.submit_file(account, dataset, loads.adds("f", 4), "file")
    account.run()
    assert [message.body for message in account.files_dead] == [task.model_dump_json()]
    assert account.failures["intake"] == FILE_ATTEMPTS - 1
    assert loads.upload_of(account, dataset, "file").applied == 4


def test_a_message_that_publish_cannot_read_is_set_aside_and_its_dataset_goes_on(make_account: MakeAccount) -> None:
    account = make_account()
    dataset = loads.dataset(account)
    account.settled.send(Message(dataset.uid, "unreadable", "{}"), account.now)
    account.run()
    assert [message.body for message in account.settled_dead] == ["{}"]
    assert account.failures["publish"] == SETTLED_ATTEMPTS - 1
    loads.submit(account, dataset, loads.adds("f", 4), "rows")
    account.run()
    assert loads.upload_of(account, dataset, "rows").applied == 4
