"""`tidemark push --files`: every file arrives once and unchanged, and the outcome of its rows is reported."""

import gzip
import json
import os
import re
import tempfile
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from tests.integration.cli.conftest import TRAIN, Program, Service, problem, s3_error
from tests.integration.cli.rows import add, delete, lines, modify
from tests.integration.cli.test_push import changes, frames
from tidemark.client import retrying
from tidemark.client.push import by_files, local_files

UPLOADS = "/projects/birds/datasets/train/uploads"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, one of them gzip, that add `f1` and `f2` and change `f1` twice."""
    made = tmp_path / "frames"
    made.mkdir()
    (made / "1.jsonl").write_bytes(lines(add("f1", "heron", n=0), modify("f1", n=1), modify("f1", n=2)))
    (made / "2.jsonl.gz").write_bytes(gzip.compress(lines(add("f2"))))
    return made


@pytest.fixture
def run(tidemark: Program) -> Program:
    """Runs `tidemark push --files`."""
    return lambda *arguments, stdin=b"": tidemark("push", TRAIN, *arguments, "--files", stdin=stdin)


def uploads(service: Service) -> list[dict[str, object]]:
    found: list[dict[str, object]] = service.client.get(UPLOADS).json()["items"]
    return found


def announced(service: Service) -> list[httpx2.Request]:
    return [sent for sent in service.requests if sent.method == "POST" and sent.url.path.endswith("/uploads")]


def test_a_folder_is_one_upload_and_its_files_are_put_as_they_are(run: Program, service: Service, folder: Path) -> None:
    result = run(folder)
    assert result.status == 0
    assert result.out.startswith(f"{folder} to birds/train: 2 files, 4 rows in 1 upload, version 1")
    assert "applied 4" in result.out
    assert frames(service) == {"f1": 2, "f2": None}
    assert sorted(service.storage.bodies) == sorted(file.read_bytes() for file in folder.iterdir())
    assert service.sent == []


def test_more_files_than_an_upload_takes_are_several(
    run: Program, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_files, "MAX_UPLOAD_FILES", 2)
    for number in range(5):
        (tmp_path / f"{number}.jsonl").write_bytes(lines(add(f"f{number}")))
    summary = json.loads(run(tmp_path, "--json").out)
    assert (summary["files"], summary["rows"], len(summary["uploads"])) == (5, 5, 3)
    assert len(frames(service)) == 5


@pytest.mark.usefixtures("service")
def test_what_does_not_take_effect_is_told_by_file_and_line(run: Program, folder: Path) -> None:
    (folder / "3.jsonl").write_bytes(lines(add("f3")) + b"\n{oops\n" + lines(add("f4", "dodo"), delete("f9")))
    result = run(folder)
    assert result.status == 1
    assert f"{folder}/3.jsonl:3  rejected: malformed_json" in result.out
    assert f"{folder}/3.jsonl:4  f4  rejected: unknown_class" in result.out
    assert f"{folder}/3.jsonl:5  f9  dropped: unknown_frame" in result.out


def test_stdin_is_kept_until_it_is_put_and_no_longer(
    run: Program, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    result = run("-", stdin=gzip.compress(lines(add("f1", n=1), delete("f9"))))
    assert result.status == 1
    assert "stdin:2  f9  dropped" in result.out
    assert frames(service) == {"f1": 1}
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_kept_until_it_is_put(run: Program, service: Service, tmp_path: Path) -> None:
    pipe = tmp_path / "rows"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(lines(add("f1", n=1)),))
    writer.start()
    assert run(pipe).status == 0
    writer.join()
    assert frames(service) == {"f1": 1}


@pytest.mark.parametrize("stdin", [False, True], ids=["file", "stdin"])
def test_a_file_that_is_too_large_is_refused_before_anything_is_sent(
    run: Program, service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch, stdin: bool
) -> None:
    content = lines(*(add(f"f{n}") for n in range(20)))
    monkeypatch.setattr(local_files, "MAX_FILE_BYTES", len(content) - 1)
    (folder / "3.jsonl").write_bytes(content)
    result = run("-", stdin=content) if stdin else run(folder)
    assert result.status == 2
    message = re.sub(r"[│\s]", "", result.err)  # the box around the message breaks long paths
    assert ("stdin" if stdin else "3.jsonl") in message
    assert {request.method for request in service.requests} <= {"GET"}


def test_a_repeat_sends_nothing_twice_and_says_so(run: Program, service: Service, folder: Path) -> None:
    first = json.loads(run(folder, "--json").out)
    put = len(service.storage.requests)
    service.world.now += timedelta(days=40)
    again = json.loads(run(folder, "--json").out)
    assert (first["repeated"], again["repeated"]) == (0, 1)
    assert (again["uploads"], again["applied"]) == (first["uploads"], 4)
    assert "1 upload from an earlier push" in run(folder).out
    assert len(service.storage.requests) == put
    assert changes(service, "f1") == 3


def test_another_run_sends_the_same_files_anew(run: Program, service: Service, folder: Path) -> None:
    run(folder)
    assert run(folder, "--run", "second").status == 0
    assert changes(service, "f1") == 6


@pytest.mark.parametrize("change", ["name", "content", "one more"])
def test_other_files_are_another_upload(run: Program, service: Service, folder: Path, change: str) -> None:
    run(folder)
    if change == "name":
        (folder / "1.jsonl").rename(folder / "0.jsonl")
    else:
        (folder / ("1.jsonl" if change == "content" else "3.jsonl")).write_bytes(lines(add("f3")))
    assert json.loads(run(folder, "--json").out)["repeated"] == 0
    assert len(uploads(service)) == 2


@pytest.mark.usefixtures("service")
def test_a_folder_may_be_moved(run: Program, folder: Path, tmp_path: Path) -> None:
    run(folder)
    moved = folder.rename(tmp_path / "moved")
    assert json.loads(run(moved, "--json").out)["repeated"] == 1


@pytest.mark.parametrize("broken", range(2, 7))
def test_a_push_that_broke_off_is_gone_on_with_by_the_same_command(
    run: Program, service: Service, folder: Path, broken: int
) -> None:
    service.faults = [*[None] * (broken - 1), problem(403, "role_too_low", "The key may not write.")]
    result = run(folder)
    broke_off = broken <= 5
    assert (result.status == 3) == broke_off
    service.faults = []
    assert run(folder).status == 0
    assert (frames(service), changes(service, "f1")) == ({"f1": 2, "f2": None}, 3)


@pytest.mark.parametrize("lost", range(2, 6))
def test_an_answer_that_gets_lost_is_asked_for_again(run: Program, service: Service, folder: Path, lost: int) -> None:
    service.lost = {lost}
    assert run(folder).status == 0
    assert changes(service, "f1") == 3


@pytest.mark.parametrize(
    "fault",
    [
        httpx2.ConnectError("refused"),
        httpx2.WriteError("broken pipe"),
        s3_error(503, "SlowDown", "Reduce your request rate."),
        s3_error(400, "RequestTimeout", "Idle connections will be closed."),
        httpx2.Response(500),
    ],
    ids=["refused", "broken pipe", "503", "idle", "500"],
)
def test_a_put_that_fails_is_tried_again(
    run: Program, service: Service, folder: Path, fault: httpx2.Response | Exception
) -> None:
    service.storage.faults = [fault, None, fault]
    assert run(folder).status == 0
    assert len(service.storage.requests) == 4
    assert frames(service) == {"f1": 2, "f2": None}


def test_a_put_that_fails_again_and_again_ends_the_push_and_names_the_file(
    run: Program, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "MAX_ATTEMPTS", 2)
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines(add("f1")))
    service.storage.faults = [httpx2.ConnectError("refused")] * 2
    result = run(file)
    assert result.status == 3
    assert "refused" in result.err
    assert f"{file} was not uploaded." in result.err
    assert {upload["status"] for upload in uploads(service)} == {"WAITING"}


def test_what_s3_refuses_is_told_in_its_words(run: Program, service: Service, folder: Path) -> None:
    service.storage.faults = [s3_error(400, "InvalidRequest", "It cannot be.")] * 2
    result = run(folder)
    assert result.status == 3
    assert "S3 refuses: InvalidRequest: It cannot be." in result.err


def test_a_url_that_has_expired_is_replaced_by_a_new_one_of_the_same_upload(
    run: Program, service: Service, folder: Path
) -> None:
    service.storage.faults = [s3_error(403, "AccessDenied", "Request has expired")]
    assert run(folder).status == 0
    assert len({request.headers["idempotency-key"] for request in announced(service)}) == 1
    assert len(announced(service)) == 2
    assert len(uploads(service)) == 1


def test_a_refusal_of_the_new_url_too_is_final(run: Program, service: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines(add("f1")))
    service.storage.faults = [s3_error(403, "AccessDenied", "Access denied")] * 2
    result = run(file)
    assert result.status == 3
    assert "AccessDenied" in result.err
    assert len(service.storage.requests) == 2


def test_urls_that_are_about_to_expire_are_not_used(
    run: Program, service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_files, "MIN_URL_SECONDS", 3601)
    assert run(folder).status == 0
    assert len(announced(service)) == 3  # the upload, and each file before its upload


def change(file: Path) -> None:
    file.write_bytes(lines(add("f1", n=9)) * 3)


@pytest.mark.parametrize("harm", [change, Path.unlink], ids=["changed", "unreadable"])
def test_a_file_that_is_no_longer_what_was_announced_is_told_and_nothing_is_read(
    run: Program,
    service: Service,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    harm: Callable[[Path], None],
) -> None:
    announce = service.handle

    def harmed(sent: httpx2.Request) -> httpx2.Response:
        response = announce(sent)
        if sent.method == "POST" and sent.url.path.endswith("/uploads"):
            harm(folder / "1.jsonl")
        return response

    monkeypatch.setattr(service, "handle", harmed)
    result = run(folder, "--json")
    summary = json.loads(result.out)
    assert (result.status, summary["unsent"], summary["uploads"]) == (1, 1, [])
    (error,) = summary["errors"]
    assert (Path(error["file"]).name, error["code"]) == ("1.jsonl", request.node.callspec.id)
    assert frames(service) == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_ends_the_push_before_its_upload(
    run: Program, service: Service, folder: Path
) -> None:
    (folder / "2.jsonl.gz").chmod(0)
    result = run(folder)
    assert result.status == 1
    assert "2.jsonl.gz:1  unsent: unreadable" in result.out
    assert announced(service) == []


def test_files_are_never_held_in_memory(
    run: Program, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each body is streamed in chunks."""
    sizes: list[int] = []
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines(add("f1", note="x" * 8000)) * 400)
    handle = service.storage.handle

    def measured(request: httpx2.Request) -> httpx2.Response:
        assert isinstance(request.stream, httpx2.SyncByteStream)
        chunks = list(request.stream)
        sizes.extend(map(len, chunks))
        kept = httpx2.Request(request.method, request.url, headers=request.headers, content=b"".join(chunks))
        return handle(kept)

    monkeypatch.setattr(service.storage, "handle", measured)
    assert run(file, "--no-wait").status == 0
    assert sum(sizes) == file.stat().st_size
    assert max(sizes) <= local_files.CHUNK_BYTES < sum(sizes)


