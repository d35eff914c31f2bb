"""What storage a dataset takes."""

from pydantic import BaseModel, ConfigDict, Field


class Objects(BaseModel):
    """Objects in S3."""

    model_config = ConfigDict(frozen=True)

    objects: int = 0
    bytes: int = 0

    def with_one(self, size: int) -> "Objects":
        """These and one more of `size` bytes."""
        return Objects(objects=self.objects + 1, bytes=self.bytes + size)


class StorageReport(BaseModel):
    """What storage a dataset takes; where there is a cursor, of its objects as many as there was time to count."""

    model_config = ConfigDict(frozen=True)

    versions: int = Field(description="Versions of the dataset.")
    frame_versions: int = Field(description="Changes of frames that are kept, each a frame in one state.")
    payload_bytes: int = Field(description="Bytes of all frame versions in canonical JSON.")
    live_bytes: int = Field(description="Bytes of the frames that are alive now, in canonical JSON.")
    packs: Objects = Field(description="Its own packs in S3; a clone reads also those of its source.")
    checkpoints: Objects = Field(description="Manifests and statistics of checkpoints in S3.")
    exports: Objects = Field(description="Exports in S3.")
    cursor: str | None
