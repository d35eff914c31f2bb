"""The demo reads every version to its end, page by page, and reports what is not as expected."""

from typing import Any

import httpx2
from rich.console import Console

from examples.digits.client import Api
from examples.digits.ledger import Ledger
from examples.digits.reading import compare_versions

FRAMES = {name: {"frame_id": name, "labels": [{"id": "digit", "class": "7"}]} for name in ("a", "b")}


def _dataset(said: int) -> httpx2.MockTransport:
    """A dataset with one version: both frames on a page each, and a record that counts `said` frames."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        query = request.url.params
        if request.url.path.endswith("/versions"):
            return httpx2.Response(200, json={"items": [{"number": 1, "frames": said, "labels": 2}], "cursor": None})
        if query["version"] == "0":
            return httpx2.Response(200, json={"items": [], "cursor": None})
        name, cursor = ("b", None) if query.get("cursor") == "more" else ("a", "more")
        return httpx2.Response(200, json={"items": [{"frame": FRAMES[name]}], "cursor": cursor})

    return httpx2.MockTransport(answer)


def _compare(frames: dict[str, Any], said: int = 2) -> list[str]:
    ledger = Ledger()
    ledger.settled([(1, frames)])
    with httpx2.Client(base_url="http://stack", transport=_dataset(said)) as client:
        return compare_versions(Api(client), "/d", ledger, Console(quiet=True))


def test_versions_that_hold_what_they_should_do_not_differ() -> None:
    assert _compare(FRAMES) == []


def test_a_version_that_holds_something_else_is_named() -> None:
    tampered = FRAMES | {"b": {"frame_id": "b", "labels": [{"id": "digit", "class": "1"}]}}
    (difference,) = _compare(tampered)
    assert difference.startswith("version 1: b is ")


def test_a_version_that_counts_wrong_is_named() -> None:
    assert _compare(FRAMES, said=3) == ["version 1: its record counts (3, 2) frames and labels, but it has (2, 2)"]
