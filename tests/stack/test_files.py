"""Files of mutations through the deployed stack: by signed URLs, by the drop folder, and beside single rows (R31)."""

import gzip
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from infra.local.stack import LocalStack
from tests.stack import inside
from tests.stack.client import Caller, Dataset, Json, wait_until
from tests.stack.rows import add, box, delete, modify
from tidemark.domain.limits import MAX_SINGLE_PUT_BYTES
from tidemark.store.backend import Backend

FILES, ROWS, SINGLES = 4, 500, 20


@pytest.fixture(scope="module")
def backend(stack: LocalStack) -> Backend:
    return inside.backend_of(stack)


def lines(rows: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def frames_of(door: str, file: int) -> list[Json]:
    return [add(f"{door}-{file}-{row:04d}", box("a"), turn=row) for row in range(ROWS)]


def put(dataset: Dataset, **files: bytes) -> str:
    """Announce files, put them, complete their upload; answers its id."""
    where = dataset.at("uploads")
    body = {"files": [{"name": name, "bytes": len(content)} for name, content in files.items()]}
    receipt = dataset.caller.create(where, body)
    for file in receipt["files"]:
        answer = httpx.put(file["url"], content=files[file["name"]], headers=file["headers"], timeout=60)
        assert answer.status_code == 200, answer.text
    completed = dataset.caller.http.post(dataset.at("uploads", receipt["upload"], "complete"))
    assert completed.status_code == 202, completed.text
    upload: str = receipt["upload"]
    return upload


def drop(dataset: Dataset, backend: Backend, name: str, content: bytes) -> None:
    """Put a file into the drop folder, as a labelling vendor does."""
    key = f"drop/{dataset.project}/{dataset.name}/{name}"
    backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=content)


def dropped(dataset: Dataset, count: int) -> list[Json]:
    """The uploads that dropped files have started, as soon as all of them have settled."""
    found: list[Json] = []

    def all_settled() -> bool:
        found[:] = [upload for upload in dataset.items("uploads") if upload["source"] == "DROP"]
        return len(found) == count and all(upload["status"] != "PENDING" for upload in found)

    wait_until(all_settled, f"{count} dropped files to settle")
    return found


def test_files_by_both_doors_and_single_rows_at_once_add_up_to_the_row(dataset: Dataset, backend: Backend) -> None:
    def single(number: int) -> str:
        return dataset.send(add(f"single-{number}"))

    with ThreadPoolExecutor(3) as senders:
        by_url = senders.submit(
            lambda: put(
                dataset, **{f"{file}.jsonl.gz": gzip.compress(lines(frames_of("url", file))) for file in range(FILES)}
            )
        )
        for file in range(FILES):
            senders.submit(drop, dataset, backend, f"{file}.jsonl", lines(frames_of("drop", file)))
        sent = list(senders.map(single, range(SINGLES)))
    upload = dataset.settled(by_url.result())
    uploads = dropped(dataset, FILES)
    assert {dataset.settled(one)["status"] for one in sent} == {"SETTLED"}
    assert (upload["status"], upload["rows"], upload["applied"], upload["files_read"]) == (
        "SETTLED",
        FILES * ROWS,
        FILES * ROWS,
        FILES,
    )
    assert [(one["status"], one["applied"]) for one in uploads] == [("SETTLED", ROWS)] * FILES
    details = dataset.read()
    assert (details["frames"], details["labels"]) == (2 * FILES * ROWS + SINGLES, 2 * FILES * ROWS)
    assert len(dataset.frames()) == 2 * FILES * ROWS + SINGLES
    assert details["activity"] == {"pending_uploads": 0, "deleting": False}


