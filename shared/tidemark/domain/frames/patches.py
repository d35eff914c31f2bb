"""Patches: the content of a MODIFY, for a frame and its sensors, coordinate frames and labels (R17, R19).

A patch has the fields of the model that it changes, all optional except the id. Given values are validated as strictly
as in an ADD. Null always means that a field is not given. Whether a patch fits its frame is only known when the two are
merged (see `merge`).
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from tidemark.domain.canonical import canonical_json
from tidemark.domain.frames.coordinate_frames import Camera, Quaternion, Vector
from tidemark.domain.frames.embeddings import Embedding
from tidemark.domain.frames.fields import (
    MODEL_CONFIG,
    Count,
    Flag,
    Index,
    Instant,
    LongText,
    MetadataPatch,
    Name,
    Number,
    Size,
    Text,
    Url,
)
from tidemark.domain.frames.frames import Geo, Json, duplicate_ids
from tidemark.domain.frames.labels import Keypoints, LabelType, Point, Polygons, distinct_instances
from tidemark.domain.frames.sensors import PointFormat, ResizeMode, SensorType
from tidemark.domain.ids import CoordinateFrameId, FrameId, LabelId, SensorId
from tidemark.domain.limits import MAX_INSTANCES, MAX_LABELS_PER_FRAME, MAX_SENSORS
from tidemark.domain.problems import Problem, contradiction, pointer


class _Patch(BaseModel):
    model_config = MODEL_CONFIG


class SensorPatch(_Patch):
    """Fields of a sensor to set. A new sensor needs `type` and the required fields of that type."""

    id: SensorId
    type: SensorType | None = None
    captured_at: Instant | None = None
    coordinate_frame: CoordinateFrameId | None = None
    metadata: MetadataPatch | None = None
    url: Url | None = None
    preview_url: Url | None = None
    width: Count | None = None
    height: Count | None = None
    overlay_id: SensorId | None = None
    resize_mode: ResizeMode | None = None
    format: PointFormat | None = None
    intensity_url: Url | None = None
    range_url: Url | None = None
    text: LongText | None = None


class CoordinateFramePatch(_Patch):
    """Fields of a coordinate frame to set. A new coordinate frame needs `type`."""

    id: CoordinateFrameId
    type: Literal["2D", "3D"] | None = None
    parent: CoordinateFrameId | None = None
    position: Vector | None = None
    orientation: Quaternion | None = None
    camera: Camera | None = None


class InstancePatch(_Patch):
    """Fields of a mask instance to set. A new instance needs `class`."""

    id: Index
    class_name: Name | None = Field(default=None, alias="class")
    attributes: MetadataPatch | None = None


Instances = Annotated[
    tuple[InstancePatch, ...], Field(max_length=MAX_INSTANCES, fail_fast=True), AfterValidator(distinct_instances)
]


class LabelPatch(_Patch):
    """Fields of a label to set. A new label needs `type` and the required fields of that type."""

    id: LabelId
    type: LabelType | None = None
    class_name: Name | None = Field(default=None, alias="class")
    sensor: SensorId | None = None
    attributes: MetadataPatch | None = None
    embedding: Embedding | None = None
    iscrowd: Flag | None = None
    top: Number | None = None
    left: Number | None = None
    width: Size | None = None
    height: Size | None = None
    x1: Number | None = None
    y1: Number | None = None
    x2: Number | None = None
    y2: Number | None = None
    keypoints: Keypoints | None = None
    polygons: Polygons | None = None
    center: Point | None = None
    url: Url | None = None
    resize_mode: ResizeMode | None = None
    instances: Instances | None = None
    secondary_labels: MetadataPatch | None = None
    coordinate_frame: CoordinateFrameId | None = None
    position: Vector | None = None
    dimensions: tuple[Size, Size, Size] | None = None
    rotation: Quaternion | None = None
    index: Index | None = None
    token: Text | None = None
    visible: Flag | None = None


class PartialFrame(_Patch):
    """Fields of a frame to set, and patches of its sensors, coordinate frames and labels, matched by id."""

    frame_id: FrameId
    captured_at: Instant | None = None
    device_id: Text | None = None
    geo: Geo | None = None
    sensors: Annotated[tuple[SensorPatch, ...], Field(max_length=MAX_SENSORS)] | None = None
    coordinate_frames: Annotated[tuple[CoordinateFramePatch, ...], Field(max_length=MAX_SENSORS)] | None = None
    metadata: MetadataPatch | None = None
    embedding: Embedding | None = None
    labels: Annotated[tuple[LabelPatch, ...], Field(max_length=MAX_LABELS_PER_FRAME)] | None = None

    @model_validator(mode="after")
    def _has_distinct_ids(self) -> Self:
        problems = list(duplicate_ids(self))
        if problems:
            raise contradiction(problems)
        return self


class FramePatch(_Patch):
    """The content of a MODIFY: fields to set, and labels to remove. The labels are removed first."""

    frame: PartialFrame
    remove_labels: Annotated[
        tuple[LabelId, ...],
        Field(max_length=MAX_LABELS_PER_FRAME, fail_fast=True),
        BeforeValidator(lambda ids: () if ids is None else ids),
    ] = ()

    @model_validator(mode="after")
    def _does_not_contradict_itself(self) -> Self:
        removed = set(self.remove_labels)
        problems = [
            Problem(
                "label_given_and_removed",
                pointer("frame", "labels", position, "id"),
                f"The label '{label.id}' is given in 'labels' and also removed in 'remove_labels'.",
            )
            for position, label in enumerate(self.frame.labels or ())
            if label.id in removed
        ]
        if problems:
            raise contradiction(problems)
        return self

    def stored(self) -> Json:
        """Returns the patch as JSON, without nulls."""
        return self.model_dump(include={"frame", "remove_labels"}, exclude_none=True)

    @property
    def canonical(self) -> bytes:
        """The patch in canonical JSON, as it is stored."""
        return canonical_json(self.stored())
