"""Diffs between two versions of a dataset (R11)."""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tests.simulation.invocation import Invocation
from tests.simulation.world import World
from tests.support.diffs import diff, page, pages, summary, totals
from tests.support.uploads import DATASET, PROJECT, add, delete, modify, upload, where
from tidemark.catalog import dataset_records
from tidemark.checkpoints import checkpoints
from tidemark.datasets import datasets
from tidemark.domain.diffs import ChangeCounts
from tidemark.domain.errors import InvalidRequest, NotFound
from tidemark.domain.pages import encode_cursor
from tidemark.versions import changed_frames, frames, page_size

HERON = {"id": "l1", "type": "CLASSIFICATION_2D", "class": "heron"}
STORK = {**HERON, "class": "stork"}


def kinds(world: World, before: int | str, after: int | str) -> dict[str, str]:
    return {item.frame_id: item.change for item in diff(world, before, after)}


def digest(world: World, frame_id: str, version: int) -> str:
    return frames.get_frame(
        world.process(), project=PROJECT, dataset=DATASET, frame_id=frame_id, version=str(version)
    ).digest


def calls_of(operation: Callable[[], Any]) -> list[str]:
    """Returns the AWS requests that an operation makes."""
    invocation = Invocation("read", operation).run()
    assert invocation.error is None
    return invocation.calls


# Content


def test_frames_are_told_that_were_added_removed_and_modified(world: World) -> None:
    upload(world, add("stays"), add("goes"), add("changes", turn=1))
    upload(world, add("comes"), delete("goes"), modify("changes", metadata={"turn": 2}))
    assert kinds(world, 1, 2) == {"comes": "added", "goes": "removed", "changes": "modified"}


def test_a_frame_that_differs_is_told_with_its_digests_and_what_changed(world: World) -> None:
    upload(world, add("f1", "l1", turn=1))
    upload(world, modify("f1", metadata={"turn": 2}, labels=[{"id": "l1", "class": "stork"}]))
    (item,) = diff(world, 1, 2)
    assert (item.digest.before, item.digest.after) == (digest(world, "f1", 1), digest(world, "f1", 2))
    assert (item.metadata["turn"].before, item.metadata["turn"].after) == (1, 2)
    (label,) = item.labels.modified
    assert (label.fields, label.before, label.after) == (("class",), HERON, STORK)


def test_a_frame_that_was_added_or_removed_is_told_whole(world: World) -> None:
    upload(world, add("f1", "l1", turn=1))
    (added,), (removed,) = diff(world, 0, 1), diff(world, 1, 0)
    assert (added.digest.before, removed.digest.after) == (None, None)
    assert (added.labels.added, removed.labels.removed) == ((HERON,), (HERON,))
    assert (added.metadata["turn"].after, removed.metadata["turn"].before) == (1, 1)


def test_a_frame_that_came_and_went_is_no_change(world: World) -> None:
    upload(world, add("stays"))
    upload(world, add("f1"))
    upload(world, delete("f1"))
    assert kinds(world, 1, 3) == {}


def test_a_frame_that_is_again_what_it_was_is_no_change(world: World) -> None:
    for turn in (1, 2, 1):
        upload(world, add("f1", turn=turn))
    assert kinds(world, 1, 3) == {}
    assert kinds(world, 1, 2) == {"f1": "modified"}


def test_what_came_after_both_versions_is_not_told(world: World) -> None:
    for turn in range(3):
        upload(world, add("f1", turn=turn), add(f"f1-{turn}"))
    (item,) = [item for item in diff(world, 1, 2) if item.frame_id == "f1"]
    assert item.metadata["turn"].after == 1
    assert kinds(world, 1, 2) == {"f1": "modified", "f1-1": "added"}


def test_frames_of_a_shard_are_in_the_order_in_which_they_are_kept(world: World) -> None:
    datasets.create_dataset(world.process(), project=PROJECT, name="one", description="", shards=1, actor="admin")
    for frame_id in ("b", "a b", "a", "c"):
        upload(world, add(frame_id), dataset="one")
    assert [item.frame_id for item in diff(world, 0, 4, dataset="one", limit=1)] == ["a b", "a", "b", "c"]


def test_versions_are_named_as_in_reads(world: World) -> None:
    upload(world, add("f1"))
    between = world.now.isoformat()
    world.now += timedelta(hours=1)
    upload(world, add("f2"))
    result = page(world, between, "LATEST")
    assert (result.from_version, result.to_version) == (1, 2)
    assert [item.frame_id for item in result.items] == ["f2"]


