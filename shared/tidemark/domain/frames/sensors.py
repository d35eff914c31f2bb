"""Sensors: what a frame shows, by type. Their data is referenced by URL; only text is carried along.

Metadata of a sensor is free: it is not in the dataset's schema (R3).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from tidemark.domain.frames.fields import SHAPE, Count, Instant, LongText, Metadata, Url
from tidemark.domain.ids import CoordinateFrameId, SensorId

ResizeMode = Literal["fill"]
"""How an overlay or a mask of another size lies on its image: `fill` stretches it."""
PointFormat = Literal["PCD", "KITTI", "XYZ"]
"""`PCD` files; `KITTI`: little-endian float32 x, y, z, intensity; `XYZ`: little-endian float32 x, y, z."""


class _Sensor(BaseModel):
    model_config = SHAPE

    id: SensorId
    captured_at: Instant | None = None
    coordinate_frame: CoordinateFrameId | None = None
    """One of the frame's coordinate frames, or `world`; the sensor's own by default."""
    metadata: Metadata = Field(default_factory=dict)


class Image(_Sensor):
    """A picture. Sizes are pixels; a preview has the same proportions and fewer bytes."""

    type: Literal["IMAGE"]
    url: Url
    preview_url: Url | None = None
    width: Count | None = None
    height: Count | None = None


class ImageOverlay(_Sensor):
    """A picture that lies on another, such as a depth map."""

    type: Literal["IMAGE_OVERLAY"]
    overlay_id: SensorId
    url: Url
    width: Count | None = None
    height: Count | None = None
    resize_mode: ResizeMode | None = None


class PointCloud(_Sensor):
    """Points in space. Intensities (uint32) and ranges (float32) may lie in files of their own."""

    type: Literal["POINT_CLOUD"]
    format: PointFormat
    url: Url
    intensity_url: Url | None = None
    range_url: Url | None = None


class TextBody(_Sensor):
    """A text, carried in the frame."""

    type: Literal["TEXT"]
    text: LongText


class Audio(_Sensor):
    """A recording of sound."""

    type: Literal["AUDIO"]
    url: Url


class Video(_Sensor):
    """A film."""

    type: Literal["VIDEO"]
    url: Url


class Object3D(_Sensor):
    """Geometry in a Wavefront OBJ file."""

    type: Literal["OBJECT_3D"]
    url: Url


Sensor = Annotated[Image | ImageOverlay | PointCloud | TextBody | Audio | Video | Object3D, Field(discriminator="type")]

SensorType = Literal["IMAGE", "IMAGE_OVERLAY", "POINT_CLOUD", "TEXT", "AUDIO", "VIDEO", "OBJECT_3D"]
