"""Files of mutations are uploaded by signed URLs and by the drop folder, and beside single rows (R31)."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from infra.local.stack import LocalStack
from tests.support.deployed import inside
from tests.support.deployed.client import Caller, Dataset, Json, wait_until
from tests.support.deployed.files import drop, dropped, lines, put
from tests.support.deployed.rows import add, box, delete, modify
from tidemark.aws.backend import Backend
from tidemark.domain.limits import MAX_SINGLE_PUT_BYTES

FILES, ROWS, SINGLES = 4, 500, 20
FOLDER = 60


@pytest.fixture(scope="module")
def backend(stack: LocalStack) -> Backend:
    return inside.backend_of(stack)


def frames_of(door: str, file: int) -> list[Json]:
    return [add(f"{door}-{file}-{row:04d}", box("a"), turn=row) for row in range(ROWS)]


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
            empty=b"\n\n",
            nothing=b"",
            many_bad=b"{\n" * 10_000 + lines([add("f")]),
            picture=b"\x89PNG\r\n\x1a\n" + bytes(100),
            truncated=whole[: len(whole) // 2],
            long_line=b'"' + b"x" * 20_000_000 + b'"\n' + lines([add("e")]),
        )
    )
    assert upload["status"] == "PARTIAL"
    listed = dataset.items("uploads", upload["id"], "errors", limit=1000)
    many = [error for error in listed if error["file"] == "many_bad"]
    assert [error["row"] for error in many] == [*range(1, 1002)]
    assert [error["code"] for error in many] == ["malformed_json"] * 1000 + ["more_errors"]
    reported = {(error["file"], error["row"], error["code"]) for error in listed if error["file"] != "many_bad"}
    truncated = next(error for error in reported if error[0] == "truncated")
    assert reported == {
        ("good", 3, "unknown_frame"),
        ("bad_line", 2, "malformed_json"),
        ("bad_line", 3, "unknown_class"),
        ("empty", 3, "no_rows"),
        ("nothing", 1, "no_rows"),
        ("picture", 1, "unsupported_format"),
        ("long_line", 1, "line_too_long"),
        ("truncated", truncated[1], "truncated_gzip"),
    }
    frames = dataset.frames()
    assert {"a", "b", "d", "e", "f"} <= frames.keys()
    assert "c" not in frames
    assert sum(name.startswith("cut-") for name in frames) == truncated[1] - 1 > 0
    assert frames["a"]["metadata"] == {"n": 1}
    counts = [upload[name] for name in ("rejected", "applied", "dropped", "failed")]
    assert (sum(counts), upload["applied"], upload["dropped"]) == (upload["rows"], len(frames) + 1, 1)
    download = dataset.read("uploads", upload["id"], "errors", "file", format="jsonl")
    text = httpx2.get(download["url"], timeout=60).text
    assert [json.loads(line) for line in text.splitlines()] == listed


def test_a_dropped_file_that_belongs_to_no_dataset_is_moved_aside_and_listed(
    admin: Caller, dataset: Dataset, backend: Backend
) -> None:
    drop(Dataset(admin, dataset.project, "no-such-dataset"), backend, "rows.jsonl", lines([add("a")]))
    key = f"drop/{dataset.project}/no-such-dataset/rows.jsonl"
    rejected: list[Json] = []

    def is_listed() -> bool:
        rejected[:] = [file for file in admin.items("/rejected-files") if file["key"] == key]
        return bool(rejected)

    wait_until(is_listed, "the file to be rejected")
    assert "no dataset 'no-such-dataset'" in rejected[0]["reason"]
    assert backend.s3.head_object(Bucket=backend.bucket, Key=rejected[0]["moved_to"])["Metadata"]["reason"]


def test_a_body_of_another_size_than_announced_is_refused(dataset: Dataset) -> None:
    receipt = dataset.caller.create(dataset.at("uploads"), {"files": [{"name": "a", "bytes": 10}]})
    (file,) = receipt["files"]
    refused = dataset.caller.http.post(dataset.at("uploads", receipt["upload"], "complete"))
    assert (refused.status_code, refused.json()["code"]) == (409, "files_missing")
    assert "a" in refused.json()["detail"]
    assert file["headers"]["Content-Length"] == "10"


def test_a_large_file_is_put_in_parts_and_read_whole(dataset: Dataset) -> None:
    """The few rows are padded with blanks to the size above which files are uploaded in parts."""
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
        assert httpx2.put(part["url"], content=body, headers=part["headers"], timeout=60).status_code == 200
        start += part["bytes"]
    assert (start, file["url"], len(file["parts"])) == (len(content), None, 2)
    assert dataset.caller.http.post(complete).status_code == 202
    assert dataset.caller.http.post(complete).status_code == 202
    upload = dataset.settled(receipt["upload"])
    assert (upload["status"], upload["applied"]) == ("SETTLED", rows)
    assert len(dataset.frames()) == rows


def test_a_folder_of_files_that_is_copied_in_is_taken_whole(dataset: Dataset, backend: Backend) -> None:
    with ThreadPoolExecutor(8) as copying:
        for number in range(FOLDER):
            copying.submit(
                drop, dataset, backend, f"day/{number:03d}.jsonl", lines([add(f"f{number}"), add(f"g{number}")])
            )
    uploads = dropped(dataset, FOLDER)
    assert {(one["status"], one["applied"]) for one in uploads} == {("SETTLED", 2)}
    assert len(dataset.frames()) == 2 * FOLDER


def test_a_batch_dataset_takes_all_rows_of_its_files_or_none_and_then_no_more(admin: Caller) -> None:
    golden = admin.new_dataset(mode="BATCH")
    bad = golden.settled(put(golden, a=lines(add(f"f{number}") for number in range(300)), b=lines([add("x"), add("")])))
    assert (bad["status"], bad["rejected"], bad["version"]) == ("FAILED", 302, None)
    assert "1 of its 302 rows" in bad["reason"]
    assert golden.frames() == {}
    good = golden.settled(put(golden, a=lines(add(f"f{number}") for number in range(300)), b=lines([add("x")])))
    assert (good["status"], good["applied"], good["version"]) == ("SETTLED", 301, 1)
    assert len(golden.frames()) == 301
    refused = golden.submit(delete("x"))
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset_sealed")
    assert golden.read()["filled_by"] == good["id"]
