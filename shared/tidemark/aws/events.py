"""Events on the account's default EventBridge bus: what others can react to."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tidemark.aws.backend import Backend
from tidemark.domain.datasets import Mode
from tidemark.domain.uploads import Source, Upload, UploadStatus

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

SOURCE = "tidemark"
MAX_ENTRIES = 10
"""Entries in one PutEvents: EventBridge's limit."""


class VersionPublished(BaseModel):
    """A version of a dataset can be read. Delivered at least once: `uid` and `version` tell repeats apart."""

    model_config = ConfigDict(frozen=True)

    project: str
    dataset: str
    uid: str
    version: int
    uploads: list[str]
    """The uploads that settled into it."""

    @property
    def kind(self) -> str:
        """What rules match as `detail-type`."""
        return "version published"


class UploadSettled(BaseModel):
    """Every row of an upload has an outcome. Delivered at least once; `upload` and `retries` tell repeats apart."""

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
        """The event of an upload that has settled."""
        shared = upload.model_dump(include=set(cls.model_fields))
        return cls(**shared, uid=uid, upload=upload.id)

    @property
    def kind(self) -> str:
        """What rules match as `detail-type`: `upload settled`, `upload partial` or `upload failed`."""
        return f"upload {self.status.lower()}"


Event = VersionPublished | UploadSettled


class EventsRefused(Exception):
    """EventBridge did not take all events."""


def announce(backend: Backend, events: Sequence[Event]) -> None:
    """Put events on the bus, ten a request. Raises EventsRefused if one was not taken."""
    entries: list[PutEventsRequestEntryTypeDef] = [
        {"Source": SOURCE, "DetailType": event.kind, "Detail": event.model_dump_json()} for event in events
    ]
    for start in range(0, len(entries), MAX_ENTRIES):
        answer = backend.events.put_events(Entries=entries[start : start + MAX_ENTRIES])
        if answer["FailedEntryCount"]:
            raise EventsRefused(str(answer["Entries"]))
