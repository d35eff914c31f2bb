"""The storage that a dataset uses."""

from pydantic import BaseModel, ConfigDict, Field


class Objects(BaseModel):
    """A number of S3 objects and their size."""

    model_config = ConfigDict(frozen=True)

    objects: int = 0
    bytes: int = 0

    def with_one(self, size: int) -> "Objects":
        """Returns the counts with one more object of `size` bytes."""
        return Objects(objects=self.objects + 1, bytes=self.bytes + size)


class StorageReport(BaseModel):
    """The storage that a dataset uses. If there is a cursor, S3 objects are counted only as far as time allowed."""

    model_config = ConfigDict(frozen=True)

    versions: int = Field(description="Number of versions of the dataset.")
    frame_versions: int = Field(description="Number of stored frame versions: every state that any frame has had.")
    payload_bytes: int = Field(description="Bytes of all frame versions, in canonical JSON.")
    live_bytes: int = Field(description="Bytes of the frames that exist now, in canonical JSON.")
    packs: Objects = Field(description="The dataset's own packs in S3. A clone also reads those of its source.")
    checkpoints: Objects = Field(description="Manifests and statistics of checkpoints in S3.")
    exports: Objects = Field(description="Exports in S3.")
    cursor: str | None
