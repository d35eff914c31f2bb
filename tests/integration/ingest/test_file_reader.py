"""Files of mutations: uploaded by signed URLs or dropped, read in chunks, settled as one upload (R31)."""

import gzip
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulation.world import World
from tests.support.uploads import (
    DATASET,
    PROJECT,
    add,
    announce,
    complete,
    content,
    delete,
    drop_file,
    errors,
    finish_tasks,
    get_upload,
    lines,
    modify,
    store_files,
    upload,
    upload_files,
    where,
)
from tidemark.aws import table
from tidemark.datasets import datasets
from tidemark.domain.errors import Conflict, InvalidRequest
from tidemark.domain.frames.schema import FieldType
from tidemark.domain.upload_files import DroppedObject
from tidemark.domain.uploads import FileStatus, Source, UploadStatus
from tidemark.ingest import drop_folder, file_reader, file_uploads
from tidemark.uploads import chunks, follow
from tidemark.versions import history, resolve


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_rows_of_files_are_applied_and_settle_as_one_upload(world: World, pack: Callable[[bytes], bytes]) -> None:
    settled = upload_files(world, pack(lines(add("f1", "l1", n=1), add("f2", n=2))), pack(lines(add("f3", n=3))))
    assert (settled.status, settled.source, settled.version) == (UploadStatus.SETTLED, Source.FILES, 1)
    assert (settled.rows, settled.applied, settled.labels, settled.files, settled.files_read) == (3, 3, 1, 2, 2)
    assert content(world) == {"f1": {"n": 1}, "f2": {"n": 2}, "f3": {"n": 3}}


def test_nothing_is_read_before_an_upload_is_completed(world: World) -> None:
    receipt = announce(world, "a")
    store_files(world, receipt, lines(add("f1")))
    world.drain()
    assert (get_upload(world, receipt.upload).status, content(world)) == (UploadStatus.WAITING, {})


def test_files_that_were_not_put_are_named(world: World) -> None:
    receipt = announce(world, "a", "b", "c")
    store_files(world, receipt, lines(add("f1")))
    with pytest.raises(Conflict, match="not arrived yet: b, c") as refusal:
        complete(world, receipt)
    assert refusal.value.code == "files_missing"
    assert get_upload(world, receipt.upload).status is UploadStatus.WAITING


def test_completing_twice_applies_once(world: World) -> None:
    receipt = announce(world, "a")
    store_files(world, receipt, lines(add("f1")))
    complete(world, receipt)
    complete(world, receipt)
    world.drain()
    complete(world, receipt)
    world.drain()
    assert resolve.get_version(world.process(), **where(), version="LATEST").number == 1
    assert len(_history(world, "f1")) == 1


def _history(world: World, frame_id: str) -> list[Any]:
    return history.frame_history(world.process(), **where(), frame_id=frame_id, limit=100, cursor=None).items


def test_a_request_of_files_repeated_is_the_same_upload(world: World) -> None:
    assert announce(world, "a", request="once").upload == announce(world, "a", request="once").upload
    assert announce(world, "a").upload != announce(world, "a").upload


def test_two_files_of_one_name_are_refused(world: World) -> None:
    with pytest.raises(InvalidRequest, match="same name"):
        announce(world, "a", "a")


def test_an_upload_that_came_in_a_request_has_nothing_to_complete(world: World) -> None:
    receipt = upload(world, add("f1"))
    with pytest.raises(Conflict, match="came in a request"):
        file_uploads.complete(world.process(), **where(), upload=receipt.upload)


def test_what_is_put_again_after_completing_is_not_read(world: World) -> None:
    backend = world.process()
    backend.s3.put_bucket_versioning(Bucket=backend.bucket, VersioningConfiguration={"Status": "Enabled"})
    receipt = announce(world, "a")
    store_files(world, receipt, lines(add("f1")))
    complete(world, receipt)
    store_files(world, receipt, lines(add("other")))
    world.drain()
    assert set(content(world)) == {"f1"}


def test_rows_of_a_frame_take_effect_in_the_order_of_the_file(world: World) -> None:
    rows = [add("f1", n=0), *(modify("f1", metadata={"n": number}) for number in range(1, 8)), delete("f2"), add("f2")]
    settled = upload_files(world, lines(*rows))
    assert (settled.applied, settled.dropped) == (9, 1)
    assert content(world) == {"f1": {"n": 7}, "f2": {}}
    assert len(_history(world, "f1")) == 8


def test_bad_lines_are_told_by_file_and_line_and_harm_nothing_else(world: World) -> None:
    settled = upload_files(
        world, lines(add("f1")) + b"{nonsense\n\n" + lines(add("f2", "x" * 300)), lines(add("f3")) + b"7\n"
    )
    assert (settled.status, settled.rows, settled.applied, settled.rejected) == (UploadStatus.PARTIAL, 5, 2, 3)
    reported = [(error.file, error.row, error.code) for error in errors(world, settled.id)]
    assert reported == [("file-0", 2, "malformed_json"), ("file-0", 4, "invalid_id"), ("file-1", 2, "wrong_type")]
    assert [(file.status, file.lines) for file in _files(world, settled.id)] == [
        (FileStatus.READ, 4),
        (FileStatus.READ, 2),
    ]


