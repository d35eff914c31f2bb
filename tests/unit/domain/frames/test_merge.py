"""What mutations make of a frame (R16-R19)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.strategies import Json, frames, small_frames, small_patches
from tidemark.domain.frames.frames import Frame, class_counts
from tidemark.domain.frames.merge import Effect, Merged, MergeRefused, effect, merge
from tidemark.domain.frames.operations import Op
from tidemark.domain.frames.patches import FramePatch
from tidemark.domain.limits import MAX_CLASSES_PER_FRAME, MAX_LABELS_PER_FRAME, MAX_METADATA_FIELDS, MAX_SENSORS

BOX = {"id": "1", "type": "BBOX_2D", "class": "car", "top": 1, "left": 2, "width": 3, "height": 4}
MASK = {"id": "m", "type": "INSTANCE_LABEL_URL_2D", "url": "s3://b/m.png"}
CUBOID = {
    "id": "cuboid",
    "type": "CUBOID_3D",
    "class": "car",
    "position": [1, 2, 3],
    "rotation": {"x": 0, "y": 0, "z": 0, "w": 1},
    "dimensions": [1, 1, 1],
}
CAM = {"id": "cam", "type": "IMAGE", "url": "s3://b/cam.png"}
LIDAR = {"id": "lidar", "type": "POINT_CLOUD", "url": "s3://b/lidar.pcd", "format": "PCD"}


def frame_of(**fields: object) -> Frame:
    return Frame.model_validate({"frame_id": "f", **fields})


def modified(state: Frame, remove_labels: tuple[str, ...] = (), **fields: object) -> Frame:
    patch = {"frame": {"frame_id": "f", **fields}, "remove_labels": remove_labels}
    return merged_models(state, FramePatch.model_validate(patch))


def merged_models(state: Frame, patch: FramePatch) -> Frame:
    return Frame.model_validate_json(merge(state.canonical, patch.canonical).payload)


def refusal(state: Frame, **fields: Any) -> MergeRefused:
    with pytest.raises(MergeRefused) as caught:
        modified(state, **fields)
    return caught.value


def label_of(frame: Frame, label_id: str) -> Json:
    return next(label.model_dump(exclude_defaults=True) for label in frame.labels if label.id == label_id)


# ADD and DELETE


@pytest.mark.parametrize("exists", [False, True])
def test_add_puts_the_frame_whatever_was_there(exists: bool) -> None:
    assert effect(Op.ADD, exists=exists) is Effect.PUT


def test_modify_of_a_known_frame_merges() -> None:
    assert effect(Op.MODIFY, exists=True) is Effect.MERGE


def test_delete_of_a_known_frame_removes_it() -> None:
    assert effect(Op.DELETE, exists=True) is Effect.REMOVE


@pytest.mark.parametrize("op", [Op.MODIFY, Op.DELETE])
def test_modify_and_delete_of_an_unknown_frame_do_nothing(op: Op) -> None:
    assert effect(op, exists=False) is Effect.NOTHING


# MODIFY of the frame's own fields


def test_given_metadata_is_set_and_the_rest_stays() -> None:
    merged = modified(frame_of(metadata={"a": 1, "b": 2}), metadata={"b": 3, "c": 4})
    assert merged.metadata == {"a": 1, "b": 3, "c": 4}


def test_null_means_not_given() -> None:
    state = frame_of(device_id="d", metadata={"a": 1}, labels=[{**BOX, "attributes": {"x": 1}}])
    label = {"id": "1", "class": None, "top": None, "attributes": {"x": None}}
    assert modified(state, device_id=None, metadata={"a": None}, geo=None, labels=[label]) == state


def test_values_that_are_objects_are_replaced_whole() -> None:
    state = frame_of(geo={"lat": 1, "lon": 2, "alt": 3}, embedding={"url": "s3://b/1", "model": "m", "dimension": 2})
    merged = modified(state, geo={"lat": 4, "lon": 5}, embedding={"url": "s3://b/2", "model": "m", "dimension": 2})
    assert merged.geo is not None
    assert merged.geo.alt is None
    assert merged.embedding is not None
    assert merged.embedding.url == "s3://b/2"


# MODIFY of sensors and coordinate frames


def test_sensors_are_merged_by_their_ids() -> None:
    state = frame_of(sensors=[{**CAM, "width": 8, "metadata": {"a": 1}}])
    merged = modified(state, sensors=[{"id": "cam", "url": "s3://b/new.png", "metadata": {"b": 2}}, LIDAR])
    cam, lidar = merged.sensors
    assert cam.model_dump(exclude_defaults=True) == {
        **CAM,
        "url": "s3://b/new.png",
        "width": 8,
        "metadata": {"a": 1, "b": 2},
    }
    assert lidar.id == "lidar"


def test_a_sensor_keeps_its_type() -> None:
    refused = refusal(frame_of(sensors=[CAM]), sensors=[{**LIDAR, "id": "cam"}])
    assert (refused.code, refused.pointer) == ("type_changed", "/frame/sensors/0/type")


def test_coordinate_frames_are_merged_by_their_ids() -> None:
    state = frame_of(coordinate_frames=[{"id": "car", "type": "3D", "position": [1, 2, 3]}])
    merged = modified(
        state, coordinate_frames=[{"id": "car", "parent": "world"}, {"id": "cam", "type": "2D", "parent": "car"}]
    )
    assert [
        (coordinate_frame.id, coordinate_frame.parent, coordinate_frame.position)
        for coordinate_frame in merged.coordinate_frames
    ] == [
        ("car", "world", (1.0, 2.0, 3.0)),
        ("cam", "car", None),
    ]


# MODIFY of labels


def test_given_fields_of_a_label_replace_and_the_others_stay() -> None:
    merged = modified(frame_of(labels=[{**BOX, "iscrowd": True}]), labels=[{"id": "1", "class": "bus", "left": 9}])
    assert label_of(merged, "1") == {**BOX, "iscrowd": True, "class": "bus", "left": 9.0}


def test_attributes_of_a_label_are_merged_by_key() -> None:
    state = frame_of(labels=[{**BOX, "attributes": {"a": 1, "b": "x"}}])
    merged = modified(state, labels=[{"id": "1", "attributes": {"b": "y", "c": [True]}}])
    assert label_of(merged, "1")["attributes"] == {"a": 1, "b": "y", "c": (True,)}


def test_an_unknown_label_id_adds_a_label_after_the_others() -> None:
    merged = modified(frame_of(labels=[BOX]), labels=[{**BOX, "id": "0"}, {"id": "1", "class": "bus"}])
    assert [(label.id, label.class_name) for label in merged.labels] == [("1", "bus"), ("0", "car")]


def test_a_new_label_needs_its_type() -> None:
    refused = refusal(frame_of(), labels=[{"id": "2", "class": "car"}])
    assert (refused.code, refused.pointer) == ("unknown_part", "/frame/labels/0")
    assert "The frame has no label '2'" in refused.message


def test_a_new_label_needs_its_geometry() -> None:
    refused = refusal(frame_of(), labels=[{"id": "2", "type": "BBOX_2D", "class": "car", "top": 1, "left": 1}])
    assert (refused.code, refused.pointer) == ("missing_field", "/frame/labels/0/width")


def test_a_label_keeps_its_type() -> None:
    refused = refusal(frame_of(labels=[BOX]), labels=[{"id": "1", "type": "CLASSIFICATION_2D"}])
    assert (refused.code, refused.pointer) == ("type_changed", "/frame/labels/0/type")


def test_a_label_takes_no_field_of_another_type() -> None:
    refused = refusal(frame_of(labels=[BOX]), labels=[{"id": "1", "x1": 3}])
    assert (refused.code, refused.pointer) == ("unknown_field", "/frame/labels/0/x1")
    assert refused.message == "The label '1' would not be a valid BBOX_2D: " + (
        "'x1' is not a field here; the fields are id, sensor, attributes, embedding, class, iscrowd, type, top, left, "
        "width and height."
    )


def test_a_label_moves_to_another_sensor_of_the_frame() -> None:
    state = frame_of(sensors=[CAM, LIDAR], labels=[{**BOX, "sensor": "cam"}])
    assert modified(state, labels=[{"id": "1", "sensor": "lidar"}]).labels[0].sensor == "lidar"


def test_a_label_does_not_move_to_a_sensor_that_the_frame_lacks() -> None:
    state = frame_of(sensors=[CAM], labels=[{**BOX, "id": "0"}, BOX])
    refused = refusal(state, labels=[{"id": "1", "sensor": "radar"}])
    assert (refused.code, refused.pointer) == ("unknown_sensor", "/frame/labels/0/sensor")


@pytest.mark.parametrize("overlay_id", ["radar", "depth"])
def test_an_overlay_does_not_move_to_what_is_no_other_sensor_of_the_frame(overlay_id: str) -> None:
    state = frame_of(sensors=[CAM, {**CAM, "id": "depth", "type": "IMAGE_OVERLAY", "overlay_id": "cam"}])
    refused = refusal(state, sensors=[{"id": "depth", "overlay_id": overlay_id}])
    assert (refused.code, refused.pointer) == ("unknown_sensor", "/frame/sensors/0/overlay_id")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sensors": [{"id": "cam", "coordinate_frame": "gone"}]}, "unknown_coordinate_frame"),
        ({"sensors": [{**CAM, "id": "depth", "type": "IMAGE_OVERLAY", "overlay_id": "gone"}]}, "unknown_sensor"),
        ({"sensors": [{**CAM, "id": str(number)} for number in range(MAX_SENSORS)]}, "too_long"),
        ({"coordinate_frames": [{"id": "world", "type": "3D"}]}, "invalid_id"),
        ({"coordinate_frames": [{"id": "car", "parent": "gone"}]}, "unknown_coordinate_frame"),
        ({"coordinate_frames": [{"id": "car", "parent": "car"}]}, "circular_parents"),
        ({"coordinate_frames": [{"id": str(number), "type": "3D"} for number in range(MAX_SENSORS)]}, "too_long"),
        ({"labels": [{**BOX, "sensor": "gone"}]}, "unknown_sensor"),
        ({"labels": [{"id": "cuboid", "coordinate_frame": "gone"}]}, "unknown_coordinate_frame"),
        ({"labels": [{**BOX, "id": str(number)} for number in range(MAX_LABELS_PER_FRAME)]}, "too_long"),
        ({"metadata": {str(number): number for number in range(MAX_METADATA_FIELDS)}}, "too_long"),
    ],
)
def test_a_modify_breaks_no_rule_of_frames_as_a_whole(changes: Json, code: str) -> None:
    state = frame_of(
        sensors=[CAM], coordinate_frames=[{"id": "car", "type": "3D"}], labels=[CUBOID], metadata={"city": "Oslo"}
    )
    assert refusal(state, **changes).code == code


def test_a_problem_outside_of_what_is_given_points_to_the_frame() -> None:
    refused = refusal(frame_of(labels=[{**BOX, "sensor": "radar"}]), sensors=[CAM])
    assert (refused.code, refused.pointer) == ("unknown_sensor", "/frame")


def test_instances_of_a_mask_are_merged_by_their_ids() -> None:
    state = frame_of(labels=[{**MASK, "instances": [{"id": 1, "class": "car", "attributes": {"a": 1}}]}])
    given_instances = [{"id": 1, "attributes": {"b": 2}}, {"id": 2, "class": "bus"}]
    merged = modified(state, labels=[{"id": "m", "instances": given_instances}])
    assert label_of(merged, "m")["instances"] == (
        {"id": 1, "class": "car", "attributes": {"a": 1, "b": 2}},
        {"id": 2, "class": "bus"},
    )


def test_a_new_instance_needs_its_class() -> None:
    refused = refusal(frame_of(labels=[MASK]), labels=[{"id": "m", "instances": [{"id": 1}]}])
    assert (refused.code, refused.pointer) == ("missing_field", "/frame/labels/0/instances/0/class")


def test_a_problem_of_an_instance_is_pointed_at_in_the_row() -> None:
    known = [{"id": number, "class": "car"} for number in (4, 5)]
    refused = refusal(
        frame_of(labels=[BOX, {**MASK, "instances": known}]), labels=[{"id": "m", "instances": [{"id": 7}]}]
    )
    assert (refused.code, refused.pointer) == ("missing_field", "/frame/labels/0/instances/0/class")
    full = {"id": 5, "class": "car", "attributes": {f"field {number}": number for number in range(500)}}
    one_more = [{"id": 4}, {"id": 5, "attributes": {"one more": 1}}]
    refused = refusal(
        frame_of(labels=[{**MASK, "instances": [full, known[0]]}]), labels=[{"id": "m", "instances": one_more}]
    )
    assert (refused.code, refused.pointer) == ("too_long", "/frame/labels/0/instances/1/attributes")


# Removing labels


def test_labels_are_removed_by_their_ids() -> None:
    state = frame_of(labels=[BOX, {**BOX, "id": "2"}])
    assert [label.id for label in modified(state, remove_labels=("1",)).labels] == ["2"]


@pytest.mark.parametrize("nothing", [None, []])
def test_removing_nothing_changes_nothing(nothing: object) -> None:
    patch = FramePatch.model_validate({"frame": {"frame_id": "f"}, "remove_labels": nothing})
    state = frame_of(labels=[BOX])
    assert merged_models(state, patch) == state
    assert patch.canonical == FramePatch.model_validate({"frame": {"frame_id": "f"}}).canonical


def test_removing_an_unknown_label_changes_nothing() -> None:
    state = frame_of(labels=[BOX])
    assert modified(state, remove_labels=("9",)) == state


def test_a_label_removed_and_later_added_again_comes_last() -> None:
    state = frame_of(labels=[BOX, {**BOX, "id": "2"}])
    again = modified(modified(state, remove_labels=("1",)), labels=[BOX])
    assert [label.id for label in again.labels] == ["2", "1"]


# Limits of the merged frame


def test_a_merged_frame_has_a_limit_of_labels() -> None:
    full = frame_of(labels=[{**BOX, "id": str(number)} for number in range(MAX_LABELS_PER_FRAME)])
    refused = refusal(full, labels=[{**BOX, "id": "one more"}])
    assert (refused.code, refused.pointer) == ("too_long", "/frame/labels")


def test_a_merged_frame_has_a_limit_of_metadata_fields() -> None:
    full = frame_of(metadata={f"field {number}": number for number in range(500)})
    assert refusal(full, metadata={"one more": 1}).code == "too_long"


def test_a_merged_frame_has_a_limit_of_bytes() -> None:
    big = frame_of(metadata={f"field {number}": "x" * 8000 for number in range(100)})
    refused = refusal(big, metadata={f"more {number}": "x" * 8000 for number in range(100)})
    assert (refused.code, refused.pointer) == ("frame_too_large", "/frame")


def test_a_merged_frame_has_a_limit_of_classes() -> None:
    full = frame_of(labels=[{**BOX, "id": str(n), "class": f"class {n}"} for n in range(MAX_CLASSES_PER_FRAME)])
    refused = refusal(full, labels=[{**BOX, "id": "one more", "class": "one more"}])
    assert (refused.code, refused.pointer) == ("too_many_classes_in_frame", "/frame/labels")


# Properties


def merged_or_none(state: Frame, patch: FramePatch) -> Frame | None:
    try:
        return merged_models(state, patch)
    except MergeRefused:
        return None


class TypeChanged(Exception):
    pass


def overlaid(fields: Json, changes: Json) -> Json:
    """Returns JSON after changes of it, in the plainest way: objects are merged by name, lists of items by id."""
    if fields.get("type", changes.get("type")) != changes.get("type", fields.get("type")):
        raise TypeChanged
    result = dict(fields)
    for name, value in changes.items():
        if name in ("metadata", "attributes", "secondary_labels"):
            result[name] = result.get(name, {}) | value
        elif name in ("sensors", "coordinate_frames", "labels", "instances"):
            items = {item["id"]: item for item in result.get(name, [])}
            items |= {item["id"]: overlaid(items.get(item["id"], {}), item) for item in value}
            result[name] = list(items.values())
        else:
            result[name] = value
    return result


def validated_whole(state: Frame, patch: FramePatch) -> Frame | None:
    """Returns the frame after the patch, by validating all of it; None if it is not valid."""
    labels = [label for label in state.stored().get("labels", []) if label["id"] not in patch.remove_labels]
    try:
        merged = overlaid(state.stored() | {"labels": labels}, patch.stored()["frame"])
        return Frame.model_validate(merged | {"frame_id": state.frame_id})
    except (TypeChanged, ValidationError):
        return None


@given(small_frames, small_patches)
def test_a_merge_gives_what_validating_the_whole_frame_would_give(frame: Json, patch: Json) -> None:
    state, parsed = Frame.model_validate(frame), FramePatch.model_validate(patch)
    whole = validated_whole(state, parsed)
    try:
        merged = merge(state.canonical, parsed.canonical)
    except MergeRefused:
        assert whole is None
    else:
        assert whole is not None
        assert merged == Merged(whole.canonical, len(whole.labels), class_counts(whole.stored()))


@given(small_frames, small_patches)
def test_merging_the_same_patch_twice_is_merging_it_once(frame: Json, patch: Json) -> None:
    parsed = FramePatch.model_validate(patch)
    once = merged_or_none(Frame.model_validate(frame), parsed)
    if once is not None:
        assert merge(once.canonical, parsed.canonical).payload == once.canonical


@given(small_frames, small_patches)
def test_what_a_patch_does_not_give_stays(frame: Json, patch: Json) -> None:
    before, parsed = Frame.model_validate(frame), FramePatch.model_validate(patch)
    after = merged_or_none(before, parsed)
    if after is None:
        return
    assert after.metadata == {**before.metadata, **(parsed.frame.metadata or {})}
    touched = {label.id for label in parsed.frame.labels or ()} | set(parsed.remove_labels)
    assert [label for label in before.labels if label.id not in touched] == [
        label for label in after.labels if label.id not in touched
    ]
    assert not {label.id for label in after.labels} & set(parsed.remove_labels)


@given(frames(), st.randoms())
def test_a_frame_built_up_by_modifies_is_the_frame_added_at_once(frame: Json, random: Any) -> None:
    whole = Frame.model_validate(frame)
    pieces: list[Json] = [{field: value} for field, value in frame.items() if field not in ("frame_id", "labels")]
    random.shuffle(pieces)
    pieces.sort(key=lambda piece: "coordinate_frames" not in piece)
    pieces += [{"labels": [label]} for label in frame.get("labels", [])]
    state = Frame(frame_id=whole.frame_id)
    for piece in pieces:
        patch = {"frame": {"frame_id": whole.frame_id, **piece}}
        state = merged_models(state, FramePatch.model_validate(patch))
    assert state.canonical == whole.canonical