def test_a_frame_that_was_changed_often_is_told_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed_frames, "MAX_RANGE_COMMITS", 2)
    for turn in range(9):
        upload(world, add("f1", turn=turn))
    (item,) = diff(world, 1, 9)
    assert (item.metadata["turn"].before, item.metadata["turn"].after) == (0, 8)


# Totals


def test_totals_count_frames_and_labels_in_all_and_by_class(world: World) -> None:
    upload(world, add("goes", "l1", "l2"), add("changes", "l1", "l2", "l3"), add("stays", "l1"))
    relabelled = [{"id": "l1", "class": "stork"}, {"id": "l2", "attributes": {"hard": True}}]
    gone = {**modify("changes", labels=relabelled), "remove_labels": ["l3"]}
    upload(world, delete("goes"), gone, add("comes", "l1"))
    result = totals(world, 1, 2)
    assert result.frames == ChangeCounts(added=1, removed=1, modified=1)
    assert result.labels == ChangeCounts(added=1, removed=3, modified=2)
    assert result.classes == {
        "heron": ChangeCounts(added=1, removed=4, modified=1),
        "stork": ChangeCounts(added=1),
    }


def test_totals_read_only_frames_that_are_in_both_versions(world: World) -> None:
    upload(world, add("f1", "l1"), add("f2", "l1"))
    upload(world, delete("f1"), add("f3", "l1"))
    assert "s3.GetObject" not in calls_of(partial(summary, world, 1, 2))


def test_totals_break_off_when_time_is_up_and_go_on_where_they_did(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changed_frames, "MAX_DIFF_EXAMINED", 2)
    upload(world, *(add(f"f{number}", "l1") for number in range(7)))
    first = summary(world, 0, 1, has_time=False)
    assert (first.frames.added, first.cursor is None) == (2, False)
    assert totals(world, 0, 1, has_time=False).frames.added == 7
    assert summary(world, 0, 1).frames.added == 7


# Pages


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_pages_hold_every_changed_frame_once(world: World, limit: int) -> None:
    upload(world, *(add(f"f{number}", turn=1) for number in range(12)))
    upload(world, *(modify(f"f{number}", metadata={"turn": 2}) for number in range(0, 12, 2)))
    result = pages(world, 1, 2, limit=limit)
    assert all(len(part.items) <= limit for part in result)
    assert sorted(item.frame_id for part in result for item in part.items) == sorted(f"f{n}" for n in range(0, 12, 2))


def test_a_cursor_stays_with_its_versions_while_writers_go_on(world: World) -> None:
    upload(world, *(add(f"f{number}") for number in range(6)))
    first = page(world, 0, "LATEST", limit=3)
    upload(world, *(delete(f"f{number}") for number in range(6)))
    rest = page(world, 0, "LATEST", cursor=first.cursor)
    assert (rest.from_version, rest.to_version) == (0, 1)
    assert len({item.frame_id for item in (*first.items, *rest.items)}) == 6


@pytest.mark.parametrize("versions", [(0, 2), (1, 1), (1, 0)])
def test_a_cursor_is_refused_for_other_versions(world: World, versions: tuple[int, int]) -> None:
    upload(world, add("f1"), add("f2"))
    upload(world, add("f3"))
    cursor = page(world, 0, 1, limit=1).cursor
    with pytest.raises(InvalidRequest, match="continues the diff from version 0 to 1") as refusal:
        page(world, *versions, cursor=cursor)
    assert refusal.value.code == "foreign_cursor"


def test_a_cursor_of_totals_is_none_of_pages(world: World) -> None:
    upload(world, add("f1"), add("f2"))
    with pytest.raises(InvalidRequest) as refusal:
        summary(world, 0, 1, cursor=page(world, 0, 1, limit=1).cursor)
    assert refusal.value.code == "foreign_cursor"


@pytest.mark.parametrize("place", [(99, 0, "f1"), (0, 10**9, "f1"), (3, 10**9, "#")])
def test_a_cursor_that_was_made_up_shows_nothing_else(world: World, place: tuple[int, int, str]) -> None:
    upload(world, add("f1"))
    upload(world, add("f2"))
    uid = dataset_records.get(world.process(), PROJECT, DATASET).uid
    result = page(world, 0, 1, cursor=encode_cursor(f"diff:{uid}", 0, 1, *place))
    assert {item.frame_id for item in result.items} <= {"f1"}


