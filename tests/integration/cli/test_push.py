"""`tidemark push`: every row arrives once and in order, and its outcome is reported."""

import gzip
import json
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from tests.integration.cli.conftest import TRAIN, Program, Service, problem
from tests.integration.cli.rows import add, delete, lines, modify
from tidemark.client.push import follow
from tidemark.domain.api_keys import Role


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files that add `f1` and `f2`, then change `f1` twice and delete `f2`."""
    made = tmp_path / "frames"
    made.mkdir()
    (made / "1.jsonl").write_bytes(lines(add("f1", "heron", n=0), add("f2")))
    (made / "2.jsonl.gz").write_bytes(gzip.compress(lines(modify("f1", n=1), modify("f1", n=2), delete("f2"))))
    return made


def frames(service: Service) -> dict[str, object]:
    page = service.client.get("/projects/birds/datasets/train/frames").json()
    return {item["frame"]["frame_id"]: item["frame"].get("metadata", {}).get("n") for item in page["items"]}


def changes(service: Service, frame_id: str) -> int:
    return len(service.client.get(f"/projects/birds/datasets/train/frames/{frame_id}/history").json()["items"])


def test_a_folder_is_pushed_in_its_order(tidemark: Program, service: Service, folder: Path) -> None:
    result = tidemark("push", TRAIN, folder)
    assert result.status == 0
    assert result.out.startswith(f"{folder} to birds/train: 5 rows in 3 uploads, version")
    assert "applied 5" in result.out
    assert frames(service) == {"f1": 2}
    assert changes(service, "f1") == 3


def test_stdin_is_pushed(tidemark: Program, service: Service) -> None:
    assert tidemark("push", TRAIN, "-", stdin=lines(add("f1", n=1))).status == 0
    assert tidemark("push", TRAIN, "-", stdin=gzip.compress(lines(modify("f1", n=2)))).status == 0
    assert frames(service) == {"f1": 2}


def test_many_rows_are_one_request_a_thousand(tidemark: Program, service: Service, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines(*(delete(f"f{n}") for n in range(1001))))
    tidemark("push", TRAIN, file, "--no-wait")
    assert [len(json.loads(request.content)["mutations"]) for request in service.sent] == [1000, 1]


def test_what_does_not_take_effect_is_told_by_file_and_line(
    tidemark: Program, service: Service, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines(add("f1")) + b"\n{oops\n" + lines(add("f2", "dodo"), delete("f9"), add("f3", "stork")))
    result = tidemark("push", TRAIN, file)
    assert result.status == 1
    assert "applied 2  dropped 1  rejected 1  unsent 1" in result.out
    assert f"{file}:3  unsent: malformed_json" in result.out
    assert f"{file}:4  f2  rejected: unknown_class at /frame/labels/0/class\n    The class 'dodo'" in result.out
    assert f"{file}:5  f9  dropped: unknown_frame" in result.out
    assert set(frames(service)) == {"f1", "f3"}


def test_a_request_without_a_good_row_does_not_end_the_push(
    tidemark: Program, service: Service, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(lines(add("f1", "dodo"), add("f1", "stork")))
    result = tidemark("push", TRAIN, file)
    assert (result.status, set(frames(service))) == (1, {"f1"})
    assert f"{file}:1  f1  rejected" in result.out


def test_the_first_twenty_errors_are_told_and_the_others_counted(
    tidemark: Program, service: Service, tmp_path: Path
) -> None:
    rows, errors = tmp_path / "rows.jsonl", tmp_path / "errors.jsonl"
    rows.write_bytes(lines(*(delete(f"f{n}") for n in range(25))))
    result = tidemark("push", TRAIN, rows, "--errors", errors)
    assert result.out.count("dropped: unknown_frame") == 20
    assert "5 more rows without effect" in result.out
    written = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [(error["line"], error["frame_id"]) for error in written] == [(n + 1, f"f{n}") for n in range(25)]
    assert service.sent


@pytest.mark.usefixtures("service")
def test_json_is_one_document(tidemark: Program, folder: Path) -> None:
    result = tidemark("push", TRAIN, folder, "--json")
    summary = json.loads(result.out)
    assert (summary["rows"], summary["applied"], summary["settled"], summary["errors"]) == (5, 5, True, [])
    assert len(summary["uploads"]) == 3
    assert summary["versions"] == [1, summary["versions"][1]]


def test_a_push_that_is_repeated_sends_nothing_twice(tidemark: Program, service: Service, folder: Path) -> None:
    first = json.loads(tidemark("push", TRAIN, folder, "--json").out)
    before = service.client.get("/projects/birds/datasets/train").json()["latest"]
    again = json.loads(tidemark("push", TRAIN, folder, "--json").out)
    assert (first["repeated"], again["repeated"]) == (0, 3)
    assert again["uploads"] == first["uploads"]
    assert service.client.get("/projects/birds/datasets/train").json()["latest"] == before
    assert changes(service, "f1") == 3


@pytest.mark.parametrize("more", [(), ("--no-wait",)])
def test_a_repeat_says_so(tidemark: Program, service: Service, folder: Path, more: tuple[str, ...]) -> None:
    assert "earlier push" not in tidemark("push", TRAIN, folder, *more).out
    service.world.now += timedelta(minutes=1)
    assert "3 uploads from an earlier push" in tidemark("push", TRAIN, folder, *more).out


def test_another_run_sends_the_same_rows_anew(tidemark: Program, service: Service, folder: Path) -> None:
    tidemark("push", TRAIN, folder)
    assert tidemark("push", TRAIN, folder, "--run", "second").status == 0
    assert changes(service, "f1") == 6


def test_rows_that_are_added_later_are_all_that_is_sent(tidemark: Program, service: Service, folder: Path) -> None:
    tidemark("push", TRAIN, folder)
    (folder / "3.jsonl").write_bytes(lines(modify("f1", n=3)))
    summary = json.loads(tidemark("push", TRAIN, folder, "--json").out)
    assert (summary["repeated"], len(summary["uploads"])) == (3, 4)
    assert frames(service) == {"f1": 3}


@pytest.mark.parametrize("broken", [2, 4, 5, 6])
def test_a_push_that_broke_off_is_gone_on_with_by_the_same_command(
    tidemark: Program, service: Service, folder: Path, broken: int
) -> None:
    service.faults = [*[None] * (broken - 1), problem(403, "role_too_low", "The key may not write.")]
    result = tidemark("push", TRAIN, folder)
    assert result.status == 3
    assert "The key may not write." in result.err
    assert ("Nothing was accepted." in result.err) == (broken == 2)
    service.faults = []
    assert tidemark("push", TRAIN, folder).status == 0
    assert (frames(service), changes(service, "f1")) == ({"f1": 2}, 3)


@pytest.mark.parametrize("lost", range(2, 9))
def test_an_answer_that_gets_lost_is_asked_for_again(
    tidemark: Program, service: Service, folder: Path, lost: int
) -> None:
    service.lost = {lost}
    assert tidemark("push", TRAIN, folder).status == 0
    assert (frames(service), changes(service, "f1")) == ({"f1": 2}, 3)


@pytest.mark.parametrize(
    "fault",
    [
        httpx2.Response(429, json={"message": "Too Many Requests"}),
        httpx2.Response(500, json={"message": "Internal Server Error"}),
        problem(503, "unavailable"),
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("timed out"),
    ],
    ids=["429", "500", "503", "refused", "timeout"],
)
def test_a_busy_moment_is_waited_out_with_the_same_key(
    tidemark: Program, service: Service, folder: Path, fault: httpx2.Response | Exception
) -> None:
    service.faults = [None, fault, fault]
    assert tidemark("push", TRAIN, folder).status == 0
    keys = [request.headers["idempotency-key"] for request in service.sent]
    assert len(keys) == 5
    assert len(set(keys)) == 3


def test_uploads_are_waited_for_until_they_settle(tidemark: Program, service: Service, folder: Path) -> None:
    service.slow = 5
    assert tidemark("push", TRAIN, folder).status == 0
    assert service.slow == 0
    assert frames(service) == {"f1": 2}


def test_sending_waits_where_too_much_is_unsettled(
    tidemark: Program, service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "MAX_PENDING", 1)
    service.slow = 4
    tidemark("push", TRAIN, folder)
    methods = "".join(request.method[0] for request in service.requests)
    assert methods.startswith("GPGPGGGG")  # the dataset; a request and a poll; a request, then polls until it settles


def test_a_person_sees_how_far_it_is(
    tidemark: Program, service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    err = tidemark("push", TRAIN, folder).err
    assert "sent" in err
    assert "settled" in err
    assert "5 rows" in err
    assert service.sent


def test_no_wait_leaves_the_uploads_to_settle(tidemark: Program, service: Service, folder: Path) -> None:
    result = tidemark("push", TRAIN, folder, "--no-wait")
    assert result.status == 0
    assert "not waited for" in result.out
    uploads = service.client.get("/projects/birds/datasets/train/uploads").json()["items"]
    assert {upload["id"] for upload in uploads} <= set(result.out.split())


@pytest.mark.usefixtures("service")
def test_no_wait_tells_what_is_rejected_on_arrival(tidemark: Program) -> None:
    result = tidemark("push", TRAIN, "-", "--no-wait", "--json", stdin=lines(add("f1"), add("f2", "dodo")))
    summary = json.loads(result.out)
    assert (result.status, summary["settled"], summary["rejected"]) == (1, False, 1)
    assert [error["code"] for error in summary["errors"]] == ["unknown_class"]


@pytest.mark.usefixtures("service")
def test_an_empty_stdin_is_no_success(tidemark: Program) -> None:
    result = tidemark("push", TRAIN, "-")
    assert result.status == 1
    assert "no_rows" in result.out


@pytest.mark.parametrize("dataset", ["train", "birds/", "/train", "a/b/c"])
def test_a_dataset_is_named_with_its_project(tidemark: Program, service: Service, dataset: str) -> None:
    assert tidemark("push", dataset, "-").status == 2
    assert service.requests == []


def test_a_source_that_is_not_there_is_wrong_usage(tidemark: Program, service: Service, tmp_path: Path) -> None:
    assert tidemark("push", TRAIN, tmp_path / "none.jsonl").status == 2
    assert tidemark("push", TRAIN, tmp_path).status == 2
    assert service.requests == []


def test_a_dataset_that_is_not_there_is_refused_before_anything_is_sent(
    tidemark: Program, service: Service, folder: Path
) -> None:
    result = tidemark("push", "birds/none", folder)
    assert result.status == 3
    assert result.err.startswith("tidemark: There is no dataset 'none' in project 'birds'.")
    assert service.sent == []


def test_a_key_that_may_not_write_is_refused(tidemark: Program, service: Service, folder: Path) -> None:
    service.as_role(Role.READ)
    result = tidemark("push", TRAIN, folder)
    assert result.status == 3
    assert "write" in result.err


def test_ctrl_c_tells_how_to_go_on(tidemark: Program, service: Service, folder: Path) -> None:
    service.faults = [None, None, None, KeyboardInterrupt()]
    result = tidemark("push", TRAIN, folder)
    assert result.status == 130
    assert "nothing is sent twice" in result.err
