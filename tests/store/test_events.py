"""Announcing versions on the bus: every one, or an error that brings the news again."""

from dataclasses import replace
from typing import Any

import pytest

from tests.faults.world import World
from tests.store.sending import DATASET, PROJECT, add, send, upload
from tidemark.services import datasets
from tidemark.store import events
from tidemark.store.events import EventsRefused, VersionPublished


class Bus:
    """A bus that refuses everything."""

    def put_events(self, **_: Any) -> Any:
        """Refuse."""
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
    world.start_apply(world.windows.groups()[0]).run()
    (uid,) = world.settled.groups()
    world.start_publish(uid, 1).run()
    assert world.events == []


def test_an_event_that_the_bus_did_not_take_is_an_error(world: World) -> None:
    bus: Any = Bus()
    news = VersionPublished(project=PROJECT, dataset=DATASET, uid="uid", version=1, uploads=["u"])
    with pytest.raises(EventsRefused):
        events.announce(replace(world.process(), events=bus), [news])
