"""Bad input is refused with a specific message and harms nothing else (R1, R3, R5, R21)."""

import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx2
import pytest

from infra.local.stack import LocalStack
from tests.support.deployed.client import Caller, Dataset, Json
from tests.support.deployed.rows import add, box, modify


@pytest.fixture(scope="module")
def dataset(admin: Caller) -> Dataset:
    """A dataset with one frame, whose metadata field `speed` is a number."""
    dataset = admin.new_dataset()
    dataset.upload(add("cam-1", box("a"), speed=12.5))
    return dataset


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def polygon(*vertices: tuple[float, float]) -> Json:
    return {"id": "p", "type": "POLYGON_LIST_2D", "class": "car", "polygons": [vertices]}


class BadRow(NamedTuple):
    row: Any
    code: str
    pointer: str
    words: str
    """Text that the message contains."""


BAD_ROWS = {
    "unknown class": BadRow(add("b-1", box("x", "unicorn")), "unknown_class", "/frame/labels/0/class", "'unicorn'"),
    "metadata of another type": BadRow(add("b-2", speed="fast"), "metadata_type", "/frame/metadata/speed", "number"),
    "NaN": BadRow(add("b-3", box("x", left=math.nan)), "not_finite", "/frame/labels/0/left", "finite"),
    "infinity": BadRow(add("b-4", speed=math.inf), "not_finite", "/frame/metadata/speed", "finite"),
    "negative box": BadRow(add("b-5", box("x", width=-1)), "out_of_range", "/frame/labels/0/width", "0"),
    "polygon of two vertices": BadRow(
        add("b-6", polygon((0, 0), (1, 1))), "too_short", "/frame/labels/0/polygons/0", "3"
    ),
    "duplicate label ids": BadRow(
        add("b-7", box("x"), box("x")), "duplicate_label_id", "/frame/labels/1/id", "'x' is in the list twice"
    ),
    "duplicate frame ids": BadRow(modify("good", speed=1), "duplicate_frame_id", "/frame/frame_id", "'good'"),
    "forbidden character": BadRow(add("b#8"), "invalid_id", "/frame/frame_id", "'#'"),
    "string of a megabyte": BadRow(add("b-9", note="x" * 1_000_000), "too_long", "/frame/metadata/note", "8192"),
    "a hundred deep": BadRow(add("b-10", deep=nested(100)), "too_deep", "", "deep"),
    "unknown field": BadRow({**add("b-11"), "frames": []}, "unknown_field", "/frames", "frames"),
    "no object": BadRow(7, "wrong_type", "", "object"),
}


@pytest.fixture(scope="module")
def receipt(dataset: Dataset) -> Json:
    """The response to a request with a good row and all the bad ones."""
    answer = dataset.submit(add("good", box("a"), speed=1), *(bad.row for bad in BAD_ROWS.values()))
    assert answer.status_code == 202, answer.text
    receipt: Json = answer.json()
    dataset.settled(receipt["upload"])
    return receipt


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_told_what_is_wrong_with_it(receipt: Json, name: str) -> None:
    row = 1 + list(BAD_ROWS).index(name)
    (error,) = [error for error in receipt["errors"] if error["row"] == row]
    assert (error["code"], error["pointer"]) == (BAD_ROWS[name].code, BAD_ROWS[name].pointer)
    assert BAD_ROWS[name].words in error["message"]
    assert len(error["message"]) < 300


def test_bad_rows_harm_nothing_else(dataset: Dataset, receipt: Json) -> None:
    assert (receipt["accepted"], receipt["rejected"]) == (1, len(BAD_ROWS))
    frames = dataset.frames()
    assert set(frames) == {"cam-1", "good"}
    assert (frames["good"]["labels"], frames["good"]["metadata"]) == ([box("a")], {"speed": 1})
    assert dataset.read()["metadata_schema"]["fields"] == {"speed": "number"}


class Refusal(NamedTuple):
    status: int
    code: str
    words: str


Request = Callable[[Dataset], httpx2.Response]


def _reading(where: str, **parameters: Any) -> Request:
    return lambda dataset: dataset.caller.http.get(dataset.at(*where.split("/")), params=parameters)


def _cursor_of_another_dataset(dataset: Dataset) -> httpx2.Response:
    other = dataset.caller.new_dataset()
    other.upload(*(add(f"cam-{number}") for number in range(3)))
    cursor = other.read("frames", limit=1)["cursor"]
    return dataset.caller.http.get(dataset.at("frames"), params={"cursor": cursor})


