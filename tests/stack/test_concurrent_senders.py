"""Of many senders to one frame at once, each one's order is kept (R20). `test_soak` has senders to many frames."""

from concurrent.futures import ThreadPoolExecutor

from tests.support.deployed.client import Dataset
from tests.support.deployed.rows import add, modify

SENDERS = 8


def test_senders_to_one_frame_are_all_in_its_history_each_in_its_order(dataset: Dataset) -> None:
    steps = 6
    dataset.upload(add("cam-1"))

    def send_in_turn(sender: int) -> list[str]:
        return [dataset.send(modify("cam-1", sender=sender, **{f"step_{sender}": step})) for step in range(steps)]

    with ThreadPoolExecutor(SENDERS) as senders:
        sent = list(senders.map(send_in_turn, range(SENDERS)))
    for upload in (upload for uploads in sent for upload in uploads):
        assert dataset.settled(upload)["applied"] == 1

    _, *changes = dataset.history("cam-1")
    applied = [change["upload"] for change in changes]
    assert [[upload for upload in applied if upload in uploads] for uploads in sent] == sent
    assert len(applied) == SENDERS * steps
    last = next(sender for sender, uploads in enumerate(sent) if applied[-1] in uploads)
    expected = {"sender": last, **{f"step_{sender}": steps - 1 for sender in range(SENDERS)}}
    assert dataset.read("frames", "cam-1")["frame"]["metadata"] == expected
