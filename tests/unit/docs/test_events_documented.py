"""The page on events names every event and every field that events have, in order, and no other."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tidemark.aws.events import SOURCE, Event, UploadSettled, VersionPublished
from tidemark.domain.uploads import UploadStatus

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "events.md").read_text()
MODELS: dict[str, type[Event]] = {"Versions": VersionPublished, "Uploads": UploadSettled}
UNSETTLED = {UploadStatus.WAITING, UploadStatus.PENDING}


def section(heading: str) -> str:
    (found,) = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def example(heading: str) -> dict[str, Any]:
    (found,) = re.findall(r"^```json$(.*?)^```$", section(heading), re.MULTILINE | re.DOTALL)
    event: dict[str, Any] = json.loads(found)
    return event


@pytest.mark.parametrize(("heading", "model"), MODELS.items())
def test_every_field_of_an_event_is_documented(heading: str, model: type[Event]) -> None:
    assert re.findall(r"^\| `(\w+)` \|", section(heading), re.MULTILINE) == list(model.model_fields)


@pytest.mark.parametrize(("heading", "model"), MODELS.items())
def test_the_example_of_an_event_is_one_that_could_be_announced(heading: str, model: type[Event]) -> None:
    shown = example(heading)
    event = model.model_validate(shown["detail"])
    assert event.model_dump(mode="json") == shown["detail"]
    assert (shown["source"], shown["detail-type"]) == (SOURCE, event.kind)


def test_every_event_is_documented() -> None:
    uploads = {f"upload {status.lower()}" for status in set(UploadStatus) - UNSETTLED}
    assert set(re.findall(r"^\| `([a-z]+ [a-z]+)` \|", PAGE, re.MULTILINE)) == {"version published", *uploads}