def test_ctrl_c_ends_what_is_underway_and_tells_how_to_go_on(run: Program, service: Service, folder: Path) -> None:
    service.faults = [None, None, None, KeyboardInterrupt()]
    result = run(folder)
    assert result.status == 130
    assert "Stopped." in result.err
    service.faults = []
    assert run(folder).status == 0
    assert changes(service, "f1") == 3


def test_a_person_sees_how_far_it_is(
    run: Program, service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    service.slow = 2
    err = run(folder).err
    assert "digested" in err
    assert "bytes" in err
    assert "4 of 4 rows" in err


def test_no_wait_leaves_the_upload_to_settle(run: Program, service: Service, folder: Path) -> None:
    result = run(folder, "--no-wait")
    assert result.status == 0
    assert "2 files in 1 upload, not waited for" in result.out
    assert str(uploads(service)[0]["id"]) in result.out


def test_a_large_source_without_the_option_is_told_of_it(
    tidemark: Program, folder: Path, monkeypatch: pytest.MonkeyPatch, service: Service
) -> None:
    assert "--files" not in tidemark("push", TRAIN, folder).err
    monkeypatch.setattr("tidemark.cli.commands.push.LARGE", 10)
    assert "see --files" in tidemark("push", TRAIN, folder).err
    assert service.sent
