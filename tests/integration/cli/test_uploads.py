"""`tidemark uploads`, `rows`, `errors --download` and `retry`: finding an upload, and retrying it."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.cli.conftest import TRAIN, Program, Service, problem, s3_error
from tests.integration.cli.rows import add, lines

UPLOAD = "c56a337b1e764752b69170e8606ef50f"
FOUND: dict[str, Any] = {
    "id": UPLOAD,
    "project": "birds",
    "dataset": "train",
    "mode": "STREAMING",
    "status": "PARTIAL",
    "reason": None,
    "actor": "ann",
    "accepted_at": "2026-01-01T00:00:00Z",
    "version": 3,
    **dict.fromkeys(("rows", "rejected", "applied", "dropped", "failed"), 1),
    **dict.fromkeys(("windows", "windows_settled", "files", "files_read"), 0),
}
SIGNED = "https://bucket.s3.amazonaws.com/errors/1?X-Amz-Signature=secret"


def page(*items: dict[str, Any]) -> httpx2.Response:
    return httpx2.Response(200, json={"items": items, "cursor": None})


def error_file(**given: Any) -> httpx2.Response:
    found = {"url": SIGNED, "expires_at": "2026-01-01T01:00:00Z", "format": "csv", "errors": 1, "truncated": False}
    return httpx2.Response(200, json=found | given)


def test_the_uploads_of_a_project_are_listed_with_their_datasets(tidemark: Program, service: Service) -> None:
    service.faults = [page(FOUND)]
    assert tidemark("uploads", "birds").out.split("\t")[:4] == ["train", UPLOAD, "STREAMING", "PARTIAL"]
    assert service.requests[0].url.path.endswith("/projects/birds/uploads")


@pytest.mark.parametrize("name", ["birds", TRAIN])
def test_uploads_are_filtered_by_status_and_mode(tidemark: Program, service: Service, name: str) -> None:
    service.faults = [page()]
    assert tidemark("uploads", name, "--status", "partial", "--mode", "BATCH").status == 0
    asked = dict(service.requests[0].url.params)
    assert (asked["status"], asked["mode"]) == ("PARTIAL", "BATCH")


def test_without_a_filter_none_is_asked_for(tidemark: Program, service: Service) -> None:
    tidemark("uploads", TRAIN)
    assert set(service.requests[0].url.params) == {"limit"}


@pytest.mark.usefixtures("service", "terminal")
def test_a_person_is_told_that_nothing_suits(tidemark: Program, service: Service) -> None:
    service.faults = [page()]
    assert tidemark("uploads", "birds", "--status", "FAILED").err == "No uploads to birds are FAILED.\n"


@pytest.mark.parametrize("arguments", [["birds", "--status", "lost"], ["birds", "--mode", "slow"], ["a/b/c"]])
def test_a_wrong_filter_is_wrong_usage(tidemark: Program, service: Service, arguments: list[str]) -> None:
    assert tidemark("uploads", *arguments).status == 2
    assert service.requests == []


def test_the_rows_of_an_upload_are_listed_with_what_became_of_each(tidemark: Program, service: Service) -> None:
    fault = {"code": "unknown_class", "pointer": "/frame", "message": "No such class."}
    applied = {"file": "a.jsonl", "row": 1, "op": "ADD", "frame_id": "f1", "outcome": "applied", "errors": []}
    rejected = {"file": "a.jsonl", "row": 2, "op": None, "frame_id": None, "outcome": "rejected", "errors": [fault]}
    applied |= {"labels": [{"id": "l0"}], "remove_labels": []}
    rejected |= {"labels": None, "remove_labels": None}
    service.faults = [page(applied, rejected)]
    result = tidemark("rows", TRAIN, UPLOAD)
    assert [line.split("\t") for line in result.out.splitlines()] == [
        ["a.jsonl", "1", "ADD", "f1", "1", "applied", ""],
        ["a.jsonl", "2", "", "", "", "rejected", "No such class."],
    ]
    assert service.requests[0].url.path.endswith(f"/datasets/train/uploads/{UPLOAD}/rows")


def test_errors_are_written_to_a_file(tidemark: Program, service: Service, tmp_path: Path) -> None:
    service.faults = [error_file()]
    service.storage.faults = [httpx2.Response(200, content=b"file,row\r\na,1\r\n")]
    result = tidemark("errors", TRAIN, UPLOAD, "--download", "csv", "-o", tmp_path / "errors.csv")
    assert (result.status, result.out) == (0, "")
    assert (tmp_path / "errors.csv").read_bytes() == b"file,row\r\na,1\r\n"
    assert service.requests[0].url.path.endswith(f"/uploads/{UPLOAD}/errors/file")
    assert service.requests[0].url.params["format"] == "csv"
    assert [str(request.url) for request in service.storage.requests] == [SIGNED]


def test_errors_go_to_stdout(tidemark: Program, service: Service) -> None:
    service.faults = [error_file()]
    service.storage.faults = [httpx2.Response(200, content=b'{"row": 1}\n')]
    assert tidemark("errors", TRAIN, UPLOAD, "--download", "jsonl", "-o", "-").out == '{"row": 1}\n'


def test_errors_that_did_not_all_fit_are_no_whole_success(tidemark: Program, service: Service, tmp_path: Path) -> None:
    service.faults = [error_file(truncated=True)]
    service.storage.faults = [httpx2.Response(200, content=b"x")]
    result = tidemark("errors", TRAIN, UPLOAD, "--download", "csv", "-o", tmp_path / "errors.csv")
    assert result.status == 1
    assert "may have more" in result.err


class Breaks(httpx2.SyncByteStream):
    """A body that breaks off."""

    def __iter__(self) -> Any:
        yield b"half"
        raise httpx2.ReadError("connection reset")


def test_a_download_that_breaks_off_begins_anew(tidemark: Program, service: Service, tmp_path: Path) -> None:
    service.faults = [error_file()]
    service.storage.faults = [httpx2.Response(200, stream=Breaks()), httpx2.Response(200, content=b"whole")]
    tidemark("errors", TRAIN, UPLOAD, "--download", "csv", "-o", tmp_path / "errors.csv")
    assert (tmp_path / "errors.csv").read_bytes() == b"whole"


def test_a_download_that_fails_leaves_what_was_there(tidemark: Program, service: Service, tmp_path: Path) -> None:
    service.faults = [error_file()]
    service.storage.faults = [s3_error(403, "AccessDenied", "Request has expired")]
    (tmp_path / "errors.csv").write_text("old")
    result = tidemark("errors", TRAIN, UPLOAD, "--download", "csv", "-o", tmp_path / "errors.csv")
    assert (result.status, result.err) == (3, "tidemark: S3 refuses: AccessDenied: Request has expired\n")
    assert (tmp_path / "errors.csv").read_text() == "old"


@pytest.mark.parametrize(
    "options",
    [["--download", "csv"], ["-o", "x"], ["--download", "xml", "-o", "x"], ["--download", "csv", "-o", "-", "--json"]],
)
def test_a_download_without_all_it_needs_is_wrong_usage(
    tidemark: Program, service: Service, options: list[str]
) -> None:
    assert tidemark("errors", TRAIN, UPLOAD, *options).status == 2
    assert service.requests == []


def test_an_upload_is_retried(tidemark: Program, service: Service) -> None:
    service.faults = [httpx2.Response(202, json=FOUND | {"status": "PENDING"})]
    result = tidemark("retry", TRAIN, UPLOAD)
    assert result.status == 0
    assert "its failed windows are sent again" in result.out
    (request,) = service.requests
    assert (request.method, request.url.path.split("/")[-2:]) == ("POST", [UPLOAD, "retry"])


@pytest.mark.parametrize(("failed", "status"), [(0, 0), (1, 1)])
def test_a_retry_is_waited_for(tidemark: Program, service: Service, failed: int, status: int) -> None:
    pending = FOUND | {"status": "PENDING"}
    settled = httpx2.Response(200, json=FOUND | {"failed": failed, "version": 4})
    service.faults = [httpx2.Response(202, json=pending), httpx2.Response(200, json=pending), settled, settled]
    result = tidemark("retry", TRAIN, UPLOAD, "--wait")
    assert result.status == status
    assert result.out.startswith(f"Upload {UPLOAD} is PARTIAL, version 4")
    assert f"failed {failed}" in result.out


def test_a_retry_tells_the_upload_as_json(tidemark: Program, service: Service) -> None:
    service.faults = [httpx2.Response(202, json=FOUND | {"more": 1})]
    assert json.loads(tidemark("retry", TRAIN, UPLOAD, "--json").out) == FOUND | {"more": 1}


def test_an_upload_of_which_nothing_was_given_up_is_not_retried(tidemark: Program, service: Service) -> None:
    tidemark("push", TRAIN, "-", stdin=lines(add("f1")))
    upload = service.client.get("/projects/birds/datasets/train/uploads").json()["items"][0]["id"]
    result = tidemark("retry", TRAIN, upload, "--wait")
    assert result.status == 3
    assert "No window of the upload was given up." in result.err


def test_a_retry_whose_answer_got_lost_is_waited_for(tidemark: Program, service: Service) -> None:
    """The repeated request finds that the first one has started the retry."""
    settled = httpx2.Response(200, json=FOUND | {"failed": 0})
    service.faults = [httpx2.Response(503), problem(409, "upload_pending"), *[settled] * 3]
    assert tidemark("retry", TRAIN, UPLOAD, "--wait").status == 0
