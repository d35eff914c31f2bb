"""Valid and invalid frames, sensors and labels."""

import pytest
from hypothesis import given
from pydantic import ValidationError

from tests.support.strategies import COORDINATE_FRAMES, LABELS, SENSORS, Json, frames
from tidemark.domain.frames.frames import Frame, class_counts
from tidemark.domain.frames.labels import LabelType
from tidemark.domain.frames.patches import CoordinateFramePatch, LabelPatch, PartialFrame, SensorPatch
from tidemark.domain.problems import Problem, problems_of

BOX = {"id": "1", "type": "BBOX_2D", "class": "car", "top": 1, "left": 2, "width": 3, "height": 4}
POLYGON = {"id": "1", "type": "POLYGON_LIST_2D", "class": "car", "polygons": [[[0, 0], [1, 0], [1, 1]]]}
LINE = {"id": "1", "type": "LINE_SEGMENT_2D", "class": "car", "x1": 0, "y1": 0, "x2": 1, "y2": 1}
NOSE = {"name": "nose", "x": 1, "y": 2}
KEYPOINTS = {"id": "1", "type": "KEYPOINTS_2D", "class": "car", "keypoints": [NOSE]}
CUBOID = {
    "id": "1",
    "type": "CUBOID_3D",
    "class": "car",
    "position": [0, 0, 0],
    "dimensions": [1, 2, 3],
    "rotation": {"w": 1, "x": 0, "y": 0, "z": 0},
}
MASK = {"id": "1", "type": "INSTANCE_LABEL_URL_2D", "url": "s3://b/m.png"}
TOKEN = {"id": "1", "type": "TEXT_TOKEN", "class": "car", "index": 0, "token": "a", "visible": True}
CAM = {"id": "cam", "type": "IMAGE", "url": "s3://b/cam.png"}
DEPTH = {"id": "depth", "type": "IMAGE_OVERLAY", "url": "s3://b/depth.png", "overlay_id": "cam"}
RIG = {"id": "rig", "type": "3D"}
CAMERA = {"model": "fisheye", "fx": 1, "fy": 1}
NAN, INFINITY = float("nan"), float("inf")


def problems(**fields: object) -> list[Problem]:
    with pytest.raises(ValidationError) as caught:
        Frame.model_validate({"frame_id": "f", **fields})
    return problems_of(caught.value, Frame)


@given(frames())
def test_counts_of_labels_and_classes_add_up(frame: Json) -> None:
    named = [label for label in frame.get("labels", []) if "class" in label]
    instances = [instance for label in frame.get("labels", []) for instance in label.get("instances", [])]
    counts = class_counts(Frame.model_validate(frame).stored())
    assert sum(counts.values()) == len(named) + len(instances)


def test_instances_count_under_their_class() -> None:
    mask = {**MASK, "class": "tram", "instances": [{"id": 1, "class": "car"}, {"id": 2, "class": "car"}]}
    assert class_counts({"frame_id": "f", "labels": [mask]}) == {"tram": 1, "car": 2}


def test_a_state_does_not_change() -> None:
    with pytest.raises(ValidationError):
        setattr(Frame(frame_id="f"), "frame_id", "g")  # noqa: B010  # mypy refuses a plain assignment


