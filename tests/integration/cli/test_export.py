"""`tidemark export`, and the manifests and statistics of `tidemark checkpoint` (R15)."""

import gzip
import json
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest

from tests.integration.cli.conftest import TRAIN, Program, Service, s3_error
from tests.integration.cli.rows import add, lines
from tidemark.checkpoints import exports

ASKED = ("export", TRAIN, "--checkpoint", "golden", "--format")


@pytest.fixture
def frozen(tidemark: Program, service: Service) -> Service:
    """A dataset of three frames, with checkpoint `golden`, whose manifest is not written yet."""
    tidemark("push", TRAIN, "-", stdin=lines(add("f1", "heron"), add("f2"), add("f3")))
    assert tidemark("checkpoint", "create", TRAIN, "golden").status == 0
    return service


@pytest.mark.usefixtures("service")
def test_a_checkpoint_is_told_when_its_manifest_is_written(tidemark: Program) -> None:
    tidemark("push", TRAIN, "-", stdin=lines(add("f1")))
    made = tidemark("checkpoint", "create", TRAIN, "golden", "--wait", "--json")
    assert json.loads(made.out)["status"] == "READY"


def test_a_manifest_that_fails_is_told_with_what_to_do(tidemark: Program, frozen: Service) -> None:
    frozen.failing = "States.Timeout"
    result = tidemark("checkpoint", "create", TRAIN, "silver", "--wait")
    assert (result.status, result.out) == (1, "")
    assert result.err.splitlines() == [
        "The manifest of silver could not be written: States.Timeout",
        "To try again: tidemark checkpoint retry birds/train silver",
    ]
    frozen.failing = ""
    again = tidemark("checkpoint", "retry", TRAIN, "silver", "--wait")
    assert (again.status, again.out) == (0, "The manifest of checkpoint silver of birds/train is READY.\n")


@pytest.mark.usefixtures("frozen")
def test_statistics_are_told_by_lines(tidemark: Program) -> None:
    tidemark("checkpoint", "show", TRAIN, "golden")
    told = tidemark("checkpoint", "show", TRAIN, "golden", "--statistics").out.splitlines()
    assert told[:3] == ["frames\t\t3\t3\t", "labels\t\t\t1\t", "class\theron\t1\t1\t"]
    found = json.loads(tidemark("checkpoint", "show", TRAIN, "golden", "--statistics", "--json").out)
    assert (found["frames"], found["labels"]) == (3, 1)


def test_an_export_is_waited_for_and_fetched(tidemark: Program, frozen: Service, tmp_path: Path) -> None:
    frozen.slow = 3
    folder = tmp_path / "golden"
    result = tidemark(*ASKED, "parquet", "-o", folder)
    assert result.status == 0, result.err
    assert result.out.startswith("3 rows, ")
    assert result.out.endswith(f" in {folder}.\n")
    assert sorted(pq.read_table(folder).column("frame_id").to_pylist()) == ["f1", "f2", "f3"]


@pytest.mark.usefixtures("frozen")
def test_a_jsonl_export_can_be_pushed(tidemark: Program, tmp_path: Path) -> None:
    assert tidemark(*ASKED, "jsonl", "-o", tmp_path).status == 0
    rows = [json.loads(line) for file in tmp_path.iterdir() for line in gzip.decompress(file.read_bytes()).splitlines()]
    assert {row["frame"]["frame_id"] for row in rows} == {"f1", "f2", "f3"}
    assert tidemark("push", TRAIN, tmp_path, "--run", "again").status == 0


@pytest.mark.usefixtures("frozen")
def test_labels_without_a_place_in_coco_are_told(tidemark: Program, tmp_path: Path) -> None:
    result = tidemark(*ASKED, "coco", "-o", tmp_path)
    assert "left out: CLASSIFICATION_2D: 1." in result.err
    assert len(json.loads((tmp_path / "coco.json").read_text())["images"]) == 3


@pytest.mark.usefixtures("frozen")
def test_without_a_folder_the_files_are_listed(tidemark: Program) -> None:
    result = tidemark(*ASKED, "coco")
    name, rows, size = result.out.rstrip("\n").split("\t")
    assert (name, rows, int(size) > 0) == ("coco.json", "3", True)
    assert "1 file, " in result.err


@pytest.mark.usefixtures("frozen")
def test_an_export_need_not_be_waited_for(tidemark: Program) -> None:
    tidemark("checkpoint", "show", TRAIN, "golden")
    result = tidemark(*ASKED, "jsonl", "--no-wait")
    assert (result.status, result.out) == (0, "Checkpoint golden of birds/train is being written as jsonl.\n")
    tidemark("checkpoint", "show", TRAIN, "golden")
    assert json.loads(tidemark(*ASKED, "jsonl", "--json").out)["status"] == "READY"


def test_an_export_that_fails_is_told_with_what_to_do(tidemark: Program, frozen: Service, tmp_path: Path) -> None:
    tidemark("checkpoint", "show", TRAIN, "golden")
    frozen.failing = "States.Timeout"
    result = tidemark(*ASKED, "jsonl", "-o", tmp_path)
    assert result.status == 1
    assert result.err.splitlines()[-1] == f"To try again: tidemark {' '.join(ASKED)} jsonl"


def test_a_file_whose_transfer_breaks_off_is_fetched_again(tidemark: Program, frozen: Service, tmp_path: Path) -> None:
    frozen.storage.faults = [httpx2.ReadError("connection reset"), s3_error(503, "SlowDown", "Slow down.")]
    assert tidemark(*ASKED, "coco", "-o", tmp_path).status == 0
    assert [file.name for file in tmp_path.iterdir()] == ["coco.json"]


def test_a_file_that_cannot_be_fetched_leaves_nothing_under_its_name(
    tidemark: Program, frozen: Service, tmp_path: Path
) -> None:
    frozen.storage.faults = [s3_error(403, "AccessDenied", "No.")]
    assert tidemark(*ASKED, "coco", "-o", tmp_path).status == 3
    assert not (tmp_path / "coco.json").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--checkpoint", "golden"],
        ["--checkpoint", "golden", "--format", "csv"],
        ["--checkpoint", "golden", "--format", "coco", "--no-wait", "-o", "folder"],
    ],
)
def test_wrong_usage_is_told_before_anything_is_sent(tidemark: Program, service: Service, arguments: list[str]) -> None:
    assert tidemark("export", TRAIN, *arguments).status == 2
    assert service.requests == []


def test_a_folder_with_something_in_it_is_refused(tidemark: Program, service: Service, tmp_path: Path) -> None:
    (tmp_path / "frames-00-000000.parquet").write_bytes(b"")
    assert tidemark(*ASKED, "parquet", "-o", tmp_path).status == 2
    assert tidemark(*ASKED, "parquet", "-o", tmp_path / "frames-00-000000.parquet").status == 2
    assert service.requests == []


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("name", ["../evil", "a/b", "/etc/evil", "..", "c:\\evil", "", "a\n"])
def test_a_file_is_written_to_no_other_folder_whatever_answers(
    tidemark: Program, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = exports.list_files

    def hostile(*arguments: Any, **options: Any) -> Any:
        page = listed(*arguments, **options)
        return page.model_copy(update={"items": [file.model_copy(update={"name": name}) for file in page.items]})

    monkeypatch.setattr(exports, "list_files", hostile)
    folder = tmp_path / "inner"
    result = tidemark(*ASKED, "coco", "-o", folder)
    assert result.status == 3
    assert "not understood" in result.err
    assert list(tmp_path.rglob("*")) == [folder]
