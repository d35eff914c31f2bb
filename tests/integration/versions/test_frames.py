"""Reading frames as of a version."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pytest

from tests.simulation.invocation import Invocation
from tests.simulation.world import World
from tests.support.uploads import DATASET, PROJECT, add, delete, modify, upload
from tidemark.datasets import datasets
from tidemark.domain.errors import InvalidRequest, NotFound
from tidemark.shards import frame_versions
from tidemark.versions import frames, page_size
from tidemark.versions.frames import FrameAt, FramePage

R = TypeVar("R")


def _get(world: World, frame_id: str, version: str = "LATEST") -> FrameAt:
    return frames.get_frame(world.process(), project=PROJECT, dataset=DATASET, frame_id=frame_id, version=version)


def _list(world: World, *, limit: int, version: str = "LATEST", cursor: str | None = None) -> FramePage:
    return frames.list_frames(
        world.process(), project=PROJECT, dataset=DATASET, version=version, limit=limit, cursor=cursor
    )


def _content(frame: FrameAt) -> Any:
    return json.loads(frame.frame)


def test_a_frame_reads_as_it_was_at_each_version(world: World) -> None:
    for city in ("Oslo", "Rome", "Lima"):
        upload(world, add("f1", "l1", city=city))
    assert [_content(_get(world, "f1", str(number)))["metadata"]["city"] for number in (1, 2, 3)] == [
        "Oslo",
        "Rome",
        "Lima",
    ]


def test_a_deleted_frame_is_gone_from_later_versions_only(world: World) -> None:
    upload(world, add("f1"))
    upload(world, delete("f1"))
    assert _content(_get(world, "f1", "1"))["frame_id"] == "f1"
    with pytest.raises(NotFound, match="Version 2 of dataset 'train' has no frame 'f1'"):
        _get(world, "f1", "2")


def test_equal_frames_have_equal_digests_however_they_came_to_be(world: World) -> None:
    upload(world, add("f1", "l1", city="Oslo"))
    upload(world, modify("f1", metadata={"city": "Rome"}))
    first = _get(world, "f1").digest
    upload(world, add("f1", "l1", city="Rome"))
    assert _get(world, "f1").digest == first


def test_pages_hold_every_frame_once(world: World) -> None:
    names = {f"frame {number}" for number in range(23)}
    upload(world, *(add(name) for name in names))
    for limit in (1, 5, 23, 100):
        seen: list[str] = []
        cursor = None
        while True:
            page = _list(world, limit=limit, cursor=cursor)
            assert len(page.items) <= limit
            seen.extend(_content(item)["frame_id"] for item in page.items)
            cursor = page.cursor
            if cursor is None:
                break
        assert len(seen) == len(names)
        assert set(seen) == names


def _pages(world: World, *, limit: int, version: str = "LATEST") -> list[FramePage]:
    pages = [_list(world, limit=limit, version=version)]
    while pages[-1].cursor is not None:
        pages.append(_list(world, limit=limit, cursor=pages[-1].cursor))
    return pages


def _counted(operation: Callable[[], R]) -> tuple[R, int]:
    """Returns an operation's result and the number of queries that it made."""
    invocation = Invocation("read", operation).run()
    assert invocation.error is None
    return invocation.result, invocation.calls.count("dynamodb.Query")


@pytest.mark.parametrize("first_read", [1, 2, 5])
@pytest.mark.parametrize("limit", [1, 3, 50])
def test_pages_hold_every_frame_once_however_they_are_read(
    world: World, monkeypatch: pytest.MonkeyPatch, first_read: int, limit: int
) -> None:
    monkeypatch.setattr(frame_versions, "FIRST_QUERY_ITEMS", first_read)
    names = [f"f{number}" for number in range(12)]
    upload(world, *map(add, names[:6]))
    upload(world, *map(delete, names[:3]), *map(add, names[4:9]))
    for _ in range(4):
        upload(world, add("f0"), add("f5"), add("f5x"))
    upload(world, *map(add, names), delete("f5x"))
    for version in map(str, range(1, 8)):
        alive = [name for name in [*names, "f5x"] if _is_there(world, name, version)]
        read = [
            _content(item)["frame_id"] for page in _pages(world, limit=limit, version=version) for item in page.items
        ]
        assert sorted(read) == sorted(alive)


