"""Publishing: complete uploads become versions with events, despite races and lost messages."""

import pytest

from tests.simulation.world import World
from tests.support.uploads import DATASET, PROJECT, add, content, get_upload, lines, send, start_files
from tidemark.aws.table import ConditionFailed
from tidemark.catalog import dataset_records
from tidemark.domain.errors import Unavailable
from tidemark.domain.intake_tasks import ReadFile
from tidemark.domain.uploads import Upload, UploadStatus
from tidemark.domain.windows import CheckUpload, ChunkSettled, PublishMessage
from tidemark.uploads import follow
from tidemark.versions import publish
from tidemark.versions import records as version_records


@pytest.fixture
def applied(world: World) -> World:
    """An upload whose only window is applied, but not published."""
    send(world, add("f1"))
    world.start_apply(*world.windows.groups()).run()
    return world


def only_upload(world: World) -> Upload:
    (upload,) = follow.list_uploads(world.process(), project=PROJECT, dataset=DATASET, limit=10, cursor=None).items
    return upload


def test_a_version_whose_announcement_was_lost_is_announced_by_the_repeat(applied: World) -> None:
    (uid,) = applied.settled.groups()
    lost = applied.start_publish(uid, 1)
    lost.run_to("events.PutEvents")
    lost.crash(after=False)
    assert applied.events == []
    applied.drain()
    assert [event["version"] for event in applied.announced("version published")] == [1]
    assert only_upload(applied).version == 1


def test_a_version_is_announced_with_all_of_its_uploads_though_its_messages_come_back_apart(world: World) -> None:
    sent = {send(world, add(frame_id)).upload for frame_id in ("f1", "f2")}
    for group in world.windows.groups():
        while world.windows.waiting[group]:
            world.start_apply(group).run()
    (uid,) = world.settled.groups()
    lost = world.start_publish(uid, 2)
    lost.run_to("events.PutEvents")
    lost.crash(after=False)
    for _ in range(2):
        world.start_publish(uid, 1).run()
    events = world.announced("version published")
    assert [(event["version"], set(event["uploads"])) for event in events] == [(1, sent)] * 2


def test_a_version_that_is_published_and_announced_at_once_is_not_read_again(applied: World) -> None:
    (uid,) = applied.settled.groups()
    calls = applied.start_publish(uid, 1).run().calls
    assert calls[calls.index("dynamodb.TransactWriteItems") :] == [
        "dynamodb.TransactWriteItems",
        "events.PutEvents",
    ]


def test_a_version_contains_all_windows_of_an_upload_that_another_invocation_settled_meanwhile(world: World) -> None:
    uid = dataset_records.get(world.process(), PROJECT, DATASET).uid
    sent = start_files(world, lines(*(add(f"f{number}") for number in range(20))), b"")
    first, second = sorted(world.tasks, key=lambda task: task.file if isinstance(task, ReadFile) else 0)
    assert world.start_task(first).run().error is None
    late = world.republish(list(world.settled.waiting[uid]))
    late.run_to("dynamodb.BatchGetItem").step()
    while world.windows.groups():
        world.start_apply(world.windows.groups()[0]).run()
    assert world.start_publish(uid, 10).run().error is None
    assert world.start_task(second).run().error is None
    late.run()
    world.drain()
    after = get_upload(world, sent)
    assert (after.status, after.applied, after.version) == (UploadStatus.PARTIAL, 20, 1)
    assert len(content(world)) == 20


def test_messages_about_a_purged_dataset_are_ignored(world: World) -> None:
    uid = "0" * 16
    about: list[PublishMessage] = [
        ChunkSettled(dataset=uid, upload="u", chunk=""),
        CheckUpload(dataset=uid, upload="u", since="file-0"),
    ]
    assert publish.publish(world.process(), uid, about) == []


def test_a_publication_that_others_outrun_again_and_again_is_left_for_later(
    applied: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def refuse(*_: object) -> None:
        tries.append(1)
        raise ConditionFailed([True])

    (uid,) = applied.settled.groups()
    with monkeypatch.context() as outrun:
        outrun.setattr(version_records, "publish", refuse)
        assert isinstance(applied.start_publish(uid, 1).run().error, Unavailable)
    assert (len(tries), applied.events, only_upload(applied).status) == (publish.MAX_ATTEMPTS, [], UploadStatus.PENDING)
    applied.drain()
    assert only_upload(applied).status is UploadStatus.SETTLED
