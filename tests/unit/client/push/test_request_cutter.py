"""Cutting rows into requests: as full as the API allows, each frame once, with keys made of all rows so far."""

import json
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.client.push.local_rows import Place, Row
from tidemark.client.push.request_cutter import Places, Request, RequestCutter
from tidemark.domain.limits import MAX_REQUEST_BYTES, MAX_REQUEST_ROWS


def row(frame_id: str | None, line: int = 1, text: bytes | None = None, file: str = "a.jsonl") -> Row:
    return Row(Place(file, line), text or json.dumps({"frame_id": frame_id}).encode(), frame_id)


def cut(rows: Iterable[Row], run: str = "") -> list[Request]:
    def requests() -> Iterator[Request | None]:
        cutter = RequestCutter(run)
        for row in rows:
            yield cutter.add(row)
        yield cutter.rest()

    return [request for request in requests() if request]


def contents(requests: list[Request]) -> list[list[str]]:
    return [[row["frame_id"] for row in json.loads(request.body)["mutations"]] for request in requests]


def test_a_request_has_at_most_as_many_rows_as_the_api_takes() -> None:
    requests = cut(row(f"f{n}", n) for n in range(2 * MAX_REQUEST_ROWS + 1))
    assert [len(request.places) for request in requests] == [MAX_REQUEST_ROWS, MAX_REQUEST_ROWS, 1]


def test_a_request_has_at_most_as_many_bytes_as_the_api_takes() -> None:
    text = b'"' + b"x" * 1_048_000 + b'"'
    requests = cut(row(None, n, text) for n in range(9))
    assert [len(request.places) for request in requests] == [4, 4, 1]
    assert all(len(request.body) <= MAX_REQUEST_BYTES for request in requests)


def test_a_repeated_frame_begins_the_next_request() -> None:
    assert contents(cut(map(row, ["a", "b", "a", "a", "c"]))) == [["a", "b"], ["a"], ["a", "c"]]


def test_rows_that_name_no_frame_do_not_repeat_one() -> None:
    assert len(cut(row(None, n) for n in range(3))) == 1


def test_no_rows_make_no_request() -> None:
    assert cut([]) == []


@given(st.lists(st.sampled_from("abcd"), max_size=30))
def test_all_rows_travel_once_in_their_order(frame_ids: list[str]) -> None:
    requests = contents(cut(map(row, frame_ids)))
    assert [frame_id for request in requests for frame_id in request] == frame_ids
    assert all(len(set(request)) == len(request) for request in requests)


def test_keys_depend_on_the_rows_and_not_on_their_places() -> None:
    one = cut(row(frame_id, n) for n, frame_id in enumerate("aabb"))
    other = cut(row(frame_id, 7 * n, file="b.jsonl.gz") for n, frame_id in enumerate("aabb"))
    assert [request.key for request in one] == [request.key for request in other]


def test_equal_requests_of_a_push_have_keys_of_their_own() -> None:
    keys = [request.key for request in cut(map(row, "aaa"))]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("changed", range(4))
def test_a_changed_row_changes_the_keys_from_its_request_on(changed: int) -> None:
    before = [request.key for request in cut(map(row, "aaaa"))]
    rows = [row("a", text=b'{"frame_id": "a", "new": 1}') if n == changed else row("a") for n in range(4)]
    after = [request.key for request in cut(rows)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [n < changed for n in range(4)]


def test_another_run_has_other_keys() -> None:
    assert cut([row("a")], "second")[0].key != cut([row("a")])[0].key


def test_a_key_is_one_that_the_api_takes() -> None:
    key = cut([row("ü")])[0].key
    assert key.isascii()
    assert key.isprintable()
    assert len(key) <= 128


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 5)), max_size=20))
def test_the_place_of_each_row_is_known(found: list[tuple[str, int]]) -> None:
    places = Places()
    for file, line in found:
        places.add(Place(file, line))
    assert [tuple(places[n]) for n in range(len(places))] == found
