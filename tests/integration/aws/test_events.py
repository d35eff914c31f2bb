"""Publishing events for versions and uploads: all of them, or an error that gets the message redelivered."""

from dataclasses import replace
from typing import Any

import pytest

from tests.simulation.world import World
from tests.support.uploads import DATASET, PROJECT, add, lines, modify, send, upload, upload_files
from tidemark.aws import events
from tidemark.aws.events import EventsRefused, VersionPublished
from tidemark.datasets import datasets
from tidemark.recovery import retry
from tidemark.uploads import follow


class Bus:
    """An event bus that refuses every event."""

    def put_events(self, **_: Any) -> Any:
        """Refuses all entries."""
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}


def test_a_version_is_announced_with_its_dataset_and_its_uploads(world: World) -> None:
    sent = upload(world, add("f1")).upload
    uid = datasets.get_dataset(world.process(), PROJECT, DATASET).uid
    assert world.announced("version published") == [
        {"project": PROJECT, "dataset": DATASET, "uid": uid, "version": 1, "uploads": [sent]},
    ]


def test_an_upload_of_rejected_rows_is_no_version_to_announce(world: World) -> None:
    upload(world, add(""))
    assert world.events == []


def test_an_upload_that_has_not_settled_is_not_announced(world: World) -> None:
    send(world, *(add(f"f{number}") for number in range(8)))
    first, *others = world.windows.groups()
    world.start_apply(first).run()
    for message in [world.first_window(group) for group in others]:
        world.windows.delete(message)
    world.drain()
    assert world.events == []


def test_an_event_that_the_bus_did_not_take_is_an_error(world: World) -> None:
    bus: Any = Bus()
    event = VersionPublished(project=PROJECT, dataset=DATASET, uid="uid", version=1, uploads=["u"])
    with pytest.raises(EventsRefused):
        events.announce(replace(world.process(), events=bus), [event])


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([add("f1")], "upload settled"),
        ([add("f1"), add("")], "upload partial"),
        ([modify("f1", labels=[{"id": "l9"}])], "upload failed"),
    ],
)
def test_an_upload_that_settles_is_announced_with_what_became_of_it(
    world: World, rows: list[dict[str, Any]], kind: str
) -> None:
    upload(world, add("f1"))
    world.events.clear()
    sent = upload(world, *rows).upload
    settled = follow.get_upload(world.process(), project=PROJECT, dataset=DATASET, upload=sent)
    (details,) = world.announced(kind)
    assert details.pop("uid") == datasets.get_dataset(world.process(), PROJECT, DATASET).uid
    assert details.pop("upload") == sent
    assert details == {name: value for name, value in settled.model_dump(mode="json").items() if name in details}
    assert details["status"] == settled.status


def test_an_upload_of_files_is_announced_once_it_has_settled(world: World) -> None:
    done = upload_files(world, lines(add("f1")), lines(add("f2")))
    details = world.announced("upload settled")
    assert {(event["upload"], event["applied"], event["source"]) for event in details} == {(done.id, 2, "FILES")}


def test_an_upload_whose_announcement_was_lost_is_announced_by_the_repeat(world: World) -> None:
    receipt = send(world, add("f1"))
    world.start_apply(world.windows.groups()[0]).run()
    (uid,) = world.settled.groups()
    lost = world.start_publish(uid, 1)
    lost.run_to("events.PutEvents")
    lost.crash(after=False)
    assert world.events == []
    world.drain()
    assert [event["upload"] for event in world.announced("upload settled")] == [receipt.upload]


def test_a_version_is_announced_though_its_upload_is_retried_before_its_announcement_is_repeated(
    world: World,
) -> None:
    sent_id = send(world, add("f1"), add("")).upload
    world.bury(world.first_window(world.windows.groups()[0]))
    assert world.start_give_up(world.dead[0]).run().error is None
    (uid,) = world.settled.groups()
    publication = world.start_publish(uid, 10)
    publication.run_to("events.PutEvents")
    publication.crash(after=False)
    retry.retry(world.process(), project=PROJECT, dataset=DATASET, upload=sent_id)
    world.drain()
    assert {details["version"] for details in world.announced("version published")} == {1, 2}
