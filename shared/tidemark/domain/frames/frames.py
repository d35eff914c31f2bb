"""Frames: the datapoints of a dataset, with their sensors, metadata and labels."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Protocol, Self

from pydantic import BaseModel, Field, model_validator

from tidemark.domain.canonical import canonical_json
from tidemark.domain.frames.coordinate_frames import WORLD, CoordinateFrame
from tidemark.domain.frames.embeddings import Embedding
from tidemark.domain.frames.fields import MODEL_CONFIG, Instant, Latitude, Longitude, Metadata, Number, Text
from tidemark.domain.frames.labels import Cuboid3D, Label
from tidemark.domain.frames.sensors import ImageOverlay, Sensor
from tidemark.domain.ids import FrameId
from tidemark.domain.limits import MAX_LABELS_PER_FRAME, MAX_SENSORS
from tidemark.domain.problems import Problem, contradiction, pointer

Json = dict[str, Any]
"""A JSON object."""

Sensors = Annotated[tuple[Sensor, ...], Field(max_length=MAX_SENSORS)]
CoordinateFrames = Annotated[tuple[CoordinateFrame, ...], Field(max_length=MAX_SENSORS)]
Labels = Annotated[tuple[Label, ...], Field(max_length=MAX_LABELS_PER_FRAME)]


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


class _HasItems(Protocol):
    @property
    def sensors(self) -> Sequence[_HasId] | None: ...
    @property
    def coordinate_frames(self) -> Sequence[_HasId] | None: ...
    @property
    def labels(self) -> Sequence[_HasId] | None: ...


class Geo(BaseModel):
    """A position on earth (WGS 84): latitude and longitude in degrees, altitude in metres above the ellipsoid."""

    model_config = MODEL_CONFIG

    lat: Latitude
    lon: Longitude
    alt: Number | None = None


class Frame(BaseModel):
    """One state of a datapoint. Sensors, coordinate frames and labels keep the order in which they were given."""

    model_config = MODEL_CONFIG

    frame_id: FrameId
    captured_at: Instant | None = None
    device_id: Text | None = None
    geo: Geo | None = None
    sensors: Sensors = ()
    coordinate_frames: CoordinateFrames = ()
    metadata: Metadata = Field(default_factory=dict)
    embedding: Embedding | None = None
    labels: Labels = ()

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        """Raises ValidationError if the frame breaks a rule of frames as a whole.

        A merge validates a frame only if `_may_break_a_rule` in `merge.py` expects it to break a rule: a new rule goes
        there too.
        """
        problems = [*duplicate_ids(self), *_broken_references(self)]
        if problems:
            raise contradiction(problems)
        return self

    def stored(self) -> Json:
        """Returns the frame as JSON, without fields that are not given."""
        return self.model_dump(exclude_defaults=True)

    @property
    def canonical(self) -> bytes:
        """The frame in canonical JSON, as it is stored. Equal states have equal bytes."""
        return canonical_json(self.stored())


def class_counts(content: Json) -> dict[str, int]:
    """Returns the number of labels and mask instances of each class, by class name, in the JSON of a frame or a patch.

    A mask counts as one label, whatever its instances.
    """
    counts: dict[str, int] = {}
    for label in content.get("labels", ()):
        for item in (label, *label.get("instances", ())):
            if "class" in item:
                counts[item["class"]] = counts.get(item["class"], 0) + 1
    return counts


def duplicate_ids(frame: _HasItems) -> Iterator[Problem]:
    """Yields a problem for each repeated id of a sensor, coordinate frame or label in a frame or a patch."""
    yield from _duplicates("sensor", "sensors", frame.sensors or ())
    yield from _duplicates("coordinate frame", "coordinate_frames", frame.coordinate_frames or ())
    yield from _duplicates("label", "labels", frame.labels or ())


def _duplicates(kind: str, field: str, items: Sequence[_HasId]) -> Iterator[Problem]:
    if len({item.id for item in items}) == len(items):
        return
    seen: set[str] = set()
    for position, item in enumerate(items):
        if item.id in seen:
            yield Problem(
                f"duplicate_{kind.replace(' ', '_')}_id",
                pointer(field, position, "id"),
                f"The {kind} id '{item.id}' is in the list twice.",
            )
        seen.add(item.id)


def _broken_references(frame: Frame) -> Iterator[Problem]:
    """Yields a problem for each reference to a sensor or coordinate frame that the frame does not have.

    If the frame has no sensors, its labels may name any sensor, because the frame's sensors are then stored elsewhere.
    """
    sensor_ids = {sensor.id for sensor in frame.sensors}
    coordinate_frame_ids = {WORLD, *(coordinate_frame.id for coordinate_frame in frame.coordinate_frames)}
    for position, sensor in enumerate(frame.sensors):
        if sensor.coordinate_frame is not None and sensor.coordinate_frame not in coordinate_frame_ids:
            owner = f"sensor '{sensor.id}'"
            path = ("sensors", position, "coordinate_frame")
            yield _unknown("coordinate frame", sensor.coordinate_frame, owner, *path)
        if isinstance(sensor, ImageOverlay) and sensor.overlay_id not in sensor_ids - {sensor.id}:
            message = (
                f"The sensor '{sensor.id}' overlays '{sensor.overlay_id}', which is not another sensor of the frame."
            )
            yield Problem("unknown_sensor", pointer("sensors", position, "overlay_id"), message)
    for position, label in enumerate(frame.labels):
        owner = f"label '{label.id}'"
        if sensor_ids and label.sensor is not None and label.sensor not in sensor_ids:
            yield _unknown("sensor", label.sensor, owner, "labels", position, "sensor")
        coordinate_frame_id = label.coordinate_frame if isinstance(label, Cuboid3D) else None
        if coordinate_frame_id is not None and coordinate_frame_id not in coordinate_frame_ids:
            yield _unknown("coordinate frame", coordinate_frame_id, owner, "labels", position, "coordinate_frame")
    yield from _bad_parents(frame)


def _bad_parents(frame: Frame) -> Iterator[Problem]:
    """Yields a problem for each coordinate frame that is named `world`, has an unknown parent or is its own parent,
    directly or through others."""
    parents = {coordinate_frame.id: coordinate_frame.parent for coordinate_frame in frame.coordinate_frames}
    for position, coordinate_frame in enumerate(frame.coordinate_frames):
        frame_id, parent = coordinate_frame.id, coordinate_frame.parent
        if frame_id == WORLD:
            message = f"Every frame already has the coordinate frame '{WORLD}'. Choose another id."
            yield Problem("invalid_id", pointer("coordinate_frames", position, "id"), message)
        elif parent is not None and parent not in (WORLD, *parents):
            owner = f"coordinate frame '{frame_id}'"
            yield _unknown("coordinate frame", parent, owner, "coordinate_frames", position, "parent")
        elif frame_id in _ancestors(frame_id, parents):
            message = f"The coordinate frame '{frame_id}' is its own ancestor."
            yield Problem("circular_parents", pointer("coordinate_frames", position, "parent"), message)


def _ancestors(frame_id: str, parents: dict[str, str | None]) -> set[str]:
    ancestors: set[str] = set()
    ancestor = parents.get(frame_id)
    while ancestor is not None and ancestor not in ancestors:
        ancestors.add(ancestor)
        ancestor = parents.get(ancestor)
    return ancestors


def _unknown(kind: str, name: str, owner: str, *path: str | int) -> Problem:
    message = f"The {owner} refers to the {kind} '{name}', which the frame does not have."
    return Problem(f"unknown_{kind.replace(' ', '_')}", pointer(*path), message)
