"""The demo waits for what Tidemark does after it has responded, and adds up totals that come in parts."""

from collections.abc import Callable

import httpx2
import pytest

from examples.digits import waiting
from examples.digits.client import Api, Json
from examples.digits.travel import diff_totals
from examples.digits.waiting import Failed, wait_for


def _api(respond: Callable[[httpx2.Request], Json]) -> Api:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json=respond(request)))
    return Api(httpx2.Client(base_url="http://stack", transport=transport))


def _counts(added: int = 0, removed: int = 0, modified: int = 0) -> dict[str, int]:
    return {"added": added, "removed": removed, "modified": modified}


PAGES: dict[str | None, Json] = {
    None: {
        "frames": _counts(modified=2),
        "labels": _counts(modified=2),
        "classes": {"7": _counts(removed=2), "1": _counts(added=2)},
        "cursor": "more",
    },
    "more": {
        "frames": _counts(modified=1, added=1),
        "labels": _counts(modified=1, added=1),
        "classes": {"7": _counts(removed=1, added=1), "9": _counts(added=1)},
        "cursor": None,
    },
}


def test_the_totals_of_a_diff_are_those_of_all_answers() -> None:
    asked: list[tuple[str, str]] = []

    def respond(request: httpx2.Request) -> Json:
        asked.append((request.url.params["from"], request.url.params["to"]))
        return PAGES[request.url.params.get("cursor")]

    assert diff_totals(_api(respond), "/d", "hurried", "corrected") == {
        "frames": _counts(modified=3, added=1),
        "labels": _counts(modified=3, added=1),
        "classes": {"7": _counts(removed=3, added=1), "1": _counts(added=2), "9": _counts(added=1)},
    }
    assert set(asked) == {("hurried", "corrected")}


@pytest.mark.parametrize("under_way", ["PENDING", "WRITING"])
def test_what_is_under_way_is_waited_for(monkeypatch: pytest.MonkeyPatch, under_way: str) -> None:
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0)
    states = iter([under_way, under_way, "READY"])
    assert wait_for(_api(lambda _: {"status": next(states)}), "/d/checkpoints/golden") == {"status": "READY"}


def test_what_has_failed_says_why() -> None:
    with pytest.raises(Failed, match="/d/uploads/u has failed: TookTooLong"):
        wait_for(_api(lambda _: {"status": "FAILED", "reason": "TookTooLong"}), "/d/uploads/u")


def test_what_never_ends_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "TIMEOUT_SECONDS", -1)
    with pytest.raises(TimeoutError, match="/d/uploads/u"):
        wait_for(_api(lambda _: {"status": "PENDING"}), "/d/uploads/u")
