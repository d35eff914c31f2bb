"""Sensors: the data of a frame, by type. Data is referenced by URL; only text is stored in the frame.

Sensor metadata is not part of the dataset's schema (R3).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from tidemark.domain.frames.fields import MODEL_CONFIG, Count, Instant, LongText, Metadata, Url
from tidemark.domain.ids import CoordinateFrameId, SensorId

ResizeMode = Literal["fill"]
"""How an overlay or a mask is scaled to an image of another size: `fill` stretches it."""
PointFormat = Literal["PCD", "KITTI", "XYZ"]
"""Format of a point cloud file. `PCD` is a PCD file. `KITTI` is a sequence of little-endian float32 values x, y, z,
intensity. `XYZ` is a sequence of little-endian float32 values x, y, z."""


class _Sensor(BaseModel):
    model_config = MODEL_CONFIG

    id: SensorId
    captured_at: Instant | None = None
    coordinate_frame: CoordinateFrameId | None = None
    """Id of one of the frame's coordinate frames, or `world`. By default the sensor has a coordinate frame of its own.
    """
    metadata: Metadata = Field(default_factory=dict)


class Image(_Sensor):
    """An image. Sizes are in pixels. A preview has the same proportions and fewer bytes."""

    type: Literal["IMAGE"]
    url: Url
    preview_url: Url | None = None
    width: Count | None = None
    height: Count | None = None


class ImageOverlay(_Sensor):
    """An image that overlays another, such as a depth map."""

    type: Literal["IMAGE_OVERLAY"]
    overlay_id: SensorId
    url: Url
    width: Count | None = None
    height: Count | None = None
    resize_mode: ResizeMode | None = None


class PointCloud(_Sensor):
    """A point cloud. Intensities (uint32) and ranges (float32) can be in separate files."""

    type: Literal["POINT_CLOUD"]
    format: PointFormat
    url: Url
    intensity_url: Url | None = None
    range_url: Url | None = None


class TextBody(_Sensor):
    """A text, stored in the frame."""

    type: Literal["TEXT"]
    text: LongText


class Audio(_Sensor):
    """An audio recording."""

    type: Literal["AUDIO"]
    url: Url


class Video(_Sensor):
    """A video."""

    type: Literal["VIDEO"]
    url: Url


class Object3D(_Sensor):
    """A 3D object in a Wavefront OBJ file."""

    type: Literal["OBJECT_3D"]
    url: Url


Sensor = Annotated[Image | ImageOverlay | PointCloud | TextBody | Audio | Video | Object3D, Field(discriminator="type")]

SensorType = Literal["IMAGE", "IMAGE_OVERLAY", "POINT_CLOUD", "TEXT", "AUDIO", "VIDEO", "OBJECT_3D"]