def _is_there(world: World, frame_id: str, version: str) -> bool:
    try:
        _get(world, frame_id, version)
    except NotFound:
        return False
    return True


def test_a_page_of_an_old_version_costs_no_more_than_a_few_queries_whatever_came_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_versions, "FIRST_QUERY_ITEMS", 1)
    upload(world, add("zzz"))
    upload(world, *(add(f"frame {number}") for number in range(500)))
    page, queries = _counted(partial(_list, world, limit=1, version="1"))
    items = page.items
    while page.cursor is not None:
        assert queries <= len(frame_versions.QUERY_GROWTH)
        page, queries = _counted(partial(_list, world, limit=1, cursor=page.cursor))
        items += page.items
    assert [_content(item)["frame_id"] for item in items] == ["zzz"]


def test_a_frame_of_very_many_versions_is_listed_by_a_few_queries(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_versions, "FIRST_QUERY_ITEMS", 1)
    for _ in range(12):
        upload(world, add("f1"))
    _, queries = _counted(partial(_list, world, limit=1))
    assert queries <= 3


def test_a_list_reads_each_shard_but_once_more_than_its_pages(world: World) -> None:
    upload(world, *(add(f"frame {number}") for number in range(20)))
    pages, queries = _counted(partial(_pages, world, limit=2))
    assert queries <= len(pages) + 4


def test_a_cursor_stays_with_its_version_while_writers_go_on(world: World) -> None:
    upload(world, *(add(f"f{number}") for number in range(6)))
    first = _list(world, limit=3)
    upload(world, *(delete(f"f{number}") for number in range(6)))
    second = _list(world, limit=3, cursor=first.cursor)
    assert second.version == 1
    assert len({_content(item)["frame_id"] for item in (*first.items, *second.items)}) == 6


def test_a_cursor_is_refused_for_another_version(world: World) -> None:
    upload(world, add("f1"), add("f2"))
    upload(world, add("f3"))
    cursor = _list(world, limit=1, version="1").cursor
    with pytest.raises(InvalidRequest, match="continues version 1"):
        _list(world, limit=1, version="2", cursor=cursor)


def test_a_cursor_of_another_dataset_is_refused(world: World) -> None:
    datasets.create_dataset(world.process(), project=PROJECT, name="other", description="", shards=4, actor="admin")
    upload(world, add("f1"), add("f2"), dataset="other")
    cursor = frames.list_frames(
        world.process(), project=PROJECT, dataset="other", version="LATEST", limit=1, cursor=None
    ).cursor
    with pytest.raises(InvalidRequest) as refusal:
        _list(world, limit=1, cursor=cursor)
    assert refusal.value.code == "foreign_cursor"


def test_a_batch_tells_which_frames_are_missing(world: World) -> None:
    upload(world, add("f1"), add("f2"))
    batch = frames.batch_get(
        world.process(), project=PROJECT, dataset=DATASET, frame_ids=["f2", "f9", "f1", "f2"], version="1"
    )
    assert [_content(item)["frame_id"] for item in batch.items] == ["f2", "f1"]
    assert batch.missing == ["f9"]


def test_frames_that_do_not_fit_an_answer_are_left_for_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(world, *(add(f"f{number}") for number in range(4)))
    monkeypatch.setattr(page_size, "MAX_PAGE_BYTES", 40)
    batch = frames.batch_get(
        world.process(), project=PROJECT, dataset=DATASET, frame_ids=[f"f{n}" for n in range(4)], version="1"
    )
    assert batch.items
    assert {_content(item)["frame_id"] for item in batch.items} | set(batch.unread) == {f"f{n}" for n in range(4)}
    assert batch.unread
    page = _list(world, limit=4)
    assert 0 < len(page.items) < 4
    assert page.cursor is not None


@pytest.mark.parametrize("frame_id", ["a", "a b", "a!", "a$", "a.b", "ä", "雪", "z" * 128, "~", "é" * 60])
def test_ids_that_sort_around_the_separator_are_kept_apart(world: World, frame_id: str) -> None:
    upload(world, add(frame_id), add("a-neighbour"), add("a$$"))
    assert _content(_get(world, frame_id))["frame_id"] == frame_id
    assert {_content(item)["frame_id"] for item in _list(world, limit=10).items} == {frame_id, "a-neighbour", "a$$"}
