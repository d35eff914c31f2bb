"""How frames and labels are expressed in COCO, and what is left out (R15)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import frames
from tidemark.checkpoints import coco
from tidemark.checkpoints.coco import NO_IMAGE, CocoTally, Numbering, categories, coco_frame
from tidemark.domain.frames.frames import Frame
from tidemark.domain.limits import MAX_CLASS_KEYPOINTS

Json = dict[str, Any]
CAM = {"id": "cam", "type": "IMAGE", "url": "https://a.example/1.png"}
BOX = {"id": "b", "type": "BBOX_2D", "class": "car", "top": 1.0, "left": 2.0, "width": 3.0, "height": 4.0}
TRIANGLE = [[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]]


def numbered(frame: Json, keypoints: dict[str, list[str] | None] | None = None) -> tuple[list[Json], list[Json]]:
    return Numbering(0, 0, {"car": 7}, keypoints or {}).number({"frame_id": "f1", **frame})


def annotation(label: Json, keypoints: dict[str, list[str] | None] | None = None) -> Json:
    _, (found,) = numbered({"sensors": [CAM], "labels": [label]}, keypoints)
    return found


def pose(*names: str, **more: Any) -> Json:
    points = [{"name": name, "x": float(n), "y": float(2 * n)} for n, name in enumerate(names, 1)]
    return {"id": "p", "type": "KEYPOINTS_2D", "class": "car", "keypoints": points, **more}


def test_an_image_is_told_with_what_is_known_of_it() -> None:
    sized = CAM | {"width": 64, "height": 48, "captured_at": "2026-01-01T00:00:00Z"}
    (image,), _ = numbered({"sensors": [sized]})
    assert image == {
        "id": 1,
        "file_name": "https://a.example/1.png",
        "coco_url": "https://a.example/1.png",
        "frame_id": "f1",
        "sensor": "cam",
        "width": 64,
        "height": 48,
        "date_captured": "2026-01-01T00:00:00Z",
    }
    (image,), _ = numbered({"sensors": [CAM], "captured_at": "2026-01-02T00:00:00Z"})
    assert "width" not in image
    assert image["date_captured"] == "2026-01-02T00:00:00Z"


def test_a_box_keeps_its_numbers() -> None:
    found = annotation(BOX | {"iscrowd": True, "attributes": {"hard": True}})
    assert found == {
        "id": 1,
        "image_id": 1,
        "category_id": 7,
        "bbox": [2.0, 1.0, 3.0, 4.0],
        "area": 12.0,
        "iscrowd": 1,
        "segmentation": [],
        "label_id": "b",
        "attributes": {"hard": True},
    }


def test_polygons_have_the_box_around_them_and_the_sum_of_their_areas() -> None:
    square = [[5.0, 5.0], [5.0, 7.0], [7.0, 7.0], [7.0, 5.0]]
    found = annotation({"id": "p", "type": "POLYGON_LIST_2D", "class": "car", "polygons": [TRIANGLE, square]})
    assert found["segmentation"] == [[0, 0, 4, 0, 0, 3], [5, 5, 5, 7, 7, 7, 7, 5]]
    assert (found["bbox"], found["area"]) == ([0, 0, 7, 7], 6 + 4)


@pytest.mark.parametrize(
    ("more", "box", "area", "outline"),
    [
        ({}, [1, 2, 1, 2], 2, []),
        ({"top": 0.0, "left": 0.0, "width": 9.0, "height": 9.0}, [0, 0, 9, 9], 81, []),
        ({"polygons": [TRIANGLE]}, [0, 0, 4, 3], 6, [[0, 0, 4, 0, 0, 3]]),
    ],
)
def test_keypoints_have_their_box_or_the_one_around_what_is_drawn(
    more: Json, box: list[float], area: float, outline: list[list[float]]
) -> None:
    found = annotation(pose("eye", "ear", **more), {"car": ["ear", "tail", "eye"]})
    assert (found["bbox"], found["area"], found["segmentation"]) == (box, area, outline)
    assert (found["keypoints"], found["num_keypoints"]) == ([2, 4, 2, 0, 0, 0, 1, 2, 2], 2)


def test_keypoints_of_a_class_with_too_many_names_are_left_out_and_the_rest_stays() -> None:
    found = annotation(pose("eye"), {"car": None})
    assert "keypoints" not in found
    assert found["bbox"] == [1, 2, 0, 0]
    assert categories([(7, "car")], {"car": None}) == [{"id": 7, "name": "car", "supercategory": ""}]


def test_a_category_names_the_keypoints_in_the_order_of_the_annotations() -> None:
    (category,) = categories([(7, "car")], {"car": ["ear", "eye"]})
    assert (category["keypoints"], category["skeleton"]) == (["ear", "eye"], [])


def test_a_label_that_names_no_sensor_is_of_the_only_image() -> None:
    lidar = {"id": "lidar", "type": "POINT_CLOUD", "format": "PCD", "url": "https://a.example/1.pcd"}
    assert coco_frame({"frame_id": "f", "sensors": [lidar, CAM], "labels": [BOX]}).labels == [(0, BOX)]


@pytest.mark.parametrize("sensors", [[CAM, CAM | {"id": "rear"}], [CAM | {"type": "VIDEO"}]])
def test_a_label_of_no_image_that_is_known_is_left_out(sensors: list[Json]) -> None:
    coco_result = coco_frame({"frame_id": "f", "sensors": sensors, "labels": [BOX]})
    assert (coco_result.labels, coco_result.left_out) == ([], {NO_IMAGE: 1})


def test_a_label_is_of_the_image_that_it_names() -> None:
    label = BOX | {"sensor": "rear"}
    images, (found,) = numbered({"sensors": [CAM, CAM | {"id": "rear"}], "labels": [label]})
    assert [image["sensor"] for image in images if image["id"] == found["image_id"]] == ["rear"]


def test_a_frame_without_sensors_is_an_image_for_each_sensor_that_its_labels_name() -> None:
    images, _ = numbered({})
    assert images == [{"id": 1, "file_name": "f1", "frame_id": "f1"}]
    labels = [BOX | {"sensor": "a"}, BOX | {"sensor": "b"}]
    images, annotations = numbered({"labels": labels})
    assert [image["file_name"] for image in images] == ["f1/a", "f1/b"]
    assert [annotation["image_id"] for annotation in annotations] == [1, 2]


@pytest.mark.parametrize("kind", ["CUBOID_3D", "TEXT_TOKEN", "LINE_SEGMENT_2D", "CLASSIFICATION_2D"])
def test_what_has_no_place_in_coco_is_left_out_by_its_type(kind: str) -> None:
    coco_result = coco_frame({"frame_id": "f", "sensors": [CAM], "labels": [{"id": "x", "type": kind, "class": "car"}]})
    assert (coco_result.labels, coco_result.left_out) == ([], {kind: 1})


def test_a_class_has_the_names_of_all_its_keypoints_in_the_order_in_which_they_were_met() -> None:
    tally = CocoTally()
    for names in (("eye", "ear"), ("tail", "eye")):
        tally.add({"frame_id": "f", "labels": [pose(*names)]})
    assert tally.result().keypoints == {"car": ["eye", "ear", "tail"]}


def test_names_of_keypoints_are_counted_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = CocoTally()
    tally.add({"frame_id": "f", "labels": [pose(*(f"k{n}" for n in range(MAX_CLASS_KEYPOINTS)))]})
    assert len((tally.result().keypoints or {})["car"] or ()) == MAX_CLASS_KEYPOINTS
    tally.add({"frame_id": "f", "labels": [pose("one more")]})
    assert tally.result().keypoints == {"car": None}
    monkeypatch.setattr(coco, "MAX_KEYPOINT_NAMES", 1)
    tally.add({"frame_id": "f", "labels": [pose("a", "b") | {"class": "other"}]})
    assert tally.result().keypoints is None


@given(some=st.lists(frames(), max_size=5), cut=st.integers(0, 5))
def test_the_tally_of_parts_is_that_of_the_whole(some: list[Json], cut: int) -> None:
    kept = [Frame.model_validate(frame).model_dump(exclude_defaults=True) for frame in some]
    whole, merged = CocoTally(), CocoTally()
    for frame in kept:
        whole.add(frame)
    for part in (kept[:cut], kept[cut:]):
        tally = CocoTally()
        for frame in part:
            tally.add(frame)
        merged.merge(tally.result())
    assert merged.result() == whole.result()