def test_what_is_bad_in_files_is_listed_and_what_is_good_is_in(dataset: Dataset) -> None:
    whole = gzip.compress(lines(add(f"cut-{number}", note="x" * 200) for number in range(2000)), 1)
    upload = dataset.settled(
        put(
            dataset,
            good=lines([add("a"), modify("a", n=1), delete("nowhere")]),
            bad_line=lines([add("b")]) + b"{\n" + lines([add("c", box("x", "unicorn"))]),
            windows=b"\xef\xbb\xbf" + lines([add("d")]).replace(b"\n", b"\r\n"),
            empty=b"",
            picture=b"\x89PNG\r\n\x1a\n" + bytes(100),
            truncated=whole[: len(whole) // 2],
            long_line=b'"' + b"x" * 5_000_000 + b'"\n' + lines([add("e")]),
        )
    )
    assert upload["status"] == "PARTIAL"
    told = {(error["file"], error["row"], error["code"]) for error in dataset.items("uploads", upload["id"], "errors")}
    truncated = next(error for error in told if error[0] == "truncated")
    assert told == {
        ("good", 3, "unknown_frame"),
        ("bad_line", 2, "malformed_json"),
        ("bad_line", 3, "unknown_class"),
        ("empty", 1, "no_rows"),
        ("picture", 1, "unsupported_format"),
        ("long_line", 1, "line_too_long"),
        ("truncated", truncated[1], "truncated_gzip"),
    }
    frames = dataset.frames()
    assert {"a", "b", "d", "e"} <= frames.keys()
    assert sum(name.startswith("cut-") for name in frames) == truncated[1] - 1 > 0
    assert frames["a"]["metadata"] == {"n": 1}


def test_a_dropped_file_that_belongs_to_no_dataset_is_moved_aside_and_listed(
    admin: Caller, dataset: Dataset, backend: Backend
) -> None:
    drop(Dataset(admin, dataset.project, "no-such-dataset"), backend, "rows.jsonl", lines([add("a")]))
    key = f"drop/{dataset.project}/no-such-dataset/rows.jsonl"
    found: list[Json] = []

    def is_listed() -> bool:
        found[:] = [one for one in admin.items("/rejected-files") if one["key"] == key]
        return bool(found)

    wait_until(is_listed, "the file to be rejected")
    assert "no dataset 'no-such-dataset'" in found[0]["reason"]
    assert backend.s3.head_object(Bucket=backend.bucket, Key=found[0]["moved_to"])["Metadata"]["reason"]


def test_a_body_of_another_size_than_announced_is_refused(dataset: Dataset) -> None:
    receipt = dataset.caller.create(dataset.at("uploads"), {"files": [{"name": "a", "bytes": 10}]})
    (file,) = receipt["files"]
    refused = dataset.caller.http.post(dataset.at("uploads", receipt["upload"], "complete"))
    assert (refused.status_code, refused.json()["code"]) == (409, "files_missing")
    assert "a" in refused.json()["detail"]
    assert file["headers"]["Content-Length"] == "10"


def test_a_large_file_is_put_in_parts_and_read_whole(dataset: Dataset) -> None:
    """Its few rows are padded with blanks to the size from which files are put in parts."""
    padding = b" " * 4_000_000
    rows = MAX_SINGLE_PUT_BYTES // len(padding) + 1
    content = b"".join(json.dumps(add(f"f{row}")).encode() + padding + b"\n" for row in range(rows))
    receipt = dataset.caller.create(dataset.at("uploads"), {"files": [{"name": "large", "bytes": len(content)}]})
    (file,) = receipt["files"]
    start = 0
    complete = dataset.at("uploads", receipt["upload"], "complete")
    for part in file["parts"]:
        refused = dataset.caller.http.post(complete)
        assert (refused.status_code, refused.json()["code"]) == (409, "files_missing")
        body = content[start : start + part["bytes"]]
        assert httpx.put(part["url"], content=body, headers=part["headers"], timeout=60).status_code == 200
        start += part["bytes"]
    assert (start, file["url"], len(file["parts"])) == (len(content), None, 2)
    assert dataset.caller.http.post(complete).status_code == 202
    assert dataset.caller.http.post(complete).status_code == 202
    upload = dataset.settled(receipt["upload"])
    assert (upload["status"], upload["applied"]) == ("SETTLED", rows)
    assert len(dataset.frames()) == rows
