"""Coordinate frames: where sensors and cuboids are in space, and how a camera projects space onto its image.

Every frame has an implicit 3D coordinate frame `world`, the default parent of all others.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from tidemark.domain.frames.fields import MODEL_CONFIG, Number
from tidemark.domain.ids import CoordinateFrameId

WORLD = "world"
"""Id of the coordinate frame that every frame has without declaring it."""

Vector = tuple[Number, Number, Number]
"""Coordinates x, y and z."""
Row = tuple[Number, Number, Number, Number]


class Quaternion(BaseModel):
    """A rotation, as a quaternion of any length but 0."""

    model_config = MODEL_CONFIG

    w: Number
    x: Number
    y: Number
    z: Number

    @model_validator(mode="after")
    def _rotates(self) -> Self:
        if not (self.w or self.x or self.y or self.z):
            raise PydanticCustomError("out_of_range", "A rotation cannot be the quaternion (0, 0, 0, 0).")
        return self


class Camera(BaseModel):
    """How a camera projects space onto its image. Focal lengths and optical centre are in pixels. The other numbers are
    the distortion coefficients of `model`, and `skew`.

    `matrix` is a 4 by 4 matrix in row order, from world to camera, applied on top of the pose. A MODIFY replaces the
    whole camera, because a mix of two calibrations is meaningless.
    """

    model_config = MODEL_CONFIG

    model: Literal["brown_conrady", "fisheye"]
    fx: Number
    fy: Number
    cx: Number | None = None
    cy: Number | None = None
    k1: Number | None = None
    k2: Number | None = None
    k3: Number | None = None
    k4: Number | None = None
    k5: Number | None = None
    k6: Number | None = None
    p1: Number | None = None
    p2: Number | None = None
    s1: Number | None = None
    s2: Number | None = None
    s3: Number | None = None
    s4: Number | None = None
    skew: Number | None = None
    matrix: tuple[Row, Row, Row, Row] | None = None

    @model_validator(mode="after")
    def _projects(self) -> Self:
        if not (self.fx and self.fy):
            raise PydanticCustomError("out_of_range", "The focal lengths 'fx' and 'fy' cannot be 0.")
        if (self.cx is None) != (self.cy is None):
            raise PydanticCustomError("missing_field", "An optical centre needs both 'cx' and 'cy'.")
        return self


class _CoordinateFrame(BaseModel):
    model_config = MODEL_CONFIG

    id: CoordinateFrameId
    parent: CoordinateFrameId | None = None
    position: Vector | None = None
    """Position of the origin in the parent's coordinates; (0, 0, 0) by default."""
    orientation: Quaternion | None = None
    """Rotation relative to the parent; no rotation by default."""


class CoordinateFrame2D(_CoordinateFrame):
    """The image plane of a camera."""

    type: Literal["2D"]
    camera: Camera | None = None


class CoordinateFrame3D(_CoordinateFrame):
    """A position and orientation in space, such as that of a vehicle or a lidar."""

    type: Literal["3D"]


CoordinateFrame = Annotated[CoordinateFrame2D | CoordinateFrame3D, Field(discriminator="type")]
