"""Of a version with many frames, the counts, the changed frames and a sample of the others are compared."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from infra.smoke.rows import CHANGED, Content, Json, frame, number_of
from infra.smoke.steps import MAX_LISTED, SAMPLE, compare_version
from tidemark.client.api import Api
from tidemark.client.refs import DatasetRef
from tidemark.domain.limits import MAX_BATCH_FRAMES

CONTENT = Content(50 * MAX_LISTED, is_changed=True)
FITTING = 60
"""Frames that fit into a response. The others are unread."""


class Served:
    """An API that serves one version."""

    def __init__(self, read: Callable[[int], Json | None], frames: int = CONTENT.frames) -> None:
        self._read = read
        self._frames = frames

    def get(self, *_: str) -> Json:
        return {"frames": self._frames, "labels": CONTENT.labels}

    def query(self, *_: str, body: dict[str, Any]) -> Json:
        names = body["frame_ids"]
        assert len(names) <= MAX_BATCH_FRAMES
        read = {name: self._read(number_of({"frame_id": name})) for name in names[:FITTING]}
        items = [{"frame": found} for found in read.values() if found]
        missing = [name for name, found in read.items() if not found]
        return {"version": 7, "items": items, "missing": missing, "unread": names[FITTING:]}


def compared(served: Served) -> tuple[int, list[str]]:
    return compare_version(cast("Api", served), DatasetRef("p", "d"), 7, CONTENT)


def test_what_a_version_must_hold_does_not_differ() -> None:
    count, wrong = compared(Served(CONTENT.frame))
    assert (SAMPLE <= count <= SAMPLE + CHANGED, wrong) == (True, [])


@pytest.mark.parametrize("number", [0, 1, CHANGED - 1])
def test_each_changed_frame_is_compared(number: int) -> None:
    unchanged = Served(lambda at: frame(at) if at == number else CONTENT.frame(at))
    _, (wrong,) = compared(unchanged)
    assert f"smoke-{number:08d}" in wrong


def test_a_wrong_count_differs() -> None:
    _, (wrong,) = compared(Served(CONTENT.frame, CONTENT.frames - 1))
    assert wrong.startswith("frames and labels: ")
