"""A window that cannot be applied fails alone: after all attempts it is given up, and its shard continues (R21).

No request makes such a window. These tests send a message that intake never writes, or delete a pack.
"""

import pytest

from infra.local.stack import LocalStack
from tests.support.deployed import inside
from tests.support.deployed.client import Caller, Dataset, wait_until
from tests.support.deployed.rows import add, modify
from tidemark.aws.backend import Backend
from tidemark.domain.ids import shard_of

SHARDS = 2
AGAIN_AFTER = 1
"""Seconds between two deliveries of a failing window; see `inside.impatient`."""


@pytest.fixture(scope="module")
def backend(stack: LocalStack) -> Backend:
    return inside.backend_of(stack)


@pytest.fixture
def dataset(admin: Caller) -> Dataset:
    return admin.new_dataset(shards=SHARDS)


def frame_of(shard: int, number: int) -> str:
    """Returns the `number`-th frame id that belongs to a shard."""
    frame_ids = [name for name in (f"cam-{candidate}" for candidate in range(100)) if shard_of(name, SHARDS) == shard]
    return frame_ids[number]


def test_a_message_that_is_no_window_is_set_aside_and_its_shard_goes_on(dataset: Dataset, backend: Backend) -> None:
    dead = inside.dead_letter_queue_of(backend, backend.windows_queue_url)
    before = inside.messages_in(backend, dead)
    uid = dataset.read()["uid"]
    with inside.impatient(backend, backend.windows_queue_url, AGAIN_AFTER):
        inside.put(backend, backend.windows_queue_url, f"{uid}#0", "not a window", f"poison-{uid}")
        upload = dataset.upload(add(frame_of(0, 0)), add(frame_of(1, 0)))
    assert upload["status"] == "SETTLED"
    assert inside.messages_in(backend, dead) == before + 1


def test_a_window_that_is_given_up_though_it_was_applied_stays_applied(dataset: Dataset, backend: Backend) -> None:
    applied = dataset.upload(add(frame_of(0, 0), clicks=1), add(frame_of(1, 0), clicks=1))
    before = dataset.frames()
    dead = inside.dead_letter_queue_of(backend, backend.windows_queue_url)
    kept = inside.messages_in(backend, dead)
    uid = dataset.read()["uid"]
    for window in inside.windows_of(backend, uid, applied["id"]):
        group = f"{uid}#{window.plan.shard}"
        inside.put(backend, dead, group, window.model_dump_json(), f"given-up-{window.id}")
    wait_until(lambda: inside.messages_in(backend, dead) == kept, "the dead letters to be read")
    inside.wait_until_drained(backend)
    assert dataset.read("uploads", applied["id"]) == applied
    assert dataset.frames() == before


def test_a_window_whose_frames_cannot_be_read_fails_alone_and_its_shard_goes_on(
    dataset: Dataset, backend: Backend
) -> None:
    lost, sound, later = frame_of(0, 0), frame_of(1, 0), frame_of(0, 1)
    first = dataset.upload(add(lost, clicks=1))
    (window,) = inside.windows_of(backend, dataset.read()["uid"], first["id"])
    inside.lose_pack(backend, window.pack)

    with inside.impatient(backend, backend.windows_queue_url, AGAIN_AFTER):
        partial = dataset.send(modify(lost, clicks=2), add(sound))
        behind = dataset.send(add(later))
        settled = dataset.settled(partial)
        assert dataset.settled(behind)["status"] == "SETTLED"

    counts = {name: settled[name] for name in ("status", "applied", "dropped", "failed")}
    assert counts == {"status": "PARTIAL", "applied": 1, "dropped": 0, "failed": 1}
    (error,) = dataset.items("uploads", partial, "errors")
    assert (error["row"], error["frame_id"], error["code"], error["outcome"]) == (0, lost, "window_failed", "failed")
    assert [dataset.read("frames", name)["frame"]["frame_id"] for name in (sound, later)] == [sound, later]
    assert dataset.read()["frames"] == 3


def test_a_retry_completes_an_upload_once_the_cause_is_gone(dataset: Dataset, backend: Backend) -> None:
    lost, sound, later = frame_of(0, 0), frame_of(1, 0), frame_of(0, 1)
    first = dataset.upload(add(lost, clicks=1))
    (window,) = inside.windows_of(backend, dataset.read()["uid"], first["id"])
    content = inside.lose_pack(backend, window.pack)
    with inside.impatient(backend, backend.windows_queue_url, AGAIN_AFTER):
        partial = dataset.settled(dataset.send(modify(lost, clicks=2), add(sound)))
        assert (partial["status"], partial["windows_failed"]) == ("PARTIAL", 1)
        dataset.upload(add(later))
        inside.restore_pack(backend, window.pack, content)
        answer = dataset.caller.http.post(dataset.at("uploads", partial["id"], "retry"))
        assert (answer.status_code, answer.json()["status"]) == (202, "PENDING")
        settled = dataset.settled(partial["id"])
    counts = {name: settled[name] for name in ("status", "applied", "failed", "windows_failed", "retries")}
    assert counts == {"status": "SETTLED", "applied": 2, "failed": 0, "windows_failed": 0, "retries": 1}
    assert settled["version"] > partial["version"]
    assert dataset.items("uploads", partial["id"], "errors") == []
    assert dataset.frames()[lost]["metadata"] == {"clicks": 2}
    again = dataset.caller.http.post(dataset.at("uploads", partial["id"], "retry"))
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_retry")
