"""Converts frames to COCO images, and labels to COCO annotations, as far as COCO can express them (R15).

Each image sensor of a frame becomes an image. A frame without sensors becomes one image, or if its labels name sensors,
one image for each sensor named, since their data is stored elsewhere. Coordinates are unchanged: pixels from the top
left corner.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from tidemark.domain.limits import MAX_CLASS_KEYPOINTS, MAX_KEYPOINT_NAMES

Json = dict[str, Any]

EXPORTED_TYPES = frozenset({"BBOX_2D", "POLYGON_LIST_2D", "KEYPOINTS_2D"})
"""Label types that COCO can express."""
NO_IMAGE = "no_image"
"""Reason for leaving out a label whose image is unknown: its sensor is no image, or it names no sensor although the
frame does not have exactly one image."""
VISIBLE = 2
"""COCO's visibility flag for a labelled and visible keypoint. All keypoints get it: our labels do not record hidden
keypoints."""


class CocoFrame(NamedTuple):
    """A frame's COCO images, the labels that become annotations, and counts of the labels left out."""

    images: list[Json]
    """The COCO images, before ids are assigned."""
    labels: list[tuple[int, Json]]
    """The labels that become annotations, as stored, each after the index of its image in `images`."""
    left_out: Counter[str]
    """Numbers of labels left out, by reason: the label's type, or `NO_IMAGE`."""


class CocoCounts(BaseModel):
    """Numbers of COCO images and annotations in a set of frames, and the keypoint names in their labels."""

    model_config = ConfigDict(frozen=True)

    images: int
    annotations: int
    left_out: dict[str, int]
    """Numbers of labels left out, by reason: the label's type, or `NO_IMAGE`."""
    keypoints: dict[str, list[str] | None] | None
    """Keypoint names by class, in order of appearance. None for a class with more than `MAX_CLASS_KEYPOINTS` names, and
    None altogether if the classes together have more than `MAX_KEYPOINT_NAMES`."""


class CocoTally:
    """Counts what frames contain in terms of COCO. Counts of consecutive sets of frames must be merged in order."""

    def __init__(self) -> None:
        self._images = self._annotations = 0
        self._left_out: Counter[str] = Counter()
        self._keypoints: dict[str, dict[str, None] | None] | None = {}

    def add(self, frame: Json) -> None:
        """Counts one frame, given as its stored JSON object."""
        coco = coco_frame(frame)
        self._images += len(coco.images)
        self._annotations += len(coco.labels)
        self._left_out.update(coco.left_out)
        for _, label in coco.labels:
            if label["type"] == "KEYPOINTS_2D":
                self._add_keypoints(label["class"], [keypoint["name"] for keypoint in label["keypoints"]])

    def merge(self, counts: CocoCounts) -> None:
        """Adds the counts of the set of frames that follows those counted so far."""
        self._images += counts.images
        self._annotations += counts.annotations
        self._left_out.update(counts.left_out)
        if counts.keypoints is None:
            self._keypoints = None
        for name, keypoints in (counts.keypoints or {}).items():
            self._add_keypoints(name, keypoints)

    def result(self) -> CocoCounts:
        """Returns the counts of all frames so far."""
        known = self._keypoints
        return CocoCounts(
            images=self._images,
            annotations=self._annotations,
            left_out=dict(sorted(self._left_out.items())),
            keypoints=None
            if known is None
            else {name: None if names is None else list(names) for name, names in known.items()},
        )

    def _add_keypoints(self, class_name: str, keypoints: list[str] | None) -> None:
        if self._keypoints is None:
            return
        known = self._keypoints.setdefault(class_name, {})
        if known is None or keypoints is None:
            self._keypoints[class_name] = None
            return
        known.update(dict.fromkeys(keypoints))
        if len(known) > MAX_CLASS_KEYPOINTS:
            self._keypoints[class_name] = None
        if sum(len(names or ()) for names in self._keypoints.values()) > MAX_KEYPOINT_NAMES:
            self._keypoints = None


def coco_frame(frame: Json) -> CocoFrame:
    """Returns the COCO images and labels of a frame, given as its stored JSON object."""
    sensors, labels = frame.get("sensors", []), frame.get("labels", [])
    if sensors:
        images = {sensor["id"]: _image(frame, sensor) for sensor in sensors if sensor["type"] == "IMAGE"}
    else:
        sensor_ids = dict.fromkeys(label["sensor"] for label in labels if "sensor" in label)
        images = {sensor_id: _image_without_url(frame, sensor_id) for sensor_id in sensor_ids or [None]}
    positions = {sensor: position for position, sensor in enumerate(images)}
    exported: list[tuple[int, Json]] = []
    left_out: Counter[str] = Counter()
    for label in labels:
        position = 0 if "sensor" not in label and len(images) == 1 else positions.get(label.get("sensor"))
        if label["type"] not in EXPORTED_TYPES:
            left_out[label["type"]] += 1
        elif position is None:
            left_out[NO_IMAGE] += 1
        else:
            exported.append((position, label))
    return CocoFrame(list(images.values()), exported, left_out)