def _files(world: World, upload_id: str) -> Any:
    return file_uploads.list_files(world.process(), **where(), upload=upload_id)


def test_all_files_are_found_however_few_come_with_a_query(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    settled = upload_files(world, *(lines(add(f"f{number}")) for number in range(3)))
    query = table.query
    monkeypatch.setattr(table, "query", lambda *args, **options: query(*args, **options | {"limit": 1}))
    assert [file.name for file in _files(world, settled.id)] == ["file-0", "file-1", "file-2"]


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_errors_are_told_in_pages_across_files_and_parts(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 2)
    bad = [lines(add("f1"), delete("nowhere"), 7, add("f2"), 8), lines(9, modify("nowhere"))]
    settled = upload_files(world, *bad)
    reported = [(error.file, error.row, error.outcome) for error in errors(world, settled.id, limit)]
    assert reported == [
        ("file-0", 2, "dropped"),
        ("file-0", 3, "rejected"),
        ("file-0", 5, "rejected"),
        ("file-1", 1, "rejected"),
        ("file-1", 2, "dropped"),
    ]


def test_a_truncated_file_keeps_what_came_before_and_says_where_it_ends(world: World) -> None:
    compressed = gzip.compress(lines(*(add(f"f{number:03d}", n=number) for number in range(400))))
    settled = upload_files(world, compressed[: len(compressed) // 2])
    (file,) = _files(world, settled.id)
    assert settled.status is UploadStatus.PARTIAL
    assert 0 < settled.applied < 400
    assert len(content(world)) == min(settled.applied, 1000)
    (error,) = errors(world, settled.id)
    assert (error.code, error.row) == ("truncated_gzip", settled.applied + 1)
    assert file.error == error.message


@pytest.mark.parametrize("text", [b"", b"\n\n", b"\x89PNG\r\n\x1a\n" + b"\0" * 100])
def test_a_file_without_rows_fails_its_upload_with_a_reason(world: World, text: bytes) -> None:
    settled = upload_files(world, text)
    assert (settled.status, settled.version, settled.applied) == (UploadStatus.FAILED, None, 0)
    assert len(errors(world, settled.id)) == 1


def test_of_very_many_errors_a_thousand_are_kept_and_it_is_said_so(world: World) -> None:
    settled = upload_files(world, b"7\n" * 2500 + lines(add("f1")))
    reported = errors(world, settled.id)
    assert (settled.rejected, settled.applied) == (2500, 1)
    assert [error.code for error in reported] == ["wrong_type"] * 1000 + ["more_errors"]


def test_a_file_learns_its_fields_with_the_part_that_brings_them(world: World) -> None:
    receipt = announce(world, "rows")
    store_files(world, receipt, lines(add("f1", speed="fast"), add("f2", weather="rain")))
    complete(world, receipt)
    reading = world.start_task(world.tasks[0])
    reading.run_to("dynamodb.TransactWriteItems")
    assert schema(world) == {}
    upload(world, add("f3", speed=7))
    assert reading.run().error is None
    world.drain()
    assert [error.code for error in errors(world, receipt.upload)] == ["metadata_type"]
    assert schema(world) == {"speed": FieldType.NUMBER, "weather": FieldType.STRING}
    assert content(world) == {"f2": {"weather": "rain"}, "f3": {"speed": 7}}


def schema(world: World) -> dict[str, FieldType]:
    return datasets.get_dataset(world.process(), PROJECT, DATASET).metadata_schema.fields


def test_work_longer_than_an_invocation_goes_on_where_it_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 10)
    receipt = announce(world, "a", "b")
    rows = [add(f"f{number}", n=number) for number in range(95)]
    store_files(world, receipt, lines(*rows[:50]), gzip.compress(lines(*rows[50:])))
    complete(world, receipt)
    invocations = finish_tasks(world, steps=2)
    world.drain()
    assert invocations >= 5
    assert content(world) == {f"f{number}": {"n": number} for number in range(95)}
    assert get_upload(world, receipt.upload).applied == 95


def test_a_dropped_file_starts_an_upload_once(world: World) -> None:
    for _ in range(3):
        taken = drop_file(world, "drop/birds/train/today/a.jsonl", lines(add("f1")))
    assert taken is not None
    world.drain()
    settled = get_upload(world, taken.id)
    assert (settled.status, settled.source, settled.actor) == (UploadStatus.SETTLED, Source.DROP, "drop folder")
    assert len(_history(world, "f1")) == 1
    assert tags(world, "drop/birds/train/today/a.jsonl")["tidemark"] == "read"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("drop/a.jsonl", "drop/{project}/{dataset}/{name}"),
        ("drop/birds/a.jsonl", "drop/{project}/{dataset}/{name}"),
        ("drop/nobody/train/a.jsonl", "no project 'nobody'"),
        ("drop/birds/none/a.jsonl", "no dataset 'none'"),
        ("drop//train/a.jsonl", "drop/{project}/{dataset}/{name}"),
        ("drop/birds//a.jsonl", "drop/{project}/{dataset}/{name}"),
    ],
)
def test_a_file_that_belongs_to_no_dataset_is_moved_aside_and_listed(world: World, key: str, reason: str) -> None:
    assert drop_file(world, key, lines(add("f1"))) is None
    (rejected,) = drop_folder.list_rejected(world.process(), only=None, limit=10, cursor=None).items
    assert (rejected.key, rejected.moved_to) == (key, key.replace("drop/", "rejected/", 1))
    assert reason in rejected.reason
    assert keys(world) == {rejected.moved_to}


