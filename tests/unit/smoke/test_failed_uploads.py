"""An upload that is in no version ends the smoke test with its reason, and one that never settles with its state."""

from typing import Any, cast

import pytest

from infra.smoke.bus import Listener
from infra.smoke.deployment import Deployment
from infra.smoke.rows import Json
from infra.smoke.steps import Load, Subject
from infra.smoke.waiting import Failed, TimedOut, until_done
from tidemark.client.api import Api
from tidemark.client.refs import DatasetRef


class Served:
    """An API that serves one upload."""

    def __init__(self, **upload: Any) -> None:
        self._upload = upload

    def get(self, *_: str) -> Json:
        return self._upload


def test_an_upload_in_no_version_is_reported_with_its_reason() -> None:
    api = cast("Api", Served(status="FAILED", version=None, reason="Every file is unreadable."))
    nothing: Any = None
    subject = Subject(cast("Deployment", nothing), api, cast("Listener", nothing), DatasetRef("p", "d"), Load(1, 1, 1))
    with pytest.raises(Failed, match="Upload u1 is FAILED and in no version: Every file is unreadable"):
        subject.settled("u1")


def test_an_upload_that_does_not_settle_in_time_is_reported_with_its_counts() -> None:
    api = cast("Api", Served(status="PENDING", rows=4000, applied=96))
    with pytest.raises(TimedOut, match=r"uploads/u1 is PENDING after 0 s \(rows 4,000, applied 96\)"):
        until_done(api, ("projects", "p", "datasets", "d", "uploads", "u1"), 0)