class Numbering:
    """Assigns consecutive ids, from 1, to the images and annotations of frames, in order."""

    def __init__(
        self, images: int, annotations: int, categories: Mapping[str, int], keypoints: Mapping[str, list[str] | None]
    ) -> None:
        """`images` and `annotations` are the numbers of ids assigned before. `categories` are class ids by class name.
        `keypoints` are keypoint names by class name."""
        self._images = images
        self._annotations = annotations
        self._categories = categories
        self._keypoints = keypoints

    def number(self, frame: Json) -> tuple[list[Json], list[Json]]:
        """Returns the COCO images and annotations of the next frame, with ids assigned."""
        coco = coco_frame(frame)
        images = [{"id": self._images + position + 1, **image} for position, image in enumerate(coco.images)]
        annotations = [
            {
                "id": self._annotations + count,
                "image_id": images[position]["id"],
                "category_id": self._categories[label["class"]],
                **_annotation(label, self._keypoints.get(label["class"])),
            }
            for count, (position, label) in enumerate(coco.labels, 1)
        ]
        self._images += len(images)
        self._annotations += len(annotations)
        return images, annotations


def categories(classes: Iterable[tuple[int, str]], keypoints: Mapping[str, list[str] | None]) -> list[Json]:
    """Returns the COCO categories of `classes`, given as pairs of id and name. `keypoints` are keypoint names by class
    name."""
    return [_category(number, name, keypoints.get(name)) for number, name in classes]


def _category(number: int, name: str, keypoints: list[str] | None) -> Json:
    category: Json = {"id": number, "name": name, "supercategory": ""}
    return category | ({"keypoints": keypoints, "skeleton": []} if keypoints else {})


def _image(frame: Json, sensor: Json) -> Json:
    image = {"file_name": sensor["url"], "coco_url": sensor["url"], "frame_id": frame["frame_id"]}
    sizes = {side: sensor[side] for side in ("width", "height") if side in sensor}
    return image | {"sensor": sensor["id"]} | sizes | _captured(sensor, frame)


def _image_without_url(frame: Json, sensor: str | None) -> Json:
    name = frame["frame_id"] if sensor is None else f"{frame['frame_id']}/{sensor}"
    image = {"file_name": name, "frame_id": frame["frame_id"]}
    return image | ({} if sensor is None else {"sensor": sensor}) | _captured(frame)


def _captured(*holders: Json) -> Json:
    captured_at = next((holder["captured_at"] for holder in holders if "captured_at" in holder), None)
    return {"date_captured": captured_at} if captured_at else {}


def _annotation(label: Json, names: list[str] | None) -> Json:
    polygons = label.get("polygons", [])
    points = [point for polygon in polygons for point in polygon]
    points = points or [[keypoint["x"], keypoint["y"]] for keypoint in label.get("keypoints", [])]
    box = [label["left"], label["top"], label["width"], label["height"]] if "left" in label else _bounds(points)
    annotation: Json = {
        "bbox": box,
        "area": sum(_area(polygon) for polygon in polygons) if polygons else box[2] * box[3],
        "iscrowd": int(label.get("iscrowd", False)),
        "segmentation": [[number for point in polygon for number in point] for polygon in polygons],
        "label_id": label["id"],
    }
    if "attributes" in label:
        annotation["attributes"] = label["attributes"]
    if label["type"] == "KEYPOINTS_2D" and names:
        annotation["keypoints"] = list(_flat(label["keypoints"], names))
        annotation["num_keypoints"] = len(label["keypoints"])
    return annotation


def _flat(keypoints: Iterable[Json], names: Iterable[str]) -> Iterator[float]:
    """Yields x, y and visibility for each of a class's keypoint `names`; 0, 0, 0 if the label lacks that keypoint."""
    by_name = {keypoint["name"]: keypoint for keypoint in keypoints}
    for name in names:
        keypoint = by_name.get(name)
        yield from (0, 0, 0) if keypoint is None else (keypoint["x"], keypoint["y"], VISIBLE)


def _bounds(points: list[list[float]]) -> list[float]:
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def _area(polygon: list[list[float]]) -> float:
    """Returns the area of a polygon, by the shoelace formula."""
    following = [*polygon[1:], polygon[0]]
    edges = zip(polygon, following, strict=True)
    doubled = sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in edges)
    return abs(doubled) / 2
