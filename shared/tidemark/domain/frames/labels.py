"""Labels: what is to be seen in a frame, by type, with their geometry.

Coordinates in an image are pixels from its top left corner. Every label has a class of the project's class map (R1),
except that a mask as a whole may have none: its classes are in its pixels or its instances.
"""

from typing import Annotated, Literal, Protocol, Self, TypeVar

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from tidemark.domain.frames.coordinate_frames import Quaternion, Vector
from tidemark.domain.frames.embeddings import Embedding
from tidemark.domain.frames.fields import SHAPE, Flag, Index, Metadata, Name, Number, Size, Text, Url
from tidemark.domain.frames.sensors import ResizeMode
from tidemark.domain.ids import CoordinateFrameId, LabelId, SensorId
from tidemark.domain.limits import MAX_INSTANCES, MAX_LIST_ITEMS, MAX_POLYGON_VERTICES

Point = tuple[Number, Number]
"""x, y."""
Polygon = Annotated[tuple[Point, ...], Field(min_length=3, max_length=MAX_POLYGON_VERTICES, fail_fast=True)]
"""Vertices in order; the last is joined to the first. Of many wrong ones the first is told: there may be a million."""
Polygons = Annotated[tuple[Polygon, ...], Field(min_length=1, max_length=MAX_LIST_ITEMS, fail_fast=True)]


class Keypoint(BaseModel):
    """A named point."""

    model_config = SHAPE

    name: Name
    x: Number
    y: Number


def _distinct_names(keypoints: tuple[Keypoint, ...]) -> tuple[Keypoint, ...]:
    if len({keypoint.name for keypoint in keypoints}) != len(keypoints):
        raise PydanticCustomError("duplicate_keypoint", "The names of a label's keypoints must differ.")
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
    """The instances of a mask, of which no two have the same id."""
    if len({instance.id for instance in instances}) != len(instances):
        raise PydanticCustomError("duplicate_instance_id", "The ids of a mask's instances must differ.")
    return instances


class Instance(BaseModel):
    """An instance of a mask: the pixels of value `id`."""

    model_config = SHAPE

    id: Index
    class_name: Name = Field(alias="class")
    attributes: Metadata = Field(default_factory=dict)


class _Label(BaseModel):
    model_config = SHAPE

    id: LabelId
    sensor: SensorId | None = None
    """The sensor in whose data the label is to be seen."""
    attributes: Metadata = Field(default_factory=dict)
    embedding: Embedding | None = None

    def all_instances(self) -> tuple[Instance, ...]:
        """The instances of an instance mask; other labels have none."""
        return ()


class _Classified(_Label):
    class_name: Name = Field(alias="class")


class _Drawn(_Classified):
    iscrowd: Flag | None = None
    """Whether the label covers several objects that are not told apart."""


class Box2D(_Drawn):
    """A rectangle."""

    type: Literal["BBOX_2D"]
    top: Number
    left: Number
    width: Size
    height: Size


class LineSegment2D(_Drawn):
    """A line from one point to another."""

    type: Literal["LINE_SEGMENT_2D"]
    x1: Number
    y1: Number
    x2: Number
    y2: Number


class Keypoints2D(_Drawn):
    """Named points, perhaps with a box or an outline around them."""

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
            raise PydanticCustomError("missing_field", "A box has 'top', 'left', 'width' and 'height', all four.")
        return self


class PolygonList2D(_Drawn):
    """One or more polygons that make up one object."""

    type: Literal["POLYGON_LIST_2D"]
    polygons: Polygons
    center: Point | None = None


class SemanticMask2D(_Label):
    """A picture whose pixels are ids of classes."""

    type: Literal["SEMANTIC_LABEL_URL_2D"]
    class_name: Name | None = Field(default=None, alias="class")
    url: Url
    resize_mode: ResizeMode | None = None


class InstanceMask2D(_Label):
    """A picture whose pixels are ids of instances. It is one label, however many its instances."""

    type: Literal["INSTANCE_LABEL_URL_2D"]
    class_name: Name | None = Field(default=None, alias="class")
    url: Url
    resize_mode: ResizeMode | None = None
    instances: Annotated[
        tuple[Instance, ...], Field(max_length=MAX_INSTANCES, fail_fast=True), AfterValidator(distinct_instances)
    ] = ()

    def all_instances(self) -> tuple[Instance, ...]:
        """Its instances."""
        return self.instances


class Classification2D(_Classified):
    """The class of a picture or a text as a whole, perhaps with further labels beside it."""

    type: Literal["CLASSIFICATION_2D"]
    secondary_labels: Metadata = Field(default_factory=dict)


class Classification3D(_Classified):
    """The class of a scene in space as a whole."""

    type: Literal["CLASSIFICATION_3D"]


class Cuboid3D(_Drawn):
    """A box in space: its centre, its sizes along its own axes, its rotation."""

    type: Literal["CUBOID_3D"]
    coordinate_frame: CoordinateFrameId | None = None
    """One of the frame's 3D coordinate frames; `world` by default."""
    position: Vector
    dimensions: tuple[Size, Size, Size]
    rotation: Quaternion


class TextToken(_Drawn):
    """A token of a text, by its position."""

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
