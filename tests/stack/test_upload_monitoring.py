"""Users find uploads that need attention, and the outcome of each of their rows (R29, R30)."""

import csv
import json
from io import StringIO

import httpx2
import pytest

from tests.support.deployed.client import Caller, Dataset, Json, path, wait_until
from tests.support.deployed.rows import add, box, delete, modify

FORMULA = "-1+1"
"""A frame id that a spreadsheet would evaluate as a formula."""


@pytest.fixture(scope="module")
def dataset(admin: Caller) -> Dataset:
    return admin.new_dataset()


@pytest.fixture(scope="module")
def partial(dataset: Dataset) -> Json:
    """An upload with rows of every outcome, after one without errors."""
    dataset.upload(add("cam-0"), add("cam-1", box("a")))
    return dataset.upload(
        add("cam-2", box("a"), box("b", "person")),
        add("cam-3", box("a", "unicorn")),
        modify("cam-1", box("a", "tram")),
        modify("cam-0", {"id": "z", "class": "car"}),
        delete(FORMULA),
    )


def project_uploads(dataset: Dataset, **wanted: str) -> list[Json]:
    return dataset.caller.items(path("projects", dataset.project, "uploads"), **wanted)


def download(dataset: Dataset, upload: str, **parameters: str) -> tuple[Json, httpx2.Response]:
    """Returns the API's response about an errors file, and the file, downloaded without a key."""
    response = dataset.read("uploads", upload, "errors", "file", **parameters)
    file = httpx2.get(response["url"], timeout=60)
    assert file.status_code == 200, file.text
    return response, file


def test_a_partial_upload_is_found_in_its_project_by_its_status(dataset: Dataset, partial: Json) -> None:
    assert partial["status"] == "PARTIAL"

    def is_listed() -> bool:
        return len(project_uploads(dataset)) == 2

    wait_until(is_listed, "both uploads to be listed")
    assert project_uploads(dataset, status="PARTIAL", mode="STREAMING", source="REQUEST") == [partial]
    assert dataset.items("uploads", status="PARTIAL", limit=1) == [partial]
    assert project_uploads(dataset, status="PARTIAL", source="DROP") == []


def test_its_rows_are_listed_with_their_labels_and_what_became_of_them(dataset: Dataset, partial: Json) -> None:
    rows = dataset.items("uploads", partial["id"], "rows", limit=2)
    outcomes = [
        (row["row"], row["op"], row["frame_id"], row["outcome"], [why["code"] for why in row["errors"]]) for row in rows
    ]
    assert outcomes == [
        (0, "ADD", "cam-2", "applied", []),
        (1, None, "cam-3", "rejected", ["unknown_class"]),
        (2, "MODIFY", "cam-1", "applied", []),
        (3, "MODIFY", "cam-0", "failed", ["unknown_part"]),
        (4, "DELETE", FORMULA, "dropped", ["unknown_frame"]),
    ]
    assert [row["labels"] for row in rows] == [
        [{"id": "a", "class": "car", "type": "BBOX_2D"}, {"id": "b", "class": "person", "type": "BBOX_2D"}],
        None,
        [{"id": "a", "class": "tram", "type": "BBOX_2D"}],
        [{"id": "z", "class": "car", "type": None}],
        [],
    ]


def test_its_errors_are_downloaded_as_json_lines_as_they_are_listed(dataset: Dataset, partial: Json) -> None:
    listed = dataset.items("uploads", partial["id"], "errors")
    response, file = download(dataset, partial["id"])
    assert [json.loads(line) for line in file.text.splitlines()] == listed
    assert (response["format"], response["errors"], response["truncated"]) == ("jsonl", len(listed), False)
    assert len(listed) == 3


def test_its_errors_are_downloaded_as_csv_that_no_spreadsheet_computes(dataset: Dataset, partial: Json) -> None:
    listed = dataset.items("uploads", partial["id"], "errors")
    response, file = download(dataset, partial["id"], format="csv")
    read = list(csv.DictReader(StringIO(file.content.decode(), newline="")))
    shown = [{name: "" if value is None else str(value) for name, value in error.items()} for error in listed]
    assert [row | {"frame_id": row["frame_id"].removeprefix("'")} for row in read] == shown
    assert [row["frame_id"] for row in read] == ["cam-3", "cam-0", f"'{FORMULA}"]
    assert response["errors"] == len(listed)
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    name = f"{dataset.name}-{partial['id']}-errors.csv"
    assert file.headers["content-disposition"] == f'attachment; filename="{name}"'
