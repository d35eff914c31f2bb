"""Rollbacks and clones on the deployed stack, while writers continue (R10, R32, R33)."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from tests.support.deployed.client import Dataset, Json
from tests.support.deployed.rows import add, box, delete, modify

FRAMES = 200


def begin(dataset: Dataset, what: str, body: Json) -> Json:
    """Starts a rollback or a clone and returns the response."""
    answer = dataset.caller.http.post(dataset.at(what), json=body)
    assert answer.status_code == 202, answer.text
    started: Json = answer.json()
    return started


def changed(dataset: Dataset) -> None:
    """Brings a dataset to version 2: frames are added, then some relabelled, some deleted and some added."""
    frames = [f"cam-{number:04}" for number in range(FRAMES)]
    dataset.upload(*(add(frame, box("a"), turn=0) for frame in frames))
    rows = [modify(frame, box("a", "tram"), turn=1) for frame in frames[::3]]
    dataset.upload(*rows, *(delete(frame) for frame in frames[1::3]), *(add(f"new-{number}") for number in range(20)))


def test_a_dataset_is_rolled_back_and_forth(dataset: Dataset) -> None:
    changed(dataset)
    back = dataset.settled(begin(dataset, "rollbacks", {"version": "1", "message": "wrong labels"})["id"])
    assert (back["status"], back["version"], back["message"]) == ("SETTLED", 3, "wrong labels")
    assert dataset.frames(3) == dataset.frames(1)
    forth = dataset.settled(begin(dataset, "rollbacks", {"version": "2"})["id"])
    assert dataset.frames(forth["version"]) == dataset.frames(2)


def test_changes_that_stream_in_come_before_a_roll_back_or_after_it_and_none_is_lost(dataset: Dataset) -> None:
    """Each frame is as in the version, or as one of the streamed changes has left it."""
    changed(dataset)
    wanted = dataset.frames(1)
    ended = Event()

    def stream() -> dict[str, set[int]]:
        sent: dict[str, set[int]] = {}
        for turn in range(1000):
            if ended.is_set():
                break
            frame = f"cam-{turn % FRAMES:04}"
            sent.setdefault(frame, set()).add(1000 + turn)
            assert dataset.upload(add(frame, turn=1000 + turn))["applied"] == 1
        return sent

    with ThreadPoolExecutor(1) as pool:
        streaming = pool.submit(stream)
        back = dataset.settled(begin(dataset, "rollbacks", {"version": "1"})["id"])
        ended.set()
        sent = streaming.result()
    assert back["status"] == "SETTLED"
    after = dataset.frames()
    assert after.keys() == wanted.keys()
    for frame_id, frame in after.items():
        if frame != wanted[frame_id]:
            assert frame["metadata"]["turn"] in sent[frame_id]


def test_a_clone_of_a_clone_of_a_rolled_back_dataset_reads_right(dataset: Dataset) -> None:
    changed(dataset)
    dataset.settled(begin(dataset, "rollbacks", {"version": "1"})["id"])
    first = cloned(dataset, {"name": "first"})
    first.upload(add("more"))
    second = cloned(first, {"name": "second"})
    assert second.frames() == {**dataset.frames(1), "more": first.frames()["more"]}


def cloned(dataset: Dataset, body: Json) -> Dataset:
    """Clones a dataset, waits until the clone has all its frames, and returns it."""
    started = begin(dataset, "clones", body)
    clone = Dataset(dataset.caller, dataset.project, started["dataset"]["name"])
    assert clone.settled(started["upload"]["id"])["status"] == "SETTLED"
    return clone
