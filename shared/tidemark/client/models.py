"""What of the API's answers the command line reads. Whatever else they hold passes through `--json` untouched."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Json = dict[str, Any]

WAITING, PENDING = "WAITING", "PENDING"
"""The statuses of an upload that has not settled."""
WRITING, FAILED = "WRITING", "FAILED"
"""The statuses of what the service writes, before it is ready."""


class ResponseModel(BaseModel):
    """A part of an answer; an API that has learned to say more is still understood."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Fault(ResponseModel):
    """One thing that is wrong with a request."""

    detail: str = ""
    pointer: str | None = None
    parameter: str | None = None


class Problem(ResponseModel):
    """Why a request was refused: a problem document (RFC 9457), or the gateway's own `message`."""

    code: str = ""
    detail: str = ""
    message: str = ""
    request_id: str = ""
    errors: list[Fault] = []
    upload: str | None = None
    """The upload under which mutations are on record of which not one was accepted."""


class Page(ResponseModel):
    """Some items of a list, and the cursor that continues it."""

    items: list[Json]
    cursor: str | None


class Receipt(ResponseModel):
    """The answer to mutations."""

    upload: str
    rejected: int


class SignedFile(ResponseModel):
    """Where a file is to be put, and until when."""

    url: str
    headers: dict[str, str]
    expires_at: datetime


class FileReceipt(ResponseModel):
    """The answer to the announcement of files, in their order."""

    upload: str
    files: list[SignedFile]


class Upload(ResponseModel):
    """An upload and its progress."""

    id: str
    project: str
    dataset: str
    mode: str
    status: str
    reason: str | None
    actor: str
    accepted_at: datetime
    version: int | None
    rows: int
    rejected: int
    applied: int
    dropped: int
    failed: int
    windows: int
    windows_settled: int
    files: int
    files_read: int
    shards: int = 0
    shards_read: int = 0

    @property
    def decided(self) -> int:
        """Rows that have an outcome."""
        return self.rejected + self.applied + self.dropped + self.failed


class RowError(ResponseModel):
    """Why a row of an upload did not take effect."""

    file: str | None
    """The file that holds it; None for rows of a request."""
    row: int
    """Its number: in a file its line, from 1; in a request from 0."""
    frame_id: str | None
    code: str
    pointer: str
    message: str
    outcome: str


class RowFault(ResponseModel):
    """Why a row that is listed did not take effect."""

    code: str
    pointer: str
    message: str


class UploadRow(ResponseModel):
    """A row of an upload, and what became of it."""

    file: str | None
    row: int
    op: str | None
    frame_id: str | None
    outcome: str
    labels: list[Json] | None
    errors: list[RowFault]


class ErrorFile(ResponseModel):
    """A file with the errors of an upload, ready to be fetched."""

    url: str
    errors: int
    truncated: bool


class Named(ResponseModel):
    """A project, or what every dataset has in common with one."""

    name: str
    description: str
    created_at: datetime
    created_by: str


class Purge(ResponseModel):
    """How far the deletion of a dataset is."""

    failure: str | None


class Dataset(Named):
    """A dataset as created."""

    project: str
    uid: str
    shards: int
    archived_at: datetime | None
    purge: Purge | None


class CloneReceipt(ResponseModel):
    """The answer to a clone."""

    dataset: Dataset
    upload: Upload


class VersionUpload(ResponseModel):
    """An upload that settled into a version."""

    id: str
    actor: str


class Version(ResponseModel):
    """A version of a dataset."""

    number: int
    created_at: datetime
    uploads: list[VersionUpload]
    frames: int
    labels: int


class Written(ResponseModel):
    """Something that the service writes."""

    status: str
    reason: str | None


class Checkpoint(Written):
    """A version under a name, and how far its manifest is."""

    name: str
    version: int
    frames: int
    labels: int
    description: str
    metadata: Json
    created_at: datetime
    created_by: str
    archived_at: datetime | None


class ClassCount(ResponseModel):
    """How often a class occurs."""

    frames: int
    labels: int


class ValueCount(ResponseModel):
    """How often a value occurs."""

    value: Any
    count: int


class FieldStatistics(ResponseModel):
    """A metadata field of the frames of a checkpoint."""

    type: str | None
    frames: int
    min: float | None
    max: float | None
    values: list[ValueCount] | None


class Statistics(ResponseModel):
    """What the frames of a checkpoint hold."""

    frames: int
    labels: int
    classes: dict[str, ClassCount]
    label_types: dict[str, int]
    sensor_types: dict[str, int]
    metadata: dict[str, FieldStatistics]


class Tallied(ResponseModel):
    """One line of statistics."""

    of: str
    name: str | None
    frames: int | None
    count: int | None
    told: str | None


class Export(Written):
    """A checkpoint in one format."""

    files: int | None
    rows: int | None
    bytes: int | None
    left_out: dict[str, int] | None


class SignedGet(ResponseModel):
    """Where a file is fetched from."""

    url: str


class ExportFile(ResponseModel):
    """A file of an export."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """A file is written under it: it leads to no other folder, whatever answers."""
    rows: int
    bytes: int
    get: SignedGet


class FrameAt(ResponseModel):
    """A frame as of a version, and the change that made it so."""

    version: int
    upload: str
    actor: str
    at: datetime
    frame: Json


class FrameBatch(ResponseModel):
    """Frames that were asked for by their ids."""

    version: int
    items: list[Json]
    missing: list[str]
    unread: list[str]


class Revision(ResponseModel):
    """One change of a frame, or of a label."""

    revision: int
    op: str
    at: datetime
    actor: str
    upload: str


class FrameRevision(Revision):
    """One change of a frame."""

    changes: Json


class LabelRevision(Revision):
    """One change of a label."""

    change: str
    before: Json | None
    after: Json | None


class FrameDiff(ResponseModel):
    """A frame that differs between two versions."""

    frame_id: str
    change: str
    fields: Json
    metadata: Json
    sensors: Json
    coordinate_frames: Json
    labels: Json


class DiffSummary(ResponseModel):
    """How much differs between two versions, or in some of their frames if there is a cursor."""

    from_version: int = Field(alias="from")
    to_version: int = Field(alias="to")
    frames: Json
    labels: Json
    classes: dict[str, Json]
    cursor: str | None


class StoredObjects(ResponseModel):
    """Objects in S3, and their bytes."""

    objects: int
    bytes: int


class Storage(ResponseModel):
    """What storage a dataset takes; of its objects, some if there is a cursor."""

    versions: int
    frame_versions: int
    payload_bytes: int
    live_bytes: int
    packs: StoredObjects
    checkpoints: StoredObjects
    exports: StoredObjects
    cursor: str | None


class Measured(ResponseModel):
    """A line of what a dataset takes."""

    of: str
    count: int | None
    bytes: int | None


class Counted(ResponseModel):
    """How many frames, labels, or labels of a class were added, removed and modified."""

    of: str
    added: int
    removed: int
    modified: int