def test_rejected_files_are_shown_to_keys_of_the_project_in_whose_folder_they_were_put(world: World) -> None:
    for project in ("birds", "boats"):
        drop_file(world, f"drop/{project}/none/a.jsonl", lines(add("f1")))
    page = drop_folder.list_rejected(world.process(), only=frozenset({"boats"}), limit=10, cursor=None)
    assert [file.key for file in page.items] == ["drop/boats/none/a.jsonl"]


def test_a_dropped_file_that_holds_no_rows_is_moved_aside(world: World) -> None:
    taken = drop_file(world, "drop/birds/train/a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 100)
    assert taken is not None
    world.drain()
    assert get_upload(world, taken.id).status is UploadStatus.FAILED
    assert "rejected/birds/train/a.png" in keys(world)
    assert "drop/birds/train/a.png" not in keys(world)


def test_a_file_that_belongs_to_no_dataset_and_is_told_of_twice_is_listed_once(world: World) -> None:
    drop_file(world, "drop/birds/none/a.jsonl", lines(add("f1")))
    drop_folder.start_upload(world.process(), DroppedObject(key="drop/birds/none/a.jsonl", version=None, bytes=1))
    assert len(drop_folder.list_rejected(world.process(), only=None, limit=10, cursor=None).items) == 1


def test_a_file_that_was_mended_under_its_key_stays_when_the_old_one_is_told_of_again(world: World) -> None:
    backend = world.process()
    backend.s3.put_bucket_versioning(Bucket=backend.bucket, VersioningConfiguration={"Status": "Enabled"})
    key = "drop/birds/train/a.jsonl"

    def put_version(text: bytes) -> DroppedObject:
        version = backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=text)["VersionId"]
        return DroppedObject(key=key, version=version, bytes=len(text))

    bad = put_version(b"\x89PNG\r\n\x1a\n" + b"\0" * 100)
    drop_folder.start_upload(world.process(), bad)
    world.drain()
    mended = put_version(lines(add("f1")))
    for reported in (mended, bad):
        drop_folder.start_upload(world.process(), reported)
        world.drain()
    assert content(world) == {"f1": {}}
    assert key in keys(world)


def test_a_file_with_the_longest_name_is_moved_aside_all_the_same(world: World) -> None:
    key = "drop/nobody/train/" + "x" * (1024 - len("drop/nobody/train/"))
    drop_file(world, key, lines(add("f1")))
    (rejected,) = drop_folder.list_rejected(world.process(), only=None, limit=10, cursor=None).items
    assert keys(world) == {rejected.moved_to}
    assert len(rejected.moved_to) <= 1024


def keys(world: World) -> set[str]:
    backend = world.process()
    listed = backend.s3.list_objects_v2(Bucket=backend.bucket)
    return {entry["Key"] for entry in listed.get("Contents", []) if not entry["Key"].startswith("packs/")}


def tags(world: World, key: str) -> dict[str, str]:
    backend = world.process()
    answer = backend.s3.get_object_tagging(Bucket=backend.bucket, Key=key)
    return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}


def test_a_page_of_errors_ends_early_where_they_are_of_many_parts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 1)
    monkeypatch.setattr(follow, "MAX_PAGE_CHUNKS", 2)
    upload_id = upload_files(world, lines(*(add("") for _ in range(3)), add("f1"), add(""), add(""))).id
    page = follow.list_errors(world.process(), **where(), upload=upload_id, limit=100, cursor=None)
    assert [error.row for error in page.items] == [1, 2]
    assert [error.row for error in errors(world, upload_id)] == [1, 2, 3, 5, 6]


def test_a_page_of_errors_does_not_read_all_parts_of_a_large_upload_that_has_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_CHUNK_ROWS", 1)
    monkeypatch.setattr(follow, "MAX_PAGE_CHUNKS", 2)
    upload_id = upload_files(world, lines(*(add(f"f{number}") for number in range(30)))).id
    read: list[str] = []
    of_upload = chunks.of_upload

    def counted(*args: Any, **options: Any) -> Iterator[chunks.Chunk]:
        for part in of_upload(*args, **options):
            read.append(part.name)
            yield part

    monkeypatch.setattr(chunks, "of_upload", counted)
    follow.list_errors(world.process(), **where(), upload=upload_id, limit=100, cursor=None)
    assert len(read) < 30
