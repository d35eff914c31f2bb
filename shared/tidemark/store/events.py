"""Events on the account's default EventBridge bus: what others can react to."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tidemark.store.backend import Backend

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

SOURCE = "tidemark"
ENTRIES = 10
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


class EventsRefused(Exception):
    """EventBridge did not take all events."""


def announce(backend: Backend, published: Iterable[VersionPublished]) -> None:
    """Put an event for each version. Raises EventsRefused if one was not taken."""
    entries: list[PutEventsRequestEntryTypeDef] = [
        {"Source": SOURCE, "DetailType": "version published", "Detail": json.dumps(event.model_dump())}
        for event in published
    ]
    for start in range(0, len(entries), ENTRIES):
        answer = backend.events.put_events(Entries=entries[start : start + ENTRIES])
        if answer["FailedEntryCount"]:
            raise EventsRefused(str(answer["Entries"]))
