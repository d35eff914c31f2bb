"""Many senders at once: every accepted mutation takes effect once, and each sender's own order is kept (R20)."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.stack.client import Dataset, Json
from tests.stack.rows import add, box, modify

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


def test_senders_to_many_frames_lose_and_double_nothing(dataset: Dataset) -> None:
    uploads_each, frames_each = 3, 25

    def rows(sender: int, turn: int) -> list[Json]:
        return [add(f"cam-{sender}-{turn}-{number}", box("a"), turn=turn) for number in range(frames_each)]

    def send_in_turn(sender: int) -> list[str]:
        return [dataset.send(*rows(sender, turn), modify("shared", sender=sender)) for turn in range(uploads_each)]

    dataset.upload(add("shared"))
    with ThreadPoolExecutor(SENDERS) as senders:
        sent = [upload for uploads in senders.map(send_in_turn, range(SENDERS)) for upload in uploads]
    settled = [dataset.settled(upload) for upload in sent]

    assert {(upload["status"], upload["applied"]) for upload in settled} == {("SETTLED", frames_each + 1)}
    frames = dataset.frames()
    assert len(frames) == SENDERS * uploads_each * frames_each + 1
    turns = Counter(frame["metadata"]["turn"] for frame_id, frame in frames.items() if frame_id != "shared")
    assert turns == dict.fromkeys(range(uploads_each), SENDERS * frames_each)
    assert sorted(change["upload"] for change in dataset.history("shared")[1:]) == sorted(sent)
    details = dataset.read()
    assert (details["frames"], details["labels"]) == (len(frames), len(frames) - 1)


def test_versions_of_uploads_sent_at_once_are_dense_and_each_upload_is_in_its_own_and_all_later_ones(
    dataset: Dataset,
) -> None:
    def send(number: int) -> Json:
        return {"frame_id": f"cam-{number}", **dataset.upload(add(f"cam-{number}"))}

    with ThreadPoolExecutor(SENDERS) as senders:
        settled = list(senders.map(send, range(2 * SENDERS)))
    versions = dataset.items("versions")[::-1]
    assert [version["number"] for version in versions] == list(range(1, len(versions) + 1))
    named = [(upload["id"], version["number"]) for version in versions for upload in version["uploads"]]
    assert sorted(named) == sorted((upload["id"], upload["version"]) for upload in settled)
    for number in range(1, len(versions) + 1):
        assert {upload["frame_id"] for upload in settled if upload["version"] <= number} <= set(dataset.frames(number))
