"""The storage that a dataset uses."""

from pydantic import BaseModel, ConfigDict, Field


class Objects(BaseModel):
    """A number of S3 objects, and their total size in bytes."""

    model_config = ConfigDict(frozen=True)

    objects: int = 0
    bytes: int = 0

    def with_one(self, size: int) -> "Objects":
        """Returns the counts with one more S3 object of `size` bytes."""
        return Objects(objects=self.objects + 1, bytes=self.bytes + size)


class StorageReport(BaseModel):
    """The storage that a dataset uses. Each report counts only as many S3 objects as there was time for. Their totals
    are the sums over all reports, up to the one without a cursor."""

    model_config = ConfigDict(frozen=True)

    versions: int = Field(description="Number of versions of the dataset.")
    frame_versions: int = Field(description="Number of stored frame versions: every state that any frame has had.")
    payload_bytes: int = Field(description="Total size of all frame versions in canonical JSON, in bytes.")
    live_bytes: int = Field(description="Total size in canonical JSON of the frames that exist now, in bytes.")
    packs: Objects = Field(description="The dataset's own packs in S3. A clone also reads packs of its source.")
    checkpoints: Objects = Field(description="Manifests and statistics of checkpoints in S3.")
    exports: Objects = Field(description="Exports in S3.")
    cursor: str | None
