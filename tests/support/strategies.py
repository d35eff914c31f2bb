"""Hypothesis strategies for frames, patches and mutations, as parsed JSON.

All frames and patches drawn here are valid rows for the class map `CLASS_MAP` and share one metadata schema, so any of
them can go to the same dataset. The small ones draw their ids from a handful, so that mutations meet in the same frames
and labels. Some of them do not fit the frame they meet.
"""

from typing import Any

from hypothesis import strategies as st

from tidemark.domain.frames.class_map import ClassInput, ClassMap

Json = dict[str, Any]

CLASSES = ("car", "person", "Fußgänger", "traffic light")
CLASS_MAP = ClassMap().append([ClassInput(name=name) for name in CLASSES])

_LETTERS = "abcXYZ019 _-.:@=+éß猫"


def _trimmed(text: str) -> bool:
    return text == text.strip() and text not in (".", "..")


ids = st.text(_LETTERS, min_size=1, max_size=20).filter(_trimmed)
names = st.text(_LETTERS + "/#%,~", min_size=1, max_size=12).filter(_trimmed)
numbers = st.integers(-(10**6), 10**6) | st.floats(-1e9, 1e9)
sizes = st.integers(0, 10**6) | st.floats(0, 1e9)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
urls = st.sampled_from(["https://a.example/1.png", "http://[::1]/?q=é", "s3://bucket/key", "gs://b/c/d.pcd"])
instants = st.datetimes().map(lambda instant: instant.isoformat(timespec="microseconds") + "Z")
values = st.one_of(
    texts,
    numbers,
    st.booleans(),
    st.lists(texts, max_size=3),
    st.lists(numbers, max_size=3),
    st.lists(st.booleans(), max_size=3),
)
attributes = st.dictionaries(names, values, max_size=3)
"""Label attributes and sensor metadata, which no schema constrains."""
metadata = st.fixed_dictionaries(
    {},
    optional={
        "weather": texts,
        "speed / (m/s)": numbers,
        "night": st.booleans(),
        "tags": st.lists(texts, max_size=3),
        "readings": st.lists(numbers, max_size=3),
        "flags~": st.lists(st.booleans(), max_size=3),
    },
)
"""Frame metadata, all of one schema."""

Fields = dict[str, st.SearchStrategy[Any]]

_points = st.lists(numbers, min_size=2, max_size=2)
_polygons = st.lists(st.lists(_points, min_size=3, max_size=5), min_size=1, max_size=2)
_vectors = st.lists(numbers, min_size=3, max_size=3)
_dimensions = st.lists(sizes, min_size=3, max_size=3)
_quaternions = st.fixed_dictionaries({"w": st.just(1), "x": numbers, "y": numbers, "z": numbers})
_keypoints = st.lists(
    st.fixed_dictionaries({"name": names, "x": numbers, "y": numbers}),
    min_size=1,
    max_size=3,
    unique_by=lambda keypoint: keypoint["name"],
)
_classes = st.sampled_from(CLASSES)
_instances = st.lists(
    st.fixed_dictionaries({"id": st.integers(0, 4), "class": _classes}, optional={"attributes": attributes}),
    max_size=3,
    unique_by=lambda instance: instance["id"],
)
_embeddings = st.fixed_dictionaries({"url": urls, "model": st.just("resnet"), "dimension": st.just(128)})
_box: Fields = {"top": numbers, "left": numbers, "width": sizes, "height": sizes}
_mask: Fields = {"class": _classes, "resize_mode": st.just("fill")}
_crowd: Fields = {"iscrowd": st.booleans()}

LABELS: dict[str, tuple[Fields, Fields]] = {
    "BBOX_2D": ({"class": _classes, **_box}, _crowd),
    "LINE_SEGMENT_2D": ({"class": _classes, "x1": numbers, "y1": numbers, "x2": numbers, "y2": numbers}, _crowd),
    "KEYPOINTS_2D": (
        {"class": _classes, "keypoints": _keypoints, **_box},
        {"polygons": _polygons, "center": _points, **_crowd},
    ),
    "POLYGON_LIST_2D": ({"class": _classes, "polygons": _polygons}, {"center": _points, **_crowd}),
    "SEMANTIC_LABEL_URL_2D": ({"url": urls}, _mask),
    "INSTANCE_LABEL_URL_2D": ({"url": urls}, {"instances": _instances, **_mask}),
    "CLASSIFICATION_2D": ({"class": _classes}, {"secondary_labels": attributes}),
    "CLASSIFICATION_3D": ({"class": _classes}, {}),
    "CUBOID_3D": (
        {"class": _classes, "position": _vectors, "dimensions": _dimensions, "rotation": _quaternions},
        {"coordinate_frame": st.just("world"), **_crowd},
    ),
    "TEXT_TOKEN": (
        {"class": _classes, "index": st.integers(0, 99), "token": texts, "visible": st.booleans()},
        _crowd,
    ),
}
"""Required and optional fields of each label type."""

