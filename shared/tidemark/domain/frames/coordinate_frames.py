"""Coordinate frames: where sensors and cuboids are in space, and how a camera projects it.

Every frame has an implicit 3D coordinate frame `world`; it is the parent of those that name none.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from tidemark.domain.frames.fields import SHAPE, Number
from tidemark.domain.ids import CoordinateFrameId

WORLD = "world"
"""Id of the coordinate frame that every frame has without declaring it."""

Vector = tuple[Number, Number, Number]
"""x, y, z."""
Row = tuple[Number, Number, Number, Number]


class Quaternion(BaseModel):
    """A rotation. It need not have length 1, and cannot have length 0."""

    model_config = SHAPE

    w: Number
    x: Number
    y: Number
    z: Number

    @model_validator(mode="after")
    def _rotates(self) -> Self:
        if not (self.w or self.x or self.y or self.z):
            raise PydanticCustomError("out_of_range", "A rotation cannot be the quaternion 0, 0, 0, 0.")
        return self


class Camera(BaseModel):
    """How a camera projects: focal lengths and optical centre in pixels, distortion by the model's coefficients.

    `matrix` is a 4 by 4 matrix in rows, from world to camera, applied on top of the pose. A MODIFY replaces a camera
    whole, since half of one calibration is no calibration.
    """

    model_config = SHAPE

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
            raise PydanticCustomError("out_of_range", "A focal length ('fx', 'fy') cannot be 0.")
        if (self.cx is None) != (self.cy is None):
            raise PydanticCustomError("missing_field", "An optical centre has both 'cx' and 'cy'.")
        return self


class _CoordinateFrame(BaseModel):
    model_config = SHAPE

    id: CoordinateFrameId
    parent: CoordinateFrameId | None = None
    position: Vector | None = None
    """Origin in the parent's coordinates; the parent's origin by default."""
    orientation: Quaternion | None = None
    """Rotation against the parent; none by default."""


class CoordinateFrame2D(_CoordinateFrame):
    """The plane of a camera's image."""

    type: Literal["2D"]
    camera: Camera | None = None


class CoordinateFrame3D(_CoordinateFrame):
    """A place and attitude in space, such as that of a vehicle or a lidar."""

    type: Literal["3D"]


CoordinateFrame = Annotated[CoordinateFrame2D | CoordinateFrame3D, Field(discriminator="type")]
