"""Statistics of a checkpoint's frames, counted page by page and summed (R15)."""

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
    """How often a class occurs in a checkpoint's frames."""

    model_config = ConfigDict(frozen=True)

    frames: int
    """Number of frames with at least one label or mask instance of the class."""
    labels: int
    """Number of labels and mask instances of the class."""


class ValueCount(BaseModel):
    """How often a value of a metadata field occurs."""

    model_config = ConfigDict(frozen=True)

    value: Scalar
    count: int
    """Number of occurrences of the value. In a field of lists, each list item counts."""


class FieldStatistics(BaseModel):
    """Statistics of a metadata field's values."""

    model_config = ConfigDict(frozen=True)

    type: FieldType | None
    """Type of the field; None if all its values are empty lists."""
    frames: int
    """Number of frames that have the field."""
    min: float | None
    """Smallest number among the field's values and list items; None if there are no numbers."""
    max: float | None
    """Largest number among the field's values and list items; None if there are no numbers."""
    values: tuple[ValueCount, ...] | None
    """Distinct values and list items, most frequent first; None if there are too many to list."""


class Statistics(BaseModel):
    """Statistics of a checkpoint's frames."""

    model_config = ConfigDict(frozen=True)

    frames: int
    labels: int
    classes: dict[str, ClassCount]
    """Numbers of frames and labels, by class name."""
    label_types: dict[str, int]
    sensor_types: dict[str, int]
    metadata: dict[str, FieldStatistics]
    """Statistics of the metadata fields, by field name."""


class Tally:
    """Counts frames and their content. Tallies of disjoint sets of frames can be merged in any order."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._frames = self._labels = 0
        self._class_frames: Counter[str] = Counter()
        self._class_labels: Counter[str] = Counter()
        self._label_types: Counter[str] = Counter()
        self._sensor_types: Counter[str] = Counter()
        self._fields: dict[str, _FieldTally] = {}

    def add(self, frame: Json, classes: Mapping[str, int]) -> None:
        """Counts a frame. `frame` is its stored JSON, and `classes` is its number of labels and mask instances, by
        class."""
        labels = frame.get("labels", ())
        self._frames += 1
        self._labels += len(labels)
        self._class_frames.update(classes.keys())
        self._class_labels.update(classes)
        self._label_types.update(label["type"] for label in labels)
        self._sensor_types.update(sensor["type"] for sensor in frame.get("sensors", ()))
        for name, value in frame.get("metadata", {}).items():
            self._field(name).add(value)

    def merge(self, statistics: Statistics) -> None:
        """Adds the statistics of other frames to the tally."""
        self._frames += statistics.frames
        self._labels += statistics.labels
        self._class_frames.update({name: count.frames for name, count in statistics.classes.items()})
        self._class_labels.update({name: count.labels for name, count in statistics.classes.items()})
        self._label_types.update(statistics.label_types)
        self._sensor_types.update(statistics.sensor_types)
        for name, field in statistics.metadata.items():
            self._field(name).merge(field)

    def result(self) -> Statistics:
        """Returns the statistics of all frames counted so far."""
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

    def _field(self, name: str) -> "_FieldTally":
        return self._fields.setdefault(name, _FieldTally())


class _FieldTally:
    """Counts the values of one metadata field."""

    def __init__(self) -> None:
        self._frames = 0
        self._min: float | None = None
        self._max: float | None = None
        self._values: dict[str, int] | None = {}
        """Number of occurrences, by the value's JSON text; None once there are too many distinct values."""
        self._bytes = 0

    def add(self, value: Any) -> None:
        self._frames += 1
        items = value if isinstance(value, list) else [value]
        self._extend_range(item for item in items if not isinstance(item, bool | str))
        if self._values is not None:
            self._count_values((item, 1) for item in items)

    def merge(self, statistics: FieldStatistics) -> None:
        self._frames += statistics.frames
        self._extend_range(end for end in (statistics.min, statistics.max) if end is not None)
        if statistics.values is None:
            self._values = None
        elif self._values is not None:
            self._count_values((counted.value, counted.count) for counted in statistics.values)

    def result(self, kind: FieldType | None) -> FieldStatistics:
        values = None
        if self._values is not None:
            by_frequency = sorted(self._values.items(), key=lambda item: (-item[1], item[0]))
            values = tuple(
                ValueCount.model_validate_json(f'{{"value":{text},"count":{n}}}') for text, n in by_frequency
            )
        return FieldStatistics(type=kind, frames=self._frames, min=self._min, max=self._max, values=values)

    def _extend_range(self, numbers: Iterable[float]) -> None:
        for number in numbers:
            self._min = number if self._min is None else min(self._min, number)
            self._max = number if self._max is None else max(self._max, number)

    def _count_values(self, values: Iterable[tuple[Scalar, int]]) -> None:
        counts = self._values
        for value, count in values:
            if counts is None:
                return
            text = canonical_json(value).decode()
            if text not in counts:
                self._bytes += len(text.encode())
            counts[text] = counts.get(text, 0) + count
            if len(counts) > MAX_COUNTED_VALUES or self._bytes > MAX_COUNTED_VALUE_BYTES:
                counts = self._values = None
