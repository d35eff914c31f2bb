"""Resolving version names: numbers, checkpoints, times and LATEST (R7, R8)."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.simulation.world import World
from tests.support.uploads import DATASET, PROJECT, add, send, upload
from tidemark.domain.errors import InvalidRequest, NotFound
from tidemark.domain.versions import Version
from tidemark.uploads import follow
from tidemark.versions import resolve


def _get(world: World, version: str) -> Version:
    return resolve.get_version(world.process(), project=PROJECT, dataset=DATASET, version=version)


def test_a_new_dataset_is_at_version_0_and_empty(world: World) -> None:
    assert (_get(world, "LATEST").number, _get(world, "LATEST").frames) == (0, 0)


def test_each_settled_upload_makes_the_next_version(world: World) -> None:
    sent = [upload(world, add(f"f{number}", "l1", "l2")).upload for number in range(3)]
    for number, upload_id in enumerate(sent, start=1):
        version = _get(world, str(number))
        assert [listed.id for listed in version.uploads] == [upload_id]
        assert (version.frames, version.labels) == (number, 2 * number)
    assert _get(world, "LATEST").number == 3


def test_uploads_that_settle_together_share_a_version(world: World) -> None:
    both = {send(world, add("f1")).upload, send(world, add("f2")).upload}
    for group in world.windows.groups():
        world.start_apply(group).run()
    world.drain()
    assert {listed.id for listed in _get(world, "LATEST").uploads} == both
    assert _get(world, "LATEST").number == 1


def test_a_time_names_the_version_that_was_current_then(world: World) -> None:
    for number in range(7):
        upload(world, add(f"f{number}"))
    made = {number: _get(world, str(number)).created_at for number in range(1, 8)}
    for number, at in made.items():
        assert _get(world, at.isoformat()).number == number
        assert _get(world, (at - timedelta(microseconds=1)).isoformat()).number == number - 1
    assert _get(world, "2000-01-01T00:00:00Z").number == 0
    world.now += timedelta(minutes=5)
    assert _get(world, (made[7] + timedelta(minutes=3)).isoformat()).number == 7


@pytest.mark.parametrize("seconds", [-50, 0, 3600])
def test_a_time_up_to_which_versions_may_still_be_published_is_refused(world: World, seconds: int) -> None:
    upload(world, add("f1"))
    world.now += timedelta(minutes=5)
    moment = world.now + timedelta(seconds=seconds)
    with pytest.raises(InvalidRequest, match="a version up to it may still be published") as refusal:
        _get(world, moment.isoformat())
    assert refusal.value.code == "time_not_over"


def test_times_of_versions_grow_though_a_clock_steps_back(world: World) -> None:
    upload(world, add("f1"))
    world.now = datetime(2020, 1, 1, tzinfo=UTC)
    upload(world, add("f2"))
    assert _get(world, "2").created_at > _get(world, "1").created_at


def test_a_time_that_named_a_version_names_it_for_ever_though_a_clock_stands_still(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "tick", lambda: world.now)
    upload(world, add("f1"))
    moment = _get(world, "1").created_at.isoformat()
    for frame_id in ("f2", "f3"):
        upload(world, add(frame_id))
        assert _get(world, moment).number == 1


def test_a_version_tells_who_sent_its_uploads_and_when_they_were_accepted(world: World) -> None:
    sent = upload(world, add("f1"), actor="bob").upload
    record = follow.get_upload(world.process(), project=PROJECT, dataset=DATASET, upload=sent)
    (listed,) = _get(world, "1").uploads
    assert (listed.id, listed.actor, listed.accepted_at) == (sent, "bob", record.accepted_at)


@pytest.mark.parametrize("version", ["2", "999999999999", "9" * 400])
def test_a_number_that_is_not_there_is_not_found_and_the_latest_is_named(world: World, version: str) -> None:
    upload(world, add("f1"))
    with pytest.raises(NotFound, match="its latest is 1"):
        _get(world, version)


@pytest.mark.parametrize(
    "version",
    [
        "the newest",
        "-1",
        "1.5",
        "",
        "٣",
        "latest",
        "2026-13-01T00:00:00Z",
        "2026-02-30",
        "0001-01-01T00:00:00+14:00",
        "\x00",
    ],
)
def test_what_names_no_version_is_refused(world: World, version: str) -> None:
    with pytest.raises(InvalidRequest, match="names no version"):
        _get(world, version)


def test_a_time_without_a_zone_is_refused(world: World) -> None:
    with pytest.raises(InvalidRequest, match="has no zone"):
        _get(world, "2026-01-01T00:00:00")


@pytest.mark.parametrize("version", ["2026-11-21", "2026-11-21Z", "2026-11-21+01:00"])
def test_a_date_is_told_to_be_one(world: World, version: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        _get(world, version)
    assert refusal.value.message == f"'{version}' is a date; give a time such as 2026-11-21T00:00:00Z."


def test_versions_are_listed_newest_first_in_pages(world: World) -> None:
    for number in range(5):
        upload(world, add(f"f{number}"))
    seen: list[int] = []
    cursor = None
    while True:
        page = resolve.list_versions(world.process(), project=PROJECT, dataset=DATASET, limit=2, cursor=cursor)
        assert len(page.items) <= 2
        seen.extend(version.number for version in page.items)
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [5, 4, 3, 2, 1]
