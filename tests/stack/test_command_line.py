"""The command line pushes a folder to the deployed stack, follows it and reads it back, and sends nothing twice."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployed.client import Caller, Dataset
from tests.support.deployed.rows import add, box, delete, modify
from tidemark.cli import app

Run = Callable[..., tuple[int, list[Any]]]


@pytest.fixture
def run(admin: Caller, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the program with `--json` and returns its exit status and the JSON documents that it printed."""
    monkeypatch.setenv("TIDEMARK_API", str(admin.http.base_url))
    monkeypatch.setenv("TIDEMARK_KEY", str(admin.key))

    def run_json(*arguments: object) -> tuple[int, list[Any]]:
        capsys.readouterr()
        status = app.main([*map(str, arguments), "--json"])
        return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run_json


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of rows. The second changes frames of the first, deletes a missing frame and has a broken line."""
    first = [add(f"cam-{number}", box("a"), number=number) for number in range(200)]
    second = [modify("cam-1", number=-1), modify("cam-1", number=-2), delete("cam-2"), delete("cam-999")]
    (tmp_path / "1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in first))
    text = "{oops\n" + "".join(json.dumps(row) + "\n" for row in second)
    (tmp_path / "2.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


def test_a_folder_that_is_pushed_reads_back_in_its_order_and_is_not_sent_twice(
    run: Run, dataset: Dataset, folder: Path
) -> None:
    name = f"{dataset.project}/{dataset.name}"
    status, (pushed,) = run("push", name, folder)
    counts = {count: pushed[count] for count in ("rows", "applied", "dropped", "failed", "rejected", "unsent")}
    assert status == 1
    assert counts == {"rows": 204, "applied": 203, "dropped": 1, "failed": 0, "rejected": 0, "unsent": 1}
    errors = [(Path(error["file"]).name, error["line"], error["code"]) for error in pushed["errors"]]
    assert sorted(errors) == [("2.jsonl.gz", 1, "malformed_json"), ("2.jsonl.gz", 5, "unknown_frame")]

    status, items = run("frames", name, "--version", pushed["versions"][1])
    frames = {item["frame"]["frame_id"]: item["frame"]["metadata"]["number"] for item in items}
    assert status == 0
    assert frames == {f"cam-{n}": -2 if n == 1 else n for n in range(200) if n != 2}
    _, history = run("history", name, "cam-1")
    assert [change["op"] for change in history] == ["MODIFY", "MODIFY", "ADD"]

    _, (again,) = run("push", name, folder)
    assert (again["uploads"], again["applied"]) == (pushed["uploads"], 203)
    _, versions = run("versions", name)
    assert versions[0]["number"] == pushed["versions"][1]


def test_a_folder_that_is_put_as_files_reads_back_and_is_not_put_twice(
    run: Run, dataset: Dataset, tmp_path: Path
) -> None:
    name = f"{dataset.project}/{dataset.name}"
    for file in range(3):
        rows = [add(f"cam-{file}-{number}", box("a"), number=number) for number in range(100)]
        rows += [modify(f"cam-{file}-1", number=-1), delete("cam-999")]
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        (tmp_path / f"{file}.jsonl.gz").write_bytes(gzip.compress(content))
    status, (pushed,) = run("push", name, tmp_path, "--files")
    counts = {count: pushed[count] for count in ("files", "rows", "applied", "dropped", "failed", "rejected", "unsent")}
    assert status == 1
    assert counts == {"files": 3, "rows": 306, "applied": 303, "dropped": 3, "failed": 0, "rejected": 0, "unsent": 0}
    errors = [(error["file"], error["line"], error["code"]) for error in pushed["errors"]]
    assert sorted(errors) == [(str(tmp_path / f"{file}.jsonl.gz"), 102, "unknown_frame") for file in range(3)]
    assert len(pushed["uploads"]) == 1

    _, items = run("frames", name)
    assert {item["frame"]["frame_id"] for item in items} == {f"cam-{f}-{n}" for f in range(3) for n in range(100)}
    _, (again,) = run("push", name, tmp_path, "--files")
    assert (again["uploads"], again["repeated"]) == (pushed["uploads"], 1)
    _, history = run("history", name, "cam-0-1")
    assert [change["op"] for change in history] == ["MODIFY", "ADD"]