BAD_REQUESTS: dict[str, tuple[Request, Refusal]] = {
    "50 MB": (
        lambda dataset: dataset.post_mutations(b" " * 50 * 1024 * 1024),
        Refusal(413, "", "Request Entity Too Large"),  # from the gateway, whose limit is 10 MB
    ),
    "5 MB": (lambda dataset: dataset.post_mutations(b" " * 5 * 1024 * 1024), Refusal(413, "too_large", "4,194,304")),
    "1,001 rows": (
        lambda dataset: dataset.submit(*(add(f"cam-{number}") for number in range(1001))),
        Refusal(413, "too_large", "1,001"),
    ),
    "another content type": (
        lambda dataset: dataset.post_mutations(b"{}", **{"content-type": "text/csv"}),
        Refusal(415, "unsupported_content_type", "'text/csv'"),
    ),
    "no JSON": (lambda dataset: dataset.post_mutations(b"{'a'"), Refusal(400, "malformed_json", "not JSON")),
    "Latin-1": (
        lambda dataset: dataset.post_mutations('{"mutations": ["é"]}'.encode("latin-1")),
        Refusal(400, "malformed_json", "not UTF-8 at byte 16"),
    ),
    "JSON without end": (lambda dataset: dataset.post_mutations(b"[" * 100_000), Refusal(422, "too_deep", "deep")),
    "unknown version": (_reading("frames", version=99), Refusal(404, "unknown_version", "has no version 99")),
    "no version at all": (_reading("frames", version="latest"), Refusal(422, "unknown_version", "LATEST")),
    "unknown checkpoint": (_reading("frames", version="newest"), Refusal(404, "unknown_checkpoint", "'newest'")),
    "malformed cursor": (_reading("frames", cursor="!"), Refusal(422, "malformed_cursor", "cursor")),
    "cursor of another dataset": (_cursor_of_another_dataset, Refusal(422, "foreign_cursor", "another list")),
    "unknown frame": (_reading("frames/cam-9"), Refusal(404, "unknown_frame", "'cam-9'")),
    "unknown upload": (_reading("uploads/u-1"), Refusal(404, "unknown_upload", "'u-1'")),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_bad_request_is_told_what_is_wrong_and_changes_nothing(dataset: Dataset, name: str) -> None:
    request, refusal = BAD_REQUESTS[name]
    before = dataset.read()
    answer = request(dataset)
    problem = answer.json()
    message = problem["detail"] if refusal.code else problem["message"]
    assert (answer.status_code, problem.get("code", "")) == (refusal.status, refusal.code), answer.text
    assert refusal.words in message
    assert dataset.read() == before


@pytest.fixture(scope="module")
def stranger(stack: LocalStack, connect: Callable[[str | None], Caller], admin: Caller) -> Caller:
    """A caller who may write to another project only."""
    return connect(stack.make_key("write", projects=[admin.new_dataset().project]))


@pytest.mark.parametrize(
    ("method", "where"),
    [
        ("GET", ""),
        ("GET", "frames"),
        ("GET", "frames/cam-1"),
        ("GET", "frames/cam-1/history"),
        ("GET", "versions"),
        ("GET", "uploads"),
        ("POST", "mutations"),
    ],
)
def test_someone_elses_project_is_neither_read_nor_changed(
    dataset: Dataset, stranger: Caller, method: str, where: str
) -> None:
    before = dataset.read()
    body = {"mutations": [add("cam-1", speed=0)]} if method == "POST" else None
    content = None if body is None else json.dumps(body)
    answer = stranger.http.request(
        method,
        dataset.at(*filter(None, where.split("/"))),
        content=content,
        headers={"content-type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "project_forbidden")
    assert dataset.read() == before


def test_someone_elses_project_is_told_like_one_that_does_not_exist(dataset: Dataset, stranger: Caller) -> None:
    theirs = stranger.http.get(dataset.at()).json()["detail"]
    nobodys = stranger.http.get(dataset.at().replace(dataset.project, "no-such-project")).json()["detail"]
    assert theirs.replace(dataset.project, "…") == nobodys.replace("no-such-project", "…")


def test_a_request_without_a_key_is_told_how_to_send_one(
    dataset: Dataset, connect: Callable[[str | None], Caller]
) -> None:
    answer = connect(None).http.get(dataset.at())
    assert (answer.status_code, answer.json()["code"]) == (401, "key_missing")
    assert "x-api-key" in answer.json()["detail"]


def test_a_key_that_is_none_gets_nowhere(dataset: Dataset, connect: Callable[[str | None], Caller]) -> None:
    assert connect("tdm_" + "0" * 64).http.get(dataset.at()).status_code == 403