_picture: Fields = {"width": st.integers(1, 9999), "height": st.integers(1, 9999)}

SENSORS: dict[str, tuple[Fields, Fields]] = {
    "IMAGE": ({"url": urls}, {"preview_url": urls, **_picture}),
    "IMAGE_OVERLAY": ({"url": urls, "overlay_id": ids}, {"resize_mode": st.just("fill"), **_picture}),
    "POINT_CLOUD": (
        {"url": urls, "format": st.sampled_from(["PCD", "KITTI", "XYZ"])},
        {"intensity_url": urls, "range_url": urls},
    ),
    "TEXT": ({"text": texts}, {}),
    "AUDIO": ({"url": urls}, {}),
    "VIDEO": ({"url": urls}, {}),
    "OBJECT_3D": ({"url": urls}, {}),
}
"""Required and optional fields of each sensor type."""

_cameras = st.fixed_dictionaries(
    {"model": st.sampled_from(["brown_conrady", "fisheye"]), "fx": st.just(900.5), "fy": st.integers(1, 999)},
    optional={"k1": numbers, "skew": numbers, "matrix": st.just([[1, 0, 0, 0]] * 4)},
)
_pose: Fields = {"position": _vectors, "orientation": _quaternions, "parent": st.just("world")}
COORDINATE_FRAMES: dict[str, tuple[Fields, Fields]] = {"2D": ({}, {**_pose, "camera": _cameras}), "3D": ({}, _pose)}
"""Required and optional fields of each type of coordinate frame."""

_coordinate_frame_ids = ids.filter(lambda name: name != "world")
small_frame_ids = st.sampled_from([f"frame-{number}" for number in range(5)])
small_label_ids = st.sampled_from([f"label-{number}" for number in range(4)])
small_sensor_ids = st.sampled_from(["cam", "lidar"])


def _of_any_type(
    table: dict[str, tuple[Fields, Fields]], some_ids: st.SearchStrategy[str], common: Fields
) -> st.SearchStrategy[Json]:
    by_type = [
        st.fixed_dictionaries({"id": some_ids, "type": st.just(kind), **required}, optional={**optional, **common})
        for kind, (required, optional) in table.items()
    ]
    return st.one_of(*by_type)


def _partial(
    table: dict[str, tuple[Fields, Fields]], some_ids: st.SearchStrategy[str], common: Fields
) -> st.SearchStrategy[Json]:
    """Draws a few fields that any of the types has, some of them null; mostly without the type."""
    fields: Fields = {**common, "type": st.sampled_from(sorted(table))}
    for required, optional in table.values():
        fields |= {name: st.none() | field for name, field in {**required, **optional}.items()}
    chosen = st.lists(st.sampled_from(sorted(fields)), max_size=3, unique=True)
    return chosen.flatmap(lambda some: st.fixed_dictionaries({"id": some_ids, **{name: fields[name] for name in some}}))


def _distinct(parts: st.SearchStrategy[Json], size: int = 3) -> st.SearchStrategy[list[Json]]:
    return st.lists(parts, max_size=size, unique_by=lambda part: part["id"])


def sensors(sensor_ids: st.SearchStrategy[str] = ids) -> st.SearchStrategy[Json]:
    """Draws a sensor of any type."""
    common: Fields = {"captured_at": instants, "metadata": attributes, "coordinate_frame": st.just("world")}
    return _of_any_type(SENSORS, sensor_ids, common)


def labels(label_ids: st.SearchStrategy[str] = ids) -> st.SearchStrategy[Json]:
    """Draws a label of any type that names no sensor."""
    return _of_any_type(LABELS, label_ids, {"attributes": attributes, "embedding": _embeddings})


_scalars_of_frame: Fields = {
    "captured_at": instants,
    "device_id": texts,
    "geo": st.fixed_dictionaries({"lat": st.floats(-90, 90), "lon": st.integers(-180, 180)}, optional={"alt": numbers}),
    "metadata": metadata,
    "embedding": _embeddings,
}


