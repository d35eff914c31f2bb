"""Polling: at once, then after pauses that grow up to a limit."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from tidemark.client import retrying
from tidemark.client.polling import polls, responses


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, which take no time."""
    seconds: list[float] = []
    monkeypatch.setattr(retrying, "pause", seconds.append)
    return seconds


class _Api:
    """An API whose responses count its requests."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = iter(range(1, 10))

    def get(self, *path: str) -> dict[str, Any]:
        return {"path": path, "number": next(self._numbers)}


def test_pauses_grow_up_to_the_longest(pauses: list[float]) -> None:
    list(islice(polls(1.0, 3.0), 5))
    assert pauses == [1.0, 1.5, 2.25, 3.0]


def test_a_path_is_read_at_once_and_after_each_pause(pauses: list[float]) -> None:
    found = islice(responses(_Api(), ("a", "b"), first=1.0, longest=3.0), 2)  # type: ignore[arg-type]
    assert list(found) == [{"path": ("a", "b"), "number": 1}, {"path": ("a", "b"), "number": 2}]
    assert pauses == [1.0]


def test_a_known_response_comes_first_and_costs_no_request(pauses: list[float]) -> None:
    found = islice(responses(_Api(), ("a",), known={"number": 0}, first=1.0, longest=3.0), 2)  # type: ignore[arg-type]
    assert [response["number"] for response in found] == [0, 1]
    assert pauses == [1.0]
