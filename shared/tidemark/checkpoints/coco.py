"""COCO: frames as images, and their labels as annotations, as far as COCO has a place for them (R15).

An image sensor of a frame is an image. A frame without sensors is one as well, or one for each sensor that its labels
name, which is then kept elsewhere. Coordinates are ours: pixels from the top left corner.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from tidemark.domain.limits import MAX_CLASS_KEYPOINTS, MAX_KEYPOINT_NAMES

Json = dict[str, Any]

DRAWN = frozenset({"BBOX_2D", "POLYGON_LIST_2D", "KEYPOINTS_2D"})
"""Types of labels that COCO has a place for."""
NO_IMAGE = "no_image"
"""The reason why a label is left out that is of no image, or of one of several that it does not name."""
VISIBLE = 2
"""COCO's word for a keypoint that is labelled and to be seen; ours do not tell of any that is hidden."""


class Placed(NamedTuple):
    """What of a frame has a place in COCO."""

    images: list[Json]
    """Without ids."""
    labels: list[tuple[int, Json]]
    """The labels that become annotations, each with the position of its image."""
    left_out: Counter[str]
    """The other labels: by their type, or by `NO_IMAGE`."""


class CocoCounts(BaseModel):
    """How much of some frames has a place in COCO, and which keypoints their labels have."""

    model_config = ConfigDict(frozen=True)

    images: int
    annotations: int
    left_out: dict[str, int]
    keypoints: dict[str, list[str] | None] | None
    """The names of the keypoints of each class, in the order in which they were met; None where they are too many."""


class CocoTally:
    """Counts frames. Tallies of parts, merged in their order, make the tally of the whole."""

    def __init__(self) -> None:
        self._images = self._annotations = 0
        self._left_out: Counter[str] = Counter()
        self._keypoints: dict[str, dict[str, None] | None] | None = {}

    def add(self, frame: Json) -> None:
        """Count a frame, as it is kept."""
        placed = place(frame)
        self._images += len(placed.images)
        self._annotations += len(placed.labels)
        self._left_out.update(placed.left_out)
        for _, label in placed.labels:
            if label["type"] == "KEYPOINTS_2D":
                self._learn(label["class"], [keypoint["name"] for keypoint in label["keypoints"]])

    def merge(self, part: CocoCounts) -> None:
        """Count what a part has counted that comes after all before it."""
        self._images += part.images
        self._annotations += part.annotations
        self._left_out.update(part.left_out)
        if part.keypoints is None:
            self._keypoints = None
        for name, keypoints in (part.keypoints or {}).items():
            self._learn(name, keypoints)

    def result(self) -> CocoCounts:
        """All that is counted."""
        known = self._keypoints
        return CocoCounts(
            images=self._images,
            annotations=self._annotations,
            left_out=dict(sorted(self._left_out.items())),
            keypoints=None
            if known is None
            else {name: None if names is None else list(names) for name, names in known.items()},
        )

    def _learn(self, class_name: str, keypoints: list[str] | None) -> None:
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


def place(frame: Json) -> Placed:
    """What of a frame, as it is kept, has a place in COCO."""
    sensors, labels = frame.get("sensors", []), frame.get("labels", [])
    if sensors:
        images = {sensor["id"]: _image(frame, sensor) for sensor in sensors if sensor["type"] == "IMAGE"}
    else:
        named = dict.fromkeys(label["sensor"] for label in labels if "sensor" in label)
        images = {sensor: _bare_image(frame, sensor) for sensor in named or [None]}
    positions = {sensor: position for position, sensor in enumerate(images)}
    taken: list[tuple[int, Json]] = []
    left_out: Counter[str] = Counter()
    for label in labels:
        position = 0 if "sensor" not in label and len(images) == 1 else positions.get(label.get("sensor"))
        if label["type"] not in DRAWN:
            left_out[label["type"]] += 1
        elif position is None:
            left_out[NO_IMAGE] += 1
        else:
            taken.append((position, label))
    return Placed(list(images.values()), taken, left_out)


class Numbering:
    """Gives images and annotations their ids, which are dense and begin at 1."""

    def __init__(
        self, images: int, annotations: int, categories: Mapping[str, int], keypoints: Mapping[str, list[str] | None]
    ) -> None:
        """`images` and `annotations` have ids already; `categories` are ids of classes by name."""
        self._images = images
        self._annotations = annotations
        self._categories = categories
        self._keypoints = keypoints

    def number(self, frame: Json) -> tuple[list[Json], list[Json]]:
        """The images and the annotations of the next frame, with their ids."""
        placed = place(frame)
        images = [{"id": self._images + position + 1, **image} for position, image in enumerate(placed.images)]
        annotations = [
            {
                "id": self._annotations + count,
                "image_id": images[position]["id"],
                "category_id": self._categories[label["class"]],
                **_annotation(label, self._keypoints.get(label["class"])),
            }
            for count, (position, label) in enumerate(placed.labels, 1)
        ]
        self._images += len(images)
        self._annotations += len(annotations)
        return images, annotations


def categories(classes: Iterable[tuple[int, str]], keypoints: Mapping[str, list[str] | None]) -> list[Json]:
    """The categories: a class each, given by id and name, with the keypoints that its labels have."""
    return [_category(number, name, keypoints.get(name)) for number, name in classes]


def _category(number: int, name: str, keypoints: list[str] | None) -> Json:
    category: Json = {"id": number, "name": name, "supercategory": ""}
    return category | ({"keypoints": keypoints, "skeleton": []} if keypoints else {})


def _image(frame: Json, sensor: Json) -> Json:
    image = {"file_name": sensor["url"], "coco_url": sensor["url"], "frame_id": frame["frame_id"]}
    sizes = {side: sensor[side] for side in ("width", "height") if side in sensor}
    return image | {"sensor": sensor["id"]} | sizes | _captured(sensor, frame)


def _bare_image(frame: Json, sensor: str | None) -> Json:
    name = frame["frame_id"] if sensor is None else f"{frame['frame_id']}/{sensor}"
    image = {"file_name": name, "frame_id": frame["frame_id"]}
    return image | ({} if sensor is None else {"sensor": sensor}) | _captured(frame)


def _captured(*holders: Json) -> Json:
    found = next((holder["captured_at"] for holder in holders if "captured_at" in holder), None)
    return {"date_captured": found} if found else {}


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
    """x, y and visibility of each keypoint that the class has, 0, 0, 0 for those that the label has not."""
    known = {keypoint["name"]: keypoint for keypoint in keypoints}
    for name in names:
        found = known.get(name)
        yield from (0, 0, 0) if found is None else (found["x"], found["y"], VISIBLE)


def _bounds(points: list[list[float]]) -> list[float]:
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def _area(polygon: list[list[float]]) -> float:
    """By the shoelace formula."""
    following = [*polygon[1:], polygon[0]]
    edges = zip(polygon, following, strict=True)
    doubled = sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in edges)
    return abs(doubled) / 2
