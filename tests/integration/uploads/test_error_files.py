"""The errors of an upload as a file behind a signed URL (R30)."""

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.simulation.world import World
from tests.support.uploads import DATASET, PROJECT, add, delete, errors, lines, modify, send, upload, upload_files
from tidemark.aws import bucket
from tidemark.domain.error_files import ErrorFile, ErrorFormat
from tidemark.domain.errors import NotFound
from tidemark.ingest import file_reader
from tidemark.uploads import error_files

BAD = {"op": "ADD", "frame": {"frame_id": "", "metadata": 1}}
"""A row that is rejected on arrival, for two reasons."""


def written(
    world: World,
    upload_id: str,
    form: ErrorFormat = ErrorFormat.JSONL,
    has_time: Callable[[], bool] = lambda: True,
) -> ErrorFile:
    return error_files.write_errors(
        world.process(), project=PROJECT, dataset=DATASET, upload=upload_id, form=form, has_time=has_time
    )


def key(file: ErrorFile) -> str:
    return unquote(urlsplit(file.url).path).removeprefix("/")


def fetched(world: World, file: ErrorFile) -> Any:
    backend = world.process()
    return backend.s3.get_object(Bucket=backend.bucket, Key=key(file))


def listed(world: World, file: ErrorFile) -> list[Any]:
    return [json.loads(line) for line in fetched(world, file)["Body"].read().splitlines()]


def mixed(world: World) -> str:
    """Uploads files with errors of every kind, in several chunks."""
    upload(world, add("f1"))
    unknown_label = modify("f1", labels=[{"id": "l9"}])
    return upload_files(
        world, lines(add("f2"), BAD, delete("no"), 7), lines(unknown_label, add("f3"), 8, modify("no"))
    ).id


@pytest.mark.parametrize("part_rows", [1, 3, 1000])
def test_a_file_holds_the_errors_as_they_are_listed(
    world: World, monkeypatch: pytest.MonkeyPatch, part_rows: int
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", part_rows)
    upload_id = mixed(world)
    file = written(world, upload_id)
    assert listed(world, file) == [error.model_dump() for error in errors(world, upload_id)]
    assert (file.errors, file.truncated) == (7, False)


def test_a_csv_has_a_line_for_each_error_below_its_header(world: World) -> None:
    upload_id = mixed(world)
    file = written(world, upload_id, ErrorFormat.CSV)
    text = fetched(world, file)["Body"].read().decode()
    read = list(csv.DictReader(StringIO(text, newline="")))
    listed_errors = [error.model_dump() for error in errors(world, upload_id)]
    assert read == [
        {name: "" if value is None else str(value) for name, value in each.items()} for each in listed_errors
    ]


@pytest.mark.parametrize(
    ("form", "media_type"),
    [(ErrorFormat.JSONL, "application/jsonl"), (ErrorFormat.CSV, "text/csv; charset=utf-8")],
)
def test_a_file_says_what_it_is_and_how_to_call_it(world: World, form: ErrorFormat, media_type: str) -> None:
    upload_id = send(world, BAD).upload
    answer = fetched(world, written(world, upload_id, form))
    assert answer["ContentType"] == media_type
    assert answer["ContentDisposition"] == f'attachment; filename="{DATASET}-{upload_id}-errors.{form}"'


def test_a_file_can_be_fetched_for_an_hour(world: World) -> None:
    before = world.tick()
    file = written(world, send(world, BAD).upload)
    (seconds,) = parse_qs(urlsplit(file.url).query)["X-Amz-Expires"]
    assert int(seconds) == bucket.SIGNED_URL_SECONDS == 3600
    assert timedelta(0) < file.expires_at - before - timedelta(seconds=3600) < timedelta(minutes=1)


def test_each_request_writes_a_file_of_its_own(world: World) -> None:
    upload_id = send(world, BAD).upload
    keys = [key(written(world, upload_id)) for _ in range(2)]
    assert len(set(keys)) == 2
    assert all(name.startswith("downloads/") for name in keys)


@pytest.mark.parametrize(("most", "errors_written", "truncated"), [(1, 1, True), (4, 4, True), (7, 7, False)])
def test_a_file_holds_as_many_errors_as_there_may_be_and_says_if_that_is_not_all(
    world: World, monkeypatch: pytest.MonkeyPatch, most: int, errors_written: int, truncated: bool
) -> None:
    upload_id = mixed(world)
    monkeypatch.setattr(error_files, "MAX_DOWNLOAD_ERRORS", most)
    file = written(world, upload_id)
    assert (file.errors, file.truncated) == (errors_written, truncated)
    listed_errors = [error.model_dump() for error in errors(world, upload_id)]
    assert listed(world, file) == listed_errors[:errors_written]


def test_a_file_that_would_take_too_long_holds_what_was_read_in_time_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 2)
    upload_id = upload_files(world, lines(6, 7, 8, 9, 10, 11)).id
    has_time = iter([True, True, False])
    file = written(world, upload_id, has_time=lambda: next(has_time))
    assert (file.errors, file.truncated) == (4, True)
    assert [error["row"] for error in listed(world, file)] == [1, 2, 3, 4]


def test_a_file_longer_than_memory_is_written_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error_files, "SPOOLED_BYTES", 50)
    file = written(world, send(world, *[BAD] * 20).upload)
    assert [error["row"] for error in listed(world, file)] == sorted([*range(20), *range(20)])


def test_an_upload_without_errors_makes_an_empty_file(world: World) -> None:
    file = written(world, upload(world, add("f1")).upload)
    assert (file.errors, file.truncated, listed(world, file)) == (0, False, [])


def test_the_errors_of_an_unknown_upload_are_not_found_and_nothing_is_written(world: World) -> None:
    with pytest.raises(NotFound):
        written(world, "ffff")
    backend = world.process()
    assert "Contents" not in backend.s3.list_objects_v2(Bucket=backend.bucket, Prefix="downloads/")