def test_a_page_ends_early_where_frames_are_large(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(world, *(add(f"f{number}", note="x" * 100) for number in range(4)))
    monkeypatch.setattr(page_size, "MAX_PAGE_BYTES", 400)
    result = pages(world, 0, 1)
    assert len(result) > 1
    assert sorted(item.frame_id for part in result for item in part.items) == ["f0", "f1", "f2", "f3"]


def test_a_page_ends_early_where_changes_are_larger_than_the_states(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(world, *(add(f"f{number}", **{f"field{n}": n for n in range(30)}) for number in range(3)))
    (item, *_) = diff(world, 0, 1)
    monkeypatch.setattr(page_size, "MAX_PAGE_BYTES", len(item.model_dump_json()) + 10)
    assert [len(part.items) for part in pages(world, 0, 1)] == [1, 1, 1]


# Errors


@pytest.mark.parametrize(("before", "after", "parameter"), [(9, 1, "from"), (1, 9, "to"), (9, 9, "from")])
def test_a_version_that_is_not_there_is_refused_where_it_was_named(
    world: World, before: int, after: int, parameter: str
) -> None:
    upload(world, add("f1"))
    for read in (page, summary):
        with pytest.raises(NotFound, match="has no version 9; its latest is 1") as refusal:
            read(world, before, after)
        assert (refusal.value.code, refusal.value.pointer) == ("unknown_version", parameter)


def test_what_names_no_version_is_refused(world: World) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        page(world, "2026-01-31", "LATEST")
    assert (refusal.value.code, refusal.value.pointer) == ("unknown_version", "from")


def test_checkpoints_are_compared_by_their_names(world: World) -> None:
    upload(world, add("f1"))
    checkpoints.create_checkpoint(
        world.process(), **where(), name="golden", version="1", description="", metadata={}, actor="ann"
    )
    upload(world, add("f2"))
    assert [item.frame_id for item in page(world, "golden", "LATEST").items] == ["f2"]
    with pytest.raises(NotFound) as refusal:
        page(world, "silver", "LATEST")
    assert (refusal.value.code, refusal.value.pointer) == ("unknown_checkpoint", "from")


# Cost


@pytest.mark.parametrize("frames_in_all", [20, 200])
def test_requests_grow_with_the_changes_and_not_with_the_dataset(world: World, frames_in_all: int) -> None:
    names = [f"frame {number:04}" for number in range(frames_in_all)]
    upload(world, *map(add, names))
    upload(world, *(modify(name, metadata={"turn": 2}) for name in names[:: frames_in_all // 5]))
    calls = calls_of(partial(page, world, 1, 2))
    assert calls.count("dynamodb.GetItem") == 3  # the dataset and the two versions
    assert calls.count("dynamodb.Query") <= 4 + 4 + 5  # commits and a run in each shard, and one for each frame
    assert calls.count("dynamodb.BatchGetItem") <= 1
    assert calls.count("s3.GetObject") <= 2 * 5


def test_frames_that_lie_close_are_found_by_few_requests(world: World) -> None:
    names = [f"frame {number:04}" for number in range(100)]
    upload(world, *map(add, names))
    upload(world, *(modify(name, metadata={"turn": 2}) for name in names))
    assert calls_of(partial(summary, world, 1, 2)).count("dynamodb.Query") <= 4 * 2


def test_versions_without_changes_between_them_are_compared_without_looking(world: World) -> None:
    upload(world, *(add(f"f{number}") for number in range(20)))
    upload(world, delete("f999"))
    assert calls_of(partial(page, world, 1, 1)).count("dynamodb.Query") == 0
    assert calls_of(partial(page, world, 1, 2)).count("dynamodb.Query") <= 1


def test_a_page_looks_at_no_more_frames_than_its_limit_however_many_came_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changed_frames, "MAX_DIFF_EXAMINED", 4)
    names = [f"f{number}" for number in range(10)]
    for turn in (1, 2, 1):
        upload(world, *(add(name, turn=turn) for name in names))
    upload(world, add("zzz"))
    result = pages(world, 1, 4)
    assert len(result) > 1
    assert [item.frame_id for part in result for item in part.items] == ["zzz"]


def test_a_page_reads_no_more_commits_than_its_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed_frames, "MAX_RANGE_COMMITS", 2)
    monkeypatch.setattr(changed_frames, "MAX_DIFF_COMMITS", 2)
    for turn in range(7):
        upload(world, add("f1", turn=turn % 2))
    result = pages(world, 1, 7, limit=1)
    assert [len(part.items) for part in result] == [0, 0, 0]
    assert json.loads(result[0].model_dump_json(by_alias=True))["from"] == 1
