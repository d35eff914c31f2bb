"""Of a batch, only the messages that failed are redelivered, with those that must follow them."""

import json
from typing import Any

import pytest

from functions.apply import handler as apply
from functions.dead_letter import handler as dead_letter
from functions.publish import handler as publish
from tests.integration.functions.conftest import failures
from tests.simulation.queues import Message
from tests.simulation.world import World
from tidemark.aws import queues
from tidemark.datasets import datasets
from tidemark.domain.ids import shard_of
from tidemark.domain.uploads import UploadStatus
from tidemark.ingest.requests import submit
from tidemark.uploads import follow


def send(world: World, frame_ids: str, dataset: str = "train") -> str:
    rows = [{"op": "ADD", "frame": {"frame_id": frame_id}} for frame_id in frame_ids]
    body = json.dumps({"mutations": rows}).encode()
    where: Any = {"project": "birds", "dataset": dataset}
    return submit(world.process(), **where, body=body, actor="ann", idempotency_key=None).upload


def status(world: World, upload: str, dataset: str = "train") -> UploadStatus:
    return follow.get_upload(world.process(), project="birds", dataset=dataset, upload=upload).status


def waiting(queue: Any) -> list[Message]:
    return [message for group in queue.groups() for message in queue.waiting[group]]


def poison(group: str) -> Message:
    return Message(group, "poison", "not a window")


def unreachable(*_: object) -> None:
    raise ConnectionError


def test_a_shard_stops_at_its_first_failure_and_the_others_go_on(world: World) -> None:
    first, second = "a", next(frame for frame in "bcdefgh" if shard_of(frame, 2) != shard_of("a", 2))
    send(world, first)
    send(world, second)
    good, behind = waiting(world.windows)
    assert failures(apply, [poison(behind.group), good, behind]) == ["poison", behind.deduplication_id]
    assert [message.deduplication_id for message in waiting(world.settled)] == [good.deduplication_id]


def test_windows_before_a_failure_of_their_shard_have_settled(world: World) -> None:
    send(world, "a")
    (window,) = waiting(world.windows)
    assert failures(apply, [window, poison(window.group)]) == ["poison"]
    assert [message.deduplication_id for message in waiting(world.settled)] == [window.deduplication_id]


def test_a_batch_whose_news_cannot_be_sent_comes_back_and_settles_then(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(world, "abcdefgh")
    batch = waiting(world.windows)
    with monkeypatch.context() as offline:
        offline.setattr(queues, "send_settled", unreachable)
        # The other windows are in their chunk's tally, and have nothing to send.
        assert failures(apply, batch) == [batch[-1].deduplication_id]
    assert failures(apply, batch[-1:]) == []
    assert len(waiting(world.settled)) == 1


def test_a_dataset_whose_publication_fails_comes_back_whole_and_the_others_are_published(world: World) -> None:
    datasets.create_dataset(world.process(), project="birds", name="test", description="", shards=1, actor="admin")
    published, stuck = send(world, "a", "test"), send(world, "abcdefgh")
    failures(apply, waiting(world.windows))
    messages = waiting(world.settled)
    unreadable = next(message.group for message in messages if stuck in message.body)
    batch = [Message(unreadable, "poison", "not a message to publish"), *messages]
    expected = {message.deduplication_id for message in batch if message.group == unreadable}
    assert set(failures(publish, batch)) == expected
    assert status(world, published, "test") is UploadStatus.SETTLED
    assert status(world, stuck) is UploadStatus.PENDING


def test_the_windows_of_an_upload_that_settle_in_one_batch_make_one_version(world: World) -> None:
    upload = send(world, "abcdefgh")
    failures(apply, waiting(world.windows))
    assert failures(publish, waiting(world.settled)) == []
    assert status(world, upload) is UploadStatus.SETTLED
    assert [event["version"] for event in world.announced("version published")] == [1]


def test_a_window_that_is_given_up_lets_its_upload_settle(world: World) -> None:
    upload = send(world, "a")
    assert failures(dead_letter, waiting(world.windows)) == []
    failures(publish, waiting(world.settled))
    assert status(world, upload) is UploadStatus.FAILED


def test_a_dead_letter_that_is_no_window_stays_where_it_is(world: World) -> None:
    send(world, "a")
    assert failures(dead_letter, [*waiting(world.windows), poison("elsewhere")]) == ["poison"]
