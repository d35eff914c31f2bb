"""Frames: one datapoint of a dataset, with its sensors, metadata and labels."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Annotated, Protocol, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from tidemark.domain.canonical import canonical_json
from tidemark.domain.frames.coordinate_frames import WORLD, CoordinateFrame
from tidemark.domain.frames.embeddings import Embedding
from tidemark.domain.frames.fields import SHAPE, Instant, Latitude, Longitude, Metadata, Number, Text
from tidemark.domain.frames.labels import Cuboid3D, Label
from tidemark.domain.frames.sensors import ImageOverlay, Sensor
from tidemark.domain.ids import FrameId
from tidemark.domain.limits import MAX_LABELS_PER_FRAME, MAX_SENSORS
from tidemark.domain.problems import Problem, pointer

Sensors = Annotated[tuple[Sensor, ...], Field(max_length=MAX_SENSORS)]
CoordinateFrames = Annotated[tuple[CoordinateFrame, ...], Field(max_length=MAX_SENSORS)]
Labels = Annotated[tuple[Label, ...], Field(max_length=MAX_LABELS_PER_FRAME)]


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


class _HasClass(Protocol):
    @property
    def class_name(self) -> str | None: ...


class _HasClasses(_HasClass, Protocol):
    def all_instances(self) -> Iterable[_HasClass]: ...


class Geo(BaseModel):
    """A position on earth, WGS 84: degrees, and metres above the ellipsoid."""

    model_config = SHAPE

    lat: Latitude
    lon: Longitude
    alt: Number | None = None


class Frame(BaseModel):
    """One datapoint in one state. Sensors, coordinate frames and labels keep the order in which they were given."""

    model_config = SHAPE

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
    def _is_whole(self) -> Self:
        problems = [*_duplicates(self), *_dangling(self)]
        if problems:
            raise PydanticCustomError("contradiction", "This contradicts itself.", {"problems": problems})
        return self

    @cached_property
    def canonical(self) -> bytes:
        """This state in canonical JSON: what is not given is not written. Equal states have equal bytes."""
        return canonical_json(self.model_dump(exclude_defaults=True))

    def label_count(self) -> int:
        """How many labels the frame has; a mask is one, whatever its instances."""
        return len(self.labels)

    def class_counts(self) -> dict[str, int]:
        """How many labels and instances each class has, by its name."""
        return class_counts(self.labels)


def class_counts(labels: Iterable[_HasClasses]) -> dict[str, int]:
    """How many of these labels, whole or patches, and of their instances, each class has."""
    counts: dict[str, int] = {}
    for label in labels:
        for name in (label.class_name, *(instance.class_name for instance in label.all_instances())):
            if name is not None:
                counts[name] = counts.get(name, 0) + 1
    return counts


def duplicates(what: str, field: str, parts: Sequence[_HasId]) -> Iterator[Problem]:
    """A problem for each part whose id is in the list a second time; `what` is the thing that `field` lists."""
    if len({part.id for part in parts}) == len(parts):
        return
    seen: set[str] = set()
    for position, part in enumerate(parts):
        if part.id in seen:
            yield Problem(
                f"duplicate_{what.replace(' ', '_')}_id",
                pointer(field, position, "id"),
                f"The {what} id '{part.id}' is in the list twice.",
            )
        seen.add(part.id)


def _duplicates(frame: Frame) -> Iterator[Problem]:
    yield from duplicates("sensor", "sensors", frame.sensors)
    yield from duplicates("coordinate frame", "coordinate_frames", frame.coordinate_frames)
    yield from duplicates("label", "labels", frame.labels)


def _dangling(frame: Frame) -> Iterator[Problem]:
    """References to sensors and coordinate frames that the frame does not have.

    Labels of a frame without sensors may name any: they speak of sensors that are kept elsewhere.
    """
    sensors = {sensor.id for sensor in frame.sensors}
    places = {WORLD, *(found.id for found in frame.coordinate_frames)}
    for position, sensor in enumerate(frame.sensors):
        if sensor.coordinate_frame is not None and sensor.coordinate_frame not in places:
            whose = f"sensor '{sensor.id}'"
            yield _unknown("coordinate frame", sensor.coordinate_frame, whose, "sensors", position, "coordinate_frame")
        if isinstance(sensor, ImageOverlay) and sensor.overlay_id not in sensors - {sensor.id}:
            message = f"The sensor '{sensor.id}' lies on '{sensor.overlay_id}', which is no other sensor of the frame."
            yield Problem("unknown_sensor", pointer("sensors", position, "overlay_id"), message)
    for position, label in enumerate(frame.labels):
        whose = f"label '{label.id}'"
        if sensors and label.sensor is not None and label.sensor not in sensors:
            yield _unknown("sensor", label.sensor, whose, "labels", position, "sensor")
        place = label.coordinate_frame if isinstance(label, Cuboid3D) else None
        if place is not None and place not in places:
            yield _unknown("coordinate frame", place, whose, "labels", position, "coordinate_frame")
    yield from _parents(frame)


def _parents(frame: Frame) -> Iterator[Problem]:
    """Parents that are not there, and coordinate frames that are their own ancestors."""
    parents = {found.id: found.parent for found in frame.coordinate_frames}
    for position, found in enumerate(frame.coordinate_frames):
        if found.id == WORLD:
            message = f"Every frame has the coordinate frame '{WORLD}' already; choose another id."
            yield Problem("invalid_id", pointer("coordinate_frames", position, "id"), message)
        elif found.parent is not None and found.parent not in (WORLD, *parents):
            whose = f"coordinate frame '{found.id}'"
            yield _unknown("coordinate frame", found.parent, whose, "coordinate_frames", position, "parent")
        elif found.id in _ancestors(found.id, parents):
            message = f"The coordinate frame '{found.id}' is among its own parents."
            yield Problem("circular_parents", pointer("coordinate_frames", position, "parent"), message)


def _ancestors(found: str, parents: dict[str, str | None]) -> set[str]:
    ancestors: set[str] = set()
    ancestor = parents.get(found)
    while ancestor is not None and ancestor not in ancestors:
        ancestors.add(ancestor)
        ancestor = parents.get(ancestor)
    return ancestors


def _unknown(what: str, name: str, whose: str, *at: str | int) -> Problem:
    message = f"The {whose} names the {what} '{name}', which the frame does not have."
    return Problem(f"unknown_{what.replace(' ', '_')}", pointer(*at), message)