@pytest.mark.parametrize(
    ("label", "place", "code"),
    [
        ({**BOX, "width": -1}, "width", "out_of_range"),
        ({**BOX, "height": -0.5}, "height", "out_of_range"),
        ({**BOX, "top": NAN}, "top", "not_finite"),
        ({**BOX, "left": INFINITY}, "left", "not_finite"),
        ({**BOX, "left": 2**53}, "left", "out_of_range"),
        ({**BOX, "left": 10**400}, "left", "wrong_type"),
        ({**BOX, "left": "2"}, "left", "wrong_type"),
        ({**BOX, "left": True}, "left", "wrong_type"),
        ({**BOX, "iscrowd": 1}, "iscrowd", "wrong_type"),
        ({**BOX, "depth": 1}, "depth", "unknown_field"),
        ({**BOX, "class": 7}, "class", "wrong_type"),
        ({**BOX, "class": None}, "class", "wrong_type"),
        ({**BOX, "attributes": {"a": None}}, "attributes/a", "wrong_type"),
        ({**BOX, "attributes": {"a": {}}}, "attributes/a", "wrong_type"),
        (
            {**BOX, "embedding": {"model": "m", "dimension": 0, "url": "s3://b/1"}},
            "embedding/dimension",
            "out_of_range",
        ),
        ({**LINE, "x2": -INFINITY}, "x2", "not_finite"),
        ({**POLYGON, "polygons": [[[0, 0], [1, 1]]]}, "polygons/0", "too_short"),
        ({**POLYGON, "polygons": []}, "polygons", "too_short"),
        ({**POLYGON, "polygons": [[[0, 0], [1, 0], [1]]]}, "polygons/0/2/1", "missing_field"),
        ({**POLYGON, "polygons": [[[0, 0], [1, 0], [1, 1, 1]]]}, "polygons/0/2", "too_long"),
        ({**POLYGON, "polygons": [[[0, 0], [1, 0], [1, NAN]]]}, "polygons/0/2/1", "not_finite"),
        ({**KEYPOINTS, "keypoints": []}, "keypoints", "too_short"),
        ({**KEYPOINTS, "keypoints": [NOSE, NOSE]}, "keypoints", "duplicate_keypoint"),
        ({**KEYPOINTS, "top": 1}, "", "missing_field"),
        ({**CUBOID, "dimensions": [1, -2, 3]}, "dimensions/1", "out_of_range"),
        ({**CUBOID, "position": [1, 2]}, "position/2", "missing_field"),
        ({**CUBOID, "rotation": {"w": 0, "x": 0, "y": 0, "z": 0}}, "rotation", "out_of_range"),
        ({**CUBOID, "coordinate_frame": "rig"}, "coordinate_frame", "unknown_coordinate_frame"),
        ({**MASK, "url": "javascript:alert(1)"}, "url", "invalid_url"),
        ({**MASK, "resize_mode": "crop"}, "resize_mode", "unknown_value"),
        ({**MASK, "instances": [{"id": 1, "class": "a"}] * 2}, "instances", "duplicate_instance_id"),
        ({**TOKEN, "index": -1}, "index", "out_of_range"),
        ({**TOKEN, "index": 1.0}, "index", "wrong_type"),
        ({**BOX, "type": "BBOX_4D"}, "type", "unknown_type"),
        ({"id": "1"}, "type", "missing_field"),
    ],
)
def test_a_bad_label_is_refused_where_it_is_bad(label: Json, place: str, code: str) -> None:
    pointer = f"/labels/0/{place}" if place else "/labels/0"
    assert [problem[:2] for problem in problems(labels=[label])] == [(code, pointer)]


