"""Statistics of the frames of a checkpoint: counted page by page, and added up (R15)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from tidemark.domain.canonical import canonical_json
from tidemark.domain.frames.fields import Scalar
from tidemark.domain.frames.schema import FieldType, Schema
from tidemark.domain.limits import MAX_COUNTED_VALUE_BYTES, MAX_COUNTED_VALUES

Json = dict[str, Any]


class ClassCount(BaseModel):
    """How often a class occurs."""

    model_config = ConfigDict(frozen=True)

    frames: int
    """Frames in which it does."""
    labels: int
    """Labels and instances that are of it."""


class ValueCount(BaseModel):
    """How often a value of a metadata field occurs."""

    model_config = ConfigDict(frozen=True)

    value: Scalar
    count: int
    """Of a field of lists, each item counts."""


class FieldStatistics(BaseModel):
    """A field of the frames' metadata."""

    model_config = ConfigDict(frozen=True)

    type: FieldType | None
    """None where all that there is are empty lists."""
    frames: int
    """Frames that have it."""
    min: float | None
    """Of numbers, and of the items of lists of them."""
    max: float | None
    values: tuple[ValueCount, ...] | None
    """The different values, the most frequent first; None where they are many."""


class Statistics(BaseModel):
    """What the frames of a checkpoint hold."""

    model_config = ConfigDict(frozen=True)

    frames: int
    labels: int
    classes: dict[str, ClassCount]
    """By the name of the class."""
    label_types: dict[str, int]
    sensor_types: dict[str, int]
    metadata: dict[str, FieldStatistics]
    """By the name of the field."""


class Tally:
    """Counts frames. Tallies of parts, merged in any order, make the tally of the whole."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._frames = self._labels = 0
        self._class_frames: Counter[str] = Counter()
        self._class_labels: Counter[str] = Counter()
        self._label_types: Counter[str] = Counter()
        self._sensor_types: Counter[str] = Counter()
        self._fields: dict[str, _Field] = {}

    def add(self, frame: Json, classes: Mapping[str, int]) -> None:
        """Count a frame, as it is kept; `classes` are its labels and instances by class."""
        labels = frame.get("labels", ())
        self._frames += 1
        self._labels += len(labels)
        self._class_frames.update(classes.keys())
        self._class_labels.update(classes)
        self._label_types.update(label["type"] for label in labels)
        self._sensor_types.update(sensor["type"] for sensor in frame.get("sensors", ()))
        for name, value in frame.get("metadata", {}).items():
            self._field(name).add(value)

    def merge(self, part: Statistics) -> None:
        """Count what a part has counted."""
        self._frames += part.frames
        self._labels += part.labels
        self._class_frames.update({name: count.frames for name, count in part.classes.items()})
        self._class_labels.update({name: count.labels for name, count in part.classes.items()})
        self._label_types.update(part.label_types)
        self._sensor_types.update(part.sensor_types)
        for name, found in part.metadata.items():
            self._field(name).merge(found)

    def result(self) -> Statistics:
        """All that is counted."""
        return Statistics(
            frames=self._frames,
            labels=self._labels,
            classes={
                name: ClassCount(frames=self._class_frames[name], labels=labels)
                for name, labels in sorted(self._class_labels.items())
            },
            label_types=dict(sorted(self._label_types.items())),
            sensor_types=dict(sorted(self._sensor_types.items())),
            metadata={
                name: field.result(self._schema.fields.get(name)) for name, field in sorted(self._fields.items())
            },
        )

    def _field(self, name: str) -> "_Field":
        return self._fields.setdefault(name, _Field())


class _Field:
    """Counts the values of one field."""

    def __init__(self) -> None:
        self._frames = 0
        self._min: float | None = None
        self._max: float | None = None
        self._values: dict[str, int] | None = {}
        """By the value in JSON; None from the moment that they are many."""
        self._bytes = 0

    def add(self, value: Any) -> None:
        self._frames += 1
        items = value if isinstance(value, list) else [value]
        self._range(item for item in items if not isinstance(item, bool | str))
        if self._values is not None:
            self._count((item, 1) for item in items)

    def merge(self, part: FieldStatistics) -> None:
        self._frames += part.frames
        self._range(end for end in (part.min, part.max) if end is not None)
        if part.values is None:
            self._values = None
        elif self._values is not None:
            self._count((found.value, found.count) for found in part.values)

    def result(self, kind: FieldType | None) -> FieldStatistics:
        values = None
        if self._values is not None:
            counted = sorted(self._values.items(), key=lambda found: (-found[1], found[0]))
            values = tuple(ValueCount.model_validate_json(f'{{"value":{text},"count":{n}}}') for text, n in counted)
        return FieldStatistics(type=kind, frames=self._frames, min=self._min, max=self._max, values=values)

    def _range(self, numbers: Iterable[float]) -> None:
        for number in numbers:
            self._min = number if self._min is None else min(self._min, number)
            self._max = number if self._max is None else max(self._max, number)

    def _count(self, values: Iterable[tuple[Scalar, int]]) -> None:
        counted = self._values
        for value, count in values:
            if counted is None:
                return
            text = canonical_json(value).decode()
            if text not in counted:
                self._bytes += len(text.encode())
            counted[text] = counted.get(text, 0) + count
            if len(counted) > MAX_COUNTED_VALUES or self._bytes > MAX_COUNTED_VALUE_BYTES:
                counted = self._values = None
