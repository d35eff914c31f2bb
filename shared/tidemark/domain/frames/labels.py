"""Labels: annotations of a frame, by type, with their geometry.

Image coordinates are pixels from the top left corner. Every label has a class of the project's class map (R1). Only a
mask may have no class as a whole, because its pixels or instances have classes.
"""

from typing import Annotated, Literal, Protocol, Self, TypeVar

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from tidemark.domain.frames.coordinate_frames import Quaternion, Vector
from tidemark.domain.frames.embeddings import Embedding
from tidemark.domain.frames.fields import MODEL_CONFIG, Flag, Index, Metadata, Name, Number, Size, Text, Url
from tidemark.domain.frames.sensors import ResizeMode
from tidemark.domain.ids import CoordinateFrameId, LabelId, SensorId
from tidemark.domain.limits import MAX_INSTANCES, MAX_LIST_ITEMS, MAX_POLYGON_VERTICES

Point = tuple[Number, Number]
"""Coordinates x and y, in pixels."""
Polygon = Annotated[tuple[Point, ...], Field(min_length=3, max_length=MAX_POLYGON_VERTICES, fail_fast=True)]
"""Vertices of a polygon, in order. The last vertex is joined to the first. Only the first invalid vertex is reported,
because there could be a million."""
Polygons = Annotated[tuple[Polygon, ...], Field(min_length=1, max_length=MAX_LIST_ITEMS, fail_fast=True)]


class Keypoint(BaseModel):
    """A named point in an image."""

    model_config = MODEL_CONFIG

    name: Name
    x: Number
    y: Number


def _distinct_names(keypoints: tuple[Keypoint, ...]) -> tuple[Keypoint, ...]:
    if len({keypoint.name for keypoint in keypoints}) != len(keypoints):
        raise PydanticCustomError("duplicate_keypoint", "The keypoints of a label must have distinct names.")
    return keypoints


Keypoints = Annotated[
    tuple[Keypoint, ...],
    Field(min_length=1, max_length=MAX_LIST_ITEMS, fail_fast=True),
    AfterValidator(_distinct_names),
]


class _HasNumber(Protocol):
    @property
    def id(self) -> int: ...


T = TypeVar("T", bound=_HasNumber)


def distinct_instances(instances: tuple[T, ...]) -> tuple[T, ...]:
    """Returns `instances` unchanged. Raises PydanticCustomError if two instances of the mask have the same id."""
    if len({instance.id for instance in instances}) != len(instances):
        raise PydanticCustomError("duplicate_instance_id", "The instances of a mask must have distinct ids.")
    return instances


class Instance(BaseModel):
    """An instance in an instance mask: the pixels whose value is `id`."""

    model_config = MODEL_CONFIG

    id: Index
    class_name: Name = Field(alias="class")
    attributes: Metadata = Field(default_factory=dict)


class _Label(BaseModel):
    model_config = MODEL_CONFIG

    id: LabelId
    sensor: SensorId | None = None
    """Id of the sensor that shows the labelled object."""
    attributes: Metadata = Field(default_factory=dict)
    embedding: Embedding | None = None


class _Classified(_Label):
    class_name: Name = Field(alias="class")


class _Drawn(_Classified):
    iscrowd: Flag | None = None
    """Whether the label covers several objects as a group."""


class Box2D(_Drawn):
    """An axis-aligned rectangle in an image."""

    type: Literal["BBOX_2D"]
    top: Number
    left: Number
    width: Size
    height: Size


class LineSegment2D(_Drawn):
    """A line from one point of an image to another."""

    type: Literal["LINE_SEGMENT_2D"]
    x1: Number
    y1: Number
    x2: Number
    y2: Number


class Keypoints2D(_Drawn):
    """Named points in an image, optionally with a box or an outline around them."""

    type: Literal["KEYPOINTS_2D"]
    keypoints: Keypoints
    top: Number | None = None
    left: Number | None = None
    width: Size | None = None
    height: Size | None = None
    polygons: Polygons | None = None
    center: Point | None = None

    @model_validator(mode="after")
    def _has_a_whole_box_or_none(self) -> Self:
        if len({side is None for side in (self.top, self.left, self.width, self.height)}) > 1:
            raise PydanticCustomError("missing_field", "A box needs all of 'top', 'left', 'width' and 'height'.")
        return self


class PolygonList2D(_Drawn):
    """One or more polygons that outline one object in an image."""

    type: Literal["POLYGON_LIST_2D"]
    polygons: Polygons
    center: Point | None = None


class SemanticMask2D(_Label):
    """An image whose pixel values are class ids."""

    type: Literal["SEMANTIC_LABEL_URL_2D"]
    class_name: Name | None = Field(default=None, alias="class")
    url: Url
    resize_mode: ResizeMode | None = None


class InstanceMask2D(_Label):
    """An image whose pixel values are instance ids. It counts as one label, whatever its instances."""

    type: Literal["INSTANCE_LABEL_URL_2D"]
    class_name: Name | None = Field(default=None, alias="class")
    url: Url
    resize_mode: ResizeMode | None = None
    instances: Annotated[
        tuple[Instance, ...], Field(max_length=MAX_INSTANCES, fail_fast=True), AfterValidator(distinct_instances)
    ] = ()


class Classification2D(_Classified):
    """The class of a whole image or text, optionally with secondary labels."""

    type: Literal["CLASSIFICATION_2D"]
    secondary_labels: Metadata = Field(default_factory=dict)


class Classification3D(_Classified):
    """The class of a whole 3D scene."""

    type: Literal["CLASSIFICATION_3D"]


class Cuboid3D(_Drawn):
    """A box in space: its centre, its dimensions along its own axes, and its rotation."""

    type: Literal["CUBOID_3D"]
    coordinate_frame: CoordinateFrameId | None = None
    """Id of one of the frame's 3D coordinate frames; `world` by default."""
    position: Vector
    dimensions: tuple[Size, Size, Size]
    rotation: Quaternion


class TextToken(_Drawn):
    """A token of a text, given by the token's position."""

    type: Literal["TEXT_TOKEN"]
    index: Index
    token: Text
    visible: Flag


Label = Annotated[
    Box2D
    | LineSegment2D
    | Keypoints2D
    | PolygonList2D
    | SemanticMask2D
    | InstanceMask2D
    | Classification2D
    | Classification3D
    | Cuboid3D
    | TextToken,
    Field(discriminator="type"),
]

LabelType = Literal[
    "BBOX_2D",
    "LINE_SEGMENT_2D",
    "KEYPOINTS_2D",
    "POLYGON_LIST_2D",
    "SEMANTIC_LABEL_URL_2D",
    "INSTANCE_LABEL_URL_2D",
    "CLASSIFICATION_2D",
    "CLASSIFICATION_3D",
    "CUBOID_3D",
    "TEXT_TOKEN",
]
