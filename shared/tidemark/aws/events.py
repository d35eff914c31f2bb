"""Events that the service sends to the account's default EventBridge bus, for other systems to react to."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tidemark.aws.backend import Backend
from tidemark.domain.datasets import Mode
from tidemark.domain.errors import Unavailable
from tidemark.domain.uploads import Source, Upload, UploadStatus

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

SOURCE = "tidemark"
MAX_ENTRIES = 10
"""Most events in one PutEvents request: EventBridge's limit."""


RETRIABLE_CODES = frozenset({"InternalException", "InternalFailure", "ThrottlingException"})
"""Error codes of events that EventBridge may accept later."""


class EventsRefused(Unavailable):
    """Raised when EventBridge did not accept every event of a request."""

    def __init__(self, codes: Sequence[str]) -> None:
        super().__init__(f"EventBridge refused events: {', '.join(sorted(set(codes)))}.")
        self.is_transient = RETRIABLE_CODES.issuperset(codes)


class VersionPublished(BaseModel):
    """Reports that a dataset's version can be read. Delivered at least once; `uid` and `version` mark repeats."""

    model_config = ConfigDict(frozen=True)

    project: str
    dataset: str
    uid: str
    version: int
    uploads: list[str]
    """Ids of the uploads that settled into this version."""

    @property
    def kind(self) -> str:
        """The event's `detail-type`, which EventBridge rules match."""
        return "version published"


class UploadSettled(BaseModel):
    """Reports that an upload's rows all have outcomes. Delivered at least once; `upload` and `retries` mark repeats."""

    model_config = ConfigDict(frozen=True)

    project: str
    dataset: str
    uid: str
    upload: str
    status: UploadStatus
    reason: str | None
    mode: Mode
    source: Source
    actor: str
    accepted_at: datetime
    settled_at: datetime | None
    version: int | None
    retries: int
    rows: int
    rejected: int
    applied: int
    dropped: int
    failed: int

    @classmethod
    def of(cls, uid: str, upload: Upload) -> "UploadSettled":
        """Returns the event for a settled upload."""
        shared = upload.model_dump(include=set(cls.model_fields))
        return cls(**shared, uid=uid, upload=upload.id)

    @property
    def kind(self) -> str:
        """The event's `detail-type`, which EventBridge rules match.

        It is `upload settled`, `upload partial` or `upload failed`.
        """
        return f"upload {self.status.lower()}"


Event = VersionPublished | UploadSettled


def announce(backend: Backend, events: Sequence[Event]) -> None:
    """Sends events to the bus, ten to a request. Raises EventsRefused."""
    entries: list[PutEventsRequestEntryTypeDef] = [
        {"Source": SOURCE, "DetailType": event.kind, "Detail": event.model_dump_json()} for event in events
    ]
    for start in range(0, len(entries), MAX_ENTRIES):
        response = backend.events.put_events(Entries=entries[start : start + MAX_ENTRIES])
        if response["FailedEntryCount"]:
            raise EventsRefused([entry["ErrorCode"] for entry in response["Entries"] if "ErrorCode" in entry])
