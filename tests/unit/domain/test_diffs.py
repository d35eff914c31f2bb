"""Totals of the differences between two versions (R11)."""

from typing import Any

import pytest

from tidemark.domain.diffs import (
    ChangeCounts,
    DiffTotals,
    add_up,
    totals_of_added,
    totals_of_modified,
    totals_of_removed,
)
from tidemark.domain.frames.changes import Json, changes

ADDED, REMOVED, MODIFIED = ChangeCounts(added=1), ChangeCounts(removed=1), ChangeCounts(modified=1)


def label(label_id: str, class_name: str | None, **given: Any) -> Json:
    return {"id": label_id, "class": class_name, **given} if class_name else {"id": label_id, **given}


def totals(before: list[Json], after: list[Json]) -> DiffTotals:
    return totals_of_modified(changes({"frame_id": "f", "labels": before}, {"frame_id": "f", "labels": after}))


def test_a_frame_of_which_only_metadata_changed_has_no_labels_that_did() -> None:
    change = changes({"frame_id": "f", "metadata": {"a": 1}}, {"frame_id": "f"})
    assert totals_of_modified(change) == DiffTotals(frames=MODIFIED)


def test_labels_count_in_all_and_for_their_class() -> None:
    difference = totals([label("1", "car"), label("2", "car", top=1)], [label("2", "car", top=2), label("3", "dog")])
    assert difference.labels == ChangeCounts(added=1, removed=1, modified=1)
    assert difference.classes == {"car": ChangeCounts(removed=1, modified=1), "dog": ADDED}


def test_a_label_that_changed_its_class_leaves_one_and_comes_to_the_other() -> None:
    difference = totals([label("1", "car")], [label("1", "dog")])
    assert (difference.labels, difference.classes) == (MODIFIED, {"car": REMOVED, "dog": ADDED})


def test_a_number_that_became_true_is_a_change() -> None:
    difference = totals([label("1", "car", attributes={"x": 1})], [label("1", "car", attributes={"x": True})])
    assert difference.classes == {"car": MODIFIED}


def test_instances_of_a_mask_count_for_their_classes_and_the_mask_as_one_label() -> None:
    mask = label("m", None, instances=[label("0", "car"), label("1", "car"), label("2", "dog")])
    changed = label("m", None, instances=[label("0", "car", attributes={"x": 1}), label("2", "car"), label("3", "dog")])
    difference = totals([mask], [changed])
    assert difference.labels == MODIFIED
    assert difference.classes == {
        "car": ChangeCounts(added=1, removed=1, modified=1),
        "dog": ChangeCounts(added=1, removed=1),
    }


def test_a_mask_that_gets_or_loses_its_class_counts_for_it() -> None:
    assert totals([label("m", None)], [label("m", "car")]).classes == {"car": ADDED}
    assert totals([label("m", "car")], [label("m", None)]).classes == {"car": REMOVED}


@pytest.mark.parametrize(("totals_of", "kind"), [(totals_of_added, "added"), (totals_of_removed, "removed")])
def test_a_frame_that_comes_or_goes_takes_its_labels_along(totals_of: Any, kind: str) -> None:
    one, two, three = (ChangeCounts(**{kind: count}) for count in (1, 2, 3))
    assert totals_of(3, {"car": 2, "dog": 1}) == DiffTotals(frames=one, labels=three, classes={"car": two, "dog": one})


def test_parts_add_up() -> None:
    parts = [totals_of_added(1, {"car": 1}), totals_of_removed(2, {"car": 1, "dog": 1}), DiffTotals(frames=MODIFIED)]
    assert add_up(parts) == DiffTotals(
        frames=ChangeCounts(added=1, removed=1, modified=1),
        labels=ChangeCounts(added=1, removed=2),
        classes={"car": ChangeCounts(added=1, removed=1), "dog": REMOVED},
    )
    assert add_up([]) == DiffTotals()