@pytest.mark.parametrize(
    ("fields", "place", "code"),
    [
        ({"sensors": [{**CAM, "width": 0}]}, "/sensors/0/width", "out_of_range"),
        ({"sensors": [{**CAM, "url": "cam.png"}]}, "/sensors/0/url", "invalid_url"),
        ({"sensors": [{**CAM, "url": "s3://" + "x" * 2048}]}, "/sensors/0/url", "too_long"),
        ({"sensors": [{**CAM, "coordinate_frame": "rig"}]}, "/sensors/0/coordinate_frame", "unknown_coordinate_frame"),
        ({"sensors": [CAM, CAM]}, "/sensors/1/id", "duplicate_sensor_id"),
        ({"sensors": [DEPTH]}, "/sensors/0/overlay_id", "unknown_sensor"),
        ({"sensors": [CAM, {**DEPTH, "overlay_id": "depth"}]}, "/sensors/1/overlay_id", "unknown_sensor"),
        ({"sensors": [CAM], "labels": [{**BOX, "sensor": "lidar"}]}, "/labels/0/sensor", "unknown_sensor"),
        ({"labels": [BOX, BOX]}, "/labels/1/id", "duplicate_label_id"),
        (
            {"coordinate_frames": [RIG, RIG]},
            "/coordinate_frames/1/id",
            "duplicate_coordinate_frame_id",
        ),
        ({"coordinate_frames": [{**RIG, "id": "world"}]}, "/coordinate_frames/0/id", "invalid_id"),
        (
            {"coordinate_frames": [{**RIG, "parent": "x"}]},
            "/coordinate_frames/0/parent",
            "unknown_coordinate_frame",
        ),
        (
            {"coordinate_frames": [{**RIG, "parent": "rig"}]},
            "/coordinate_frames/0/parent",
            "circular_parents",
        ),
        (
            {"coordinate_frames": [{"id": "c", "type": "2D", "camera": {**CAMERA, "fx": 0}}]},
            "/coordinate_frames/0/camera",
            "out_of_range",
        ),
        (
            {"coordinate_frames": [{"id": "c", "type": "2D", "camera": {**CAMERA, "cx": 1}}]},
            "/coordinate_frames/0/camera",
            "missing_field",
        ),
        ({"captured_at": "2024-05-17"}, "/captured_at", "invalid_time"),
        ({"captured_at": "2024-05-17T09:30:00"}, "/captured_at", "invalid_time"),
        ({"captured_at": "2024-02-30T09:30:00Z"}, "/captured_at", "invalid_time"),
        ({"captured_at": 1715938200}, "/captured_at", "wrong_type"),
        ({"geo": {"lat": 91, "lon": 0}}, "/geo/lat", "out_of_range"),
        ({"geo": {"lat": 1}}, "/geo/lon", "missing_field"),
        ({"metadata": {"a": [1, "x"]}}, "/metadata/a", "mixed_list"),
        ({"metadata": {"a": [[1]]}}, "/metadata/a", "wrong_type"),
        ({"metadata": {"a": [True, 1]}}, "/metadata/a", "mixed_list"),
        ({"metadata": {"a": None}}, "/metadata/a", "wrong_type"),
        ({"metadata": {"a": NAN}}, "/metadata/a", "not_finite"),
        ({"metadata": {"a": [INFINITY]}}, "/metadata/a", "not_finite"),
        ({"metadata": {"a": 2**53}}, "/metadata/a", "out_of_range"),
        ({"metadata": {"a": "x" * 8193}}, "/metadata/a", "too_long"),
        ({"metadata": {"a": ["x"] * 1001}}, "/metadata/a", "too_long"),
        ({"metadata": {"a": "\ud800"}}, "/metadata/a", "invalid_text"),
        ({"metadata": {"": 1}}, "/metadata/", "invalid_name"),
        ({"metadata": {"a\n": 1}}, "/metadata/a\n", "invalid_name"),
        ({"metadata": {f"f{number}": 1 for number in range(501)}}, "/metadata", "too_long"),
    ],
)
def test_a_bad_frame_is_refused_where_it_is_bad(fields: Json, place: str, code: str) -> None:
    assert [problem[:2] for problem in problems(**fields)] == [(code, place)]


def test_an_overlay_lies_on_another_sensor_wherever_that_is_in_the_list() -> None:
    frame = Frame.model_validate({"frame_id": "f", "sensors": [DEPTH, CAM]})
    assert [sensor.id for sensor in frame.sensors] == ["depth", "cam"]


def test_every_type_of_label_and_sensor_is_drawn_by_the_strategies() -> None:
    assert set(LABELS) == set(LabelType.__args__)  # type: ignore[attr-defined]  # holds the values of a Literal


@pytest.mark.parametrize(
    ("patch", "table"), [(LabelPatch, LABELS), (SensorPatch, SENSORS), (CoordinateFramePatch, COORDINATE_FRAMES)]
)
def test_a_patch_has_every_field_of_every_type(patch: type[LabelPatch], table: Json) -> None:
    fields = {info.alias or name for name, info in patch.model_fields.items()}
    assert {field for must, may in table.values() for field in {**must, **may}} <= fields


def test_a_partial_frame_has_every_field_of_a_frame() -> None:
    assert PartialFrame.model_fields.keys() == Frame.model_fields.keys()
