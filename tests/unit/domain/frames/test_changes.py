"""The differences between two states of a frame (R9)."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.support.replaying import replayed
from tests.support.strategies import Json, small_frames, small_patches
from tidemark.domain.canonical import canonical_json
from tidemark.domain.frames.changes import FrameChange, changes
from tidemark.domain.frames.frames import Frame
from tidemark.domain.frames.merge import MergeRefused, merge
from tidemark.domain.frames.patches import FramePatch

BOX = {"id": "1", "type": "BBOX_2D", "class": "car", "top": 1.0, "left": 2.0, "width": 3.0, "height": 4.0}


def frame_of(**fields: object) -> Frame:
    return Frame.model_validate({"frame_id": "f", **fields})


def difference(before: Frame | None, after: Frame | None) -> FrameChange:
    return changes(*(None if state is None else json.loads(state.canonical) for state in (before, after)))


@given(st.none() | small_frames, small_frames)
def test_the_later_state_follows_from_the_earlier_one_and_the_change(before: Json | None, after: Json) -> None:
    old = None if before is None else Frame.model_validate({**before, "frame_id": "f"})
    new = Frame.model_validate({**after, "frame_id": "f"})
    change = FrameChange.model_validate_json(difference(old, new).model_dump_json())
    start: Json = {} if old is None else json.loads(old.canonical)
    assert canonical_json({"frame_id": "f", **replayed(start, change)}) == new.canonical


@given(small_frames)
def test_a_state_does_not_differ_from_itself(frame: Json) -> None:
    state = Frame.model_validate(frame)
    change = difference(state, state)
    assert change.change == "none"
    assert replayed({}, change) == {}


@given(small_frames, small_patches)
def test_a_merge_changes_only_labels_that_its_patch_names(frame: Json, patch: Json) -> None:
    before, parsed = Frame.model_validate(frame), FramePatch.model_validate(patch)
    try:
        merged = merge(before.canonical, parsed.canonical)
    except MergeRefused:
        return
    change = difference(before, Frame.model_validate_json(merged.payload)).labels
    given_ids = {label.id for label in parsed.frame.labels or ()}
    assert {item["id"] for item in change.added} | {item.id for item in change.modified} <= given_ids
    assert {item["id"] for item in change.removed} <= set(parsed.remove_labels)
    assert change.order is None


def test_a_changed_label_is_shown_before_and_after_with_the_names_of_its_changed_fields() -> None:
    change = difference(frame_of(labels=[BOX]), frame_of(labels=[{**BOX, "class": "bus", "top": 5}])).labels
    (modified,) = change.modified
    assert (modified.id, modified.fields) == ("1", ("class", "top"))
    assert modified.before == BOX
    assert modified.after == {**BOX, "class": "bus", "top": 5.0}


def test_added_and_removed_labels_are_shown_whole() -> None:
    change = difference(frame_of(labels=[BOX]), frame_of(labels=[{**BOX, "id": "2"}])).labels
    assert change.removed == (BOX,)
    assert change.added == ({**BOX, "id": "2"},)


def test_a_new_order_of_labels_is_a_change() -> None:
    other = {**BOX, "id": "2"}
    change = difference(frame_of(labels=[BOX, other]), frame_of(labels=[other, BOX]))
    assert change.change == "modified"
    assert change.labels.order == ("2", "1")


def test_one_and_true_are_different_values() -> None:
    change = difference(
        frame_of(labels=[{**BOX, "attributes": {"a": 1}}]), frame_of(labels=[{**BOX, "attributes": {"a": True}}])
    )
    assert change.labels.modified[0].fields == ("attributes",)


def test_metadata_set_and_changed_is_shown_by_field() -> None:
    change = difference(frame_of(metadata={"a": 1, "b": 2, "c": 3}), frame_of(metadata={"b": 2, "c": 4, "d": 5}))
    assert {field: (value.before, value.after) for field, value in change.metadata.items()} == {
        "a": (1, None),
        "c": (3, 4),
        "d": (None, 5),
    }


def test_the_first_state_is_an_addition_and_the_last_change_a_removal() -> None:
    state = frame_of(labels=[BOX], device_id="d")
    assert difference(None, state).change == "added"
    removal = difference(state, None)
    assert removal.change == "removed"
    assert removal.labels.removed == (BOX,)
    assert removal.fields["device_id"].before == "d"