@st.composite
def frames(
    draw: st.DrawFn,
    frame_ids: st.SearchStrategy[str] = ids,
    label_ids: st.SearchStrategy[str] = ids,
    sensor_ids: st.SearchStrategy[str] = ids,
) -> Json:
    """Draws a complete frame for an ADD. Labels and overlays refer only to sensors of the frame."""
    frame: Json = draw(
        st.fixed_dictionaries(
            {"frame_id": frame_ids},
            optional={
                **_scalars_of_frame,
                "sensors": _distinct(sensors(sensor_ids)),
                "coordinate_frames": _distinct(_of_any_type(COORDINATE_FRAMES, _coordinate_frame_ids, {})),
                "labels": _distinct(labels(label_ids)),
            },
        )
    )
    if [sensor["type"] for sensor in frame.get("sensors", [])] == ["IMAGE_OVERLAY"]:
        del frame["sensors"]
    present: list[str] = [sensor["id"] for sensor in frame.get("sensors", [])]
    for sensor in frame.get("sensors", []):
        if sensor["type"] == "IMAGE_OVERLAY":
            sensor["overlay_id"] = draw(st.sampled_from([other for other in present if other != sensor["id"]]))
    for label in frame.get("labels", []) if present else []:
        if draw(st.booleans()):
            label["sensor"] = draw(st.sampled_from(present))
    return frame


@st.composite
def patches(
    draw: st.DrawFn,
    frame_ids: st.SearchStrategy[str] = ids,
    label_ids: st.SearchStrategy[str] = ids,
    sensor_ids: st.SearchStrategy[str] = ids,
) -> Json:
    """Draws the content of a MODIFY: complete or partial labels and sensors, and labels to remove."""
    label_fields: Fields = {"attributes": attributes, "embedding": _embeddings, "sensor": sensor_ids}
    some_labels = labels(label_ids) | _partial(LABELS, label_ids, label_fields)
    some_sensors = sensors(sensor_ids) | _partial(SENSORS, sensor_ids, {"metadata": attributes})
    optional: Fields = {**_scalars_of_frame, "labels": _distinct(some_labels), "sensors": _distinct(some_sensors, 2)}
    nullable = {name: st.none() | field for name, field in optional.items()}
    frame: Json = draw(st.fixed_dictionaries({"frame_id": frame_ids}, optional=nullable))
    given = {label["id"] for label in frame.get("labels") or []}
    removed = [label_id for label_id in draw(st.lists(label_ids, max_size=2)) if label_id not in given]
    return {"frame": frame, "remove_labels": removed} if removed else {"frame": frame}


def mutations(
    frame_ids: st.SearchStrategy[str] = ids,
    label_ids: st.SearchStrategy[str] = ids,
    sensor_ids: st.SearchStrategy[str] = ids,
) -> st.SearchStrategy[Json]:
    """Draws a valid row of any kind."""
    some = (frame_ids, label_ids, sensor_ids)
    return st.one_of(
        st.builds(lambda frame: {"op": "ADD", "frame": frame}, frames(*some)),
        st.builds(lambda patch: {"op": "MODIFY", **patch}, patches(*some)),
        st.builds(lambda frame_id: {"op": "DELETE", "frame_id": frame_id}, frame_ids),
    )


small_frames = frames(small_frame_ids, small_label_ids, small_sensor_ids)
small_patches = patches(small_frame_ids, small_label_ids, small_sensor_ids)
small_mutations = mutations(small_frame_ids, small_label_ids, small_sensor_ids)
"""Rows with few frames and labels, so that they meet."""

_odd_texts = st.text(st.characters(categories=None)) | st.sampled_from(["\ud800", "\udfff", "", "BBOX_2D", "ADD"])
_odd_numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 2**53, 1e308, -0.0])
any_json = st.recursive(
    st.none() | st.booleans() | _odd_numbers | _odd_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_odd_texts, inner, max_size=4),
    max_leaves=12,
)
"""Any value that Python's JSON parser can return, including NaN, infinity and lone surrogates."""


@st.composite
def spoiled(draw: st.DrawFn, rows: st.SearchStrategy[Json]) -> Json:
    """Draws a valid row, then replaces one value anywhere in it, or adds a field."""
    row: Json = draw(rows)
    place: Any = row
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.integers(0, 3)) == 0:
            break
        place = inner
    if isinstance(place, dict) and draw(st.booleans()):
        place[draw(_odd_texts)] = draw(any_json)
    else:
        place[key] = draw(any_json)
    return row
