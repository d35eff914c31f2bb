"""Diffs of random histories, read in every way (R11)."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reliability.faults import model
from tests.reliability.faults.model import DatasetModel
from tests.reliability.faults.rows import UPLOADS
from tests.simulation.world import World, new_world
from tests.support import diffs
from tests.support.replaying import replayed
from tests.support.strategies import Json
from tidemark.domain.diffs import FrameDiff
from tidemark.domain.frames.changes import ItemChanges
from tidemark.shards import frame_versions
from tidemark.versions import changed_frames, frames

State = dict[str, Json]
PICK = st.integers(min_value=0, max_value=1000)
READING = st.fixed_dictionaries(
    {
        "MAX_RANGE_COMMITS": st.sampled_from([1, 2, 500]),
        "MIN_BATCH_FRAMES": st.sampled_from([1, 32]),
        "MAX_DIFF_EXAMINED": st.sampled_from([1, 3, 1000]),
        "MAX_DIFF_COMMITS": st.sampled_from([1, 10_000]),
        "FIRST_QUERY_ITEMS": st.sampled_from([1, 2, 100]),
        "ITEMS_PER_QUERY_COST": st.sampled_from([1, 10]),
    }
)
"""Limits of what is read at once. Small, so that a small dataset reaches them."""


@contextmanager
def a_history(uploads: list[list[dict[str, Any]]], count: int) -> Iterator[tuple[World, DatasetModel, int]]:
    """Yields a dataset of `count` shards in which these uploads settled one by one, and its latest version."""
    with new_world() as world:
        dataset = model.create_dataset(world, "birds", "train", count)
        for number, rows in enumerate(uploads):
            model.start_submit(world, dataset, rows, f"key-{number}").run()
            world.drain()
        yield world, dataset, model.latest(world, dataset)


@contextmanager
def reading(sizes: dict[str, int]) -> Iterator[None]:
    with ExitStack() as stack:
        for name, size in sizes.items():
            stack.enter_context(
                patch.object(changed_frames if hasattr(changed_frames, name) else frame_versions, name, size)
            )
        yield


def state(world: World, dataset: DatasetModel, version: int) -> State:
    page = frames.list_frames(world.process(), **dataset.where(), version=str(version), limit=1000, cursor=None)
    assert page.cursor is None
    return {frame["frame_id"]: frame for frame in (json.loads(item.frame) for item in page.items)}


def applied(before: State, items: list[FrameDiff]) -> State:
    """Returns the state after a diff, from the state before and the diff alone."""
    after = dict(before)
    for item in items:
        assert item.digest.before != item.digest.after
        assert (item.frame_id in before) == (item.change != "added")
        if item.change == "removed":
            del after[item.frame_id]
        else:
            start = before.get(item.frame_id, {"frame_id": item.frame_id})
            after[item.frame_id] = {"frame_id": item.frame_id, **replayed(start, item)}
    return after


def swapped(parts: ItemChanges) -> dict[str, Any]:
    return {
        "added": parts.removed,
        "removed": parts.added,
        "modified": {item.id: (item.after, item.before) for item in parts.modified},
    }


def listed_changes(parts: ItemChanges) -> dict[str, Any]:
    return {
        "added": parts.added,
        "removed": parts.removed,
        "modified": {item.id: (item.before, item.after) for item in parts.modified},
    }


def summarized(item: FrameDiff) -> tuple[Any, ...]:
    values = {**item.fields, **item.metadata}
    return (
        item.change,
        (item.digest.before, item.digest.after),
        {name: (value.before, value.after) for name, value in values.items()},
        listed_changes(item.labels),
    )


def summarized_backwards(item: FrameDiff) -> tuple[Any, ...]:
    values = {**item.fields, **item.metadata}
    return (
        {"added": "removed", "removed": "added", "modified": "modified"}[item.change],
        (item.digest.after, item.digest.before),
        {name: (value.after, value.before) for name, value in values.items()},
        swapped(item.labels),
    )


def recounted(before: State, after: State) -> dict[str, Any]:
    """Computes the totals of a diff from all frames of both versions."""
    labels = [
        {(frame["frame_id"], label["id"]): label for frame in content.values() for label in frame.get("labels", [])}
        for content in (before, after)
    ]
    kept = labels[0].keys() & labels[1].keys()
    gone, come = ({name: side[name]["class"] for name in side.keys() - kept} for side in labels)
    differing = [(labels[0][name], labels[1][name]) for name in kept if labels[0][name] != labels[1][name]]
    moved = [(old["class"], new["class"]) for old, new in differing if old["class"] != new["class"]]
    by_class = {
        "added": Counter([*come.values(), *(new for _, new in moved)]),
        "removed": Counter([*gone.values(), *(old for old, _ in moved)]),
        "modified": Counter(old["class"] for old, new in differing if old["class"] == new["class"]),
    }
    both = before.keys() & after.keys()
    return {
        "frames": {
            "added": len(after.keys() - both),
            "removed": len(before.keys() - both),
            "modified": sum(before[name] != after[name] for name in both),
        },
        "labels": {"added": len(come), "removed": len(gone), "modified": len(differing)},
        "classes": {
            name: {kind: counts[name] for kind, counts in by_class.items()}
            for name in {name for counts in by_class.values() for name in counts}
        },
    }


FEWER = settings(max_examples=settings.default.max_examples // 3)  # type: ignore[union-attr]
"""The first property checks that diffs are right; the others check the ways to read them, with fewer examples."""

histories = given(
    uploads=st.lists(UPLOADS, min_size=2, max_size=6),
    count=st.integers(min_value=1, max_value=3),
    ends=st.tuples(PICK, PICK),
    sizes=READING,
    limit=st.integers(min_value=1, max_value=4),
)


@histories
def test_a_diff_leads_from_one_state_to_the_other(
    uploads: list[list[dict[str, Any]]], count: int, ends: tuple[int, int], sizes: dict[str, int], limit: int
) -> None:
    with a_history(uploads, count) as (world, dataset, latest), reading(sizes):
        start, end = (pick % (latest + 1) for pick in ends)
        items = diffs.diff(world, start, end, limit=limit)
        assert len({item.frame_id for item in items}) == len(items)
        assert applied(state(world, dataset, start), items) == state(world, dataset, end)
        assert not diffs.diff(world, start, start)


@FEWER
@histories
def test_the_way_back_is_the_inverse(
    uploads: list[list[dict[str, Any]]], count: int, ends: tuple[int, int], sizes: dict[str, int], limit: int
) -> None:
    with a_history(uploads, count) as (world, _, latest), reading(sizes):
        start, end = (pick % (latest + 1) for pick in ends)
        forward, back = diffs.diff(world, start, end, limit=limit), diffs.diff(world, end, start, limit=limit)
        assert [item.frame_id for item in forward] == [item.frame_id for item in back]
        assert [summarized(item) for item in forward] == [summarized_backwards(item) for item in back]


@FEWER
@histories
def test_totals_equal_a_recount_of_both_versions(
    uploads: list[list[dict[str, Any]]], count: int, ends: tuple[int, int], sizes: dict[str, int], limit: int
) -> None:
    with a_history(uploads, count) as (world, dataset, latest), reading(sizes):
        start, end = (pick % (latest + 1) for pick in ends)
        expected = recounted(state(world, dataset, start), state(world, dataset, end))
        read = diffs.totals(world, start, end, has_time=limit > 1)
        assert read.model_dump() == expected


@FEWER
@histories
def test_pages_of_any_size_hold_the_same_items(
    uploads: list[list[dict[str, Any]]], count: int, ends: tuple[int, int], sizes: dict[str, int], limit: int
) -> None:
    with a_history(uploads, count) as (world, _, latest):
        start, end = (pick % (latest + 1) for pick in ends)
        complete = diffs.diff(world, start, end)
        assert diffs.diff(world, start, end, limit=limit) == complete
        with reading(sizes):
            read = diffs.diff(world, start, end, limit=limit)
        assert sorted(read, key=lambda item: item.frame_id) == sorted(complete, key=lambda item: item.frame_id)
