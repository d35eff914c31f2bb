"""Exports equal page-by-page reads of their checkpoint and are readable by the formats' usual readers (R15)."""

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from pycocotools import mask
from pycocotools.coco import COCO

from tests.simulation.world import World
from tests.support.checkpoint_workflow import run_all
from tests.support.exports import (
    GOLDEN,
    ask,
    checkpoint,
    coco,
    contents,
    export,
    files,
    frame_of,
    freeze,
    jsonl,
    parquet,
    stored,
    where,
)
from tests.support.frames import frames_at
from tests.support.uploads import PROJECT, add, delete, modify, upload
from tidemark.checkpoints import checkpoints, exports
from tidemark.checkpoints import frame_pages as checkpoint_pages
from tidemark.datasets import datasets
from tidemark.domain.canonical import digest
from tidemark.domain.errors import Conflict, NotFound
from tidemark.domain.exports import ExportFormat
from tidemark.domain.rows import inflate
from tidemark.domain.workflows import ArtifactStatus


@pytest.fixture
def frozen(world: World) -> World:
    upload(world, *(add(f"f{number}", "l1", turn=number) for number in range(12)))
    upload(world, delete("f3"), modify("f4", metadata={"note": "é猫"}))
    freeze(world)
    run_all(world)
    upload(world, delete("f5"), add("later"))
    return world


def test_a_checkpoint_is_ready_when_its_workflow_has_run(world: World) -> None:
    upload(world, add("f1", "l1"))
    made = freeze(world)
    assert (made.status, made.attempt) == (ArtifactStatus.WRITING, 1)
    run_all(world)
    ready = checkpoint(world)
    assert (ready.status, ready.reason) == (ArtifactStatus.READY, None)
    assert ready.ready_at is not None


def test_statistics_count_frames_labels_classes_types_and_values(frozen: World) -> None:
    statistics = checkpoints.get_statistics(frozen.process(), **where())
    assert (statistics.frames, statistics.labels) == (11, 11)
    assert statistics.classes["heron"].model_dump() == {"frames": 11, "labels": 11}
    assert statistics.label_types == {"CLASSIFICATION_2D": 11}
    turn, note = statistics.metadata["turn"], statistics.metadata["note"]
    assert (turn.type, turn.frames, turn.min, turn.max) == ("number", 11, 0, 11)
    assert [value.model_dump() for value in note.values or ()] == [{"value": "é猫", "count": 1}]


@pytest.mark.parametrize("page_frames", [1, 2, 10_000])
def test_a_parquet_export_has_a_row_for_each_frame_of_the_checkpoint(
    frozen: World, page_frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_pages, "MAX_PAGE_FRAMES", page_frames)
    upload(frozen, delete("f6"))
    made = export(frozen, ExportFormat.PARQUET)
    assert (made.status, made.rows, made.left_out) == (ArtifactStatus.READY, 11, {})
    expected = frames_at(frozen, GOLDEN)
    rows = parquet(frozen).to_pylist()
    assert {row["frame_id"]: row["digest"] for row in rows} == {name: at.digest for name, at in expected.items()}
    assert all(digest(frame_of(row)) == row["digest"] for row in rows)


def test_a_shard_that_is_larger_than_a_page_has_several_files(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_pages, "MAX_PAGE_FRAMES", 2)
    monkeypatch.setattr(checkpoint_pages, "MAX_BATCH_FRAMES", 1)
    upload(world, *(add(f"f{number}") for number in range(20)))
    freeze(world)
    run_all(world)
    made = export(world, ExportFormat.JSONL)
    listed = files(world, ExportFormat.JSONL)
    assert made.files == len(listed) > 4
    assert {file.rows for file in listed} <= {1, 2}
    assert sum(file.rows for file in listed) == made.rows == 20
    assert sum(file.bytes for file in listed) == made.bytes
    assert [file.name for file in listed] == sorted(file.name for file in listed)


def test_a_page_ends_where_its_frames_have_too_many_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_pages, "MAX_PAGE_PAYLOAD_BYTES", 1)
    monkeypatch.setattr(checkpoint_pages, "MAX_BATCH_BYTES", 1)
    upload(world, *(add(f"f{number}") for number in range(8)))
    freeze(world)
    run_all(world)
    export(world, ExportFormat.JSONL)
    assert [file.rows for file in files(world, ExportFormat.JSONL)] == [1] * 8


def test_a_jsonl_export_pushed_into_an_empty_dataset_gives_equal_frames(frozen: World) -> None:
    export(frozen, ExportFormat.JSONL)
    datasets.create_dataset(frozen.process(), project=PROJECT, name="copy", description="", shards=3, actor="admin")
    upload(frozen, *map(json.loads, jsonl(frozen)), dataset="copy")
    copied = {name: at.digest for name, at in frames_at(frozen, "LATEST", dataset="copy").items()}
    assert copied == {name: at.digest for name, at in frames_at(frozen, GOLDEN).items()}


@pytest.mark.parametrize("text", ["x" * 8000, "xyz"])
def test_a_jsonl_export_is_taken_by_an_upload_and_read_by_duckdb_however_often_it_repeats_itself(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    monkeypatch.setattr(checkpoint_pages, "MAX_BATCH_FRAMES", 3)
    monkeypatch.setattr(inflate, "RATIO_FROM_BYTES", 0)
    fields = {f"a{number}": text for number in range(60)}
    upload(world, *({"op": "ADD", "frame": {"frame_id": f"f{n}", "metadata": fields}} for n in range(7)))
    freeze(world)
    run_all(world)
    export(world, ExportFormat.JSONL)
    for name, data in contents(world, ExportFormat.JSONL).items():
        (tmp_path / name).write_bytes(data)
        assert b"".join(inflate.inflated([data])) == gzip.decompress(data)
    rows = duckdb.read_json(f"{tmp_path}/*.jsonl.gz", format="newline_delimited")
    assert rows.aggregate("count(*)").fetchall() == [(7,)]


def test_a_checkpoint_without_frames_has_an_export_without_rows(world: World) -> None:
    upload(world, add("f1"))
    upload(world, delete("f1"))
    freeze(world)
    run_all(world)
    assert export(world, ExportFormat.PARQUET).rows == 0
    assert parquet(world).num_rows == 0
    assert export(world, ExportFormat.JSONL).files == 1
    assert export(world, ExportFormat.COCO).rows == 0
    assert (coco(world)["images"], coco(world)["annotations"]) == ([], [])


def test_frames_without_any_metadata_make_a_file_without_that_column(world: World) -> None:
    upload(world, {"op": "ADD", "frame": {"frame_id": "f1"}})
    freeze(world)
    run_all(world)
    export(world, ExportFormat.PARQUET)
    assert "metadata" not in parquet(world).column_names


def test_an_export_is_asked_for_once_the_manifest_is_written(world: World) -> None:
    upload(world, add("f1"))
    freeze(world)
    with pytest.raises(Conflict) as refused:
        ask(world, ExportFormat.COCO)
    assert refused.value.code == "checkpoint_not_ready"
    with pytest.raises(Conflict) as refused:
        checkpoints.get_statistics(world.process(), **where())
    assert refused.value.code == "checkpoint_not_ready"


def test_an_export_that_is_asked_for_again_is_not_begun_again(frozen: World) -> None:
    first = ask(frozen, ExportFormat.JSONL)
    assert ask(frozen, ExportFormat.JSONL) == first
    assert len(run_all(frozen)) == 1
    ready = ask(frozen, ExportFormat.JSONL)
    assert (ready.status, ready.requested_at) == (ArtifactStatus.READY, first.requested_at)
    assert not frozen.executions


def test_files_are_listed_when_they_are_written(frozen: World) -> None:
    with pytest.raises(NotFound) as unknown:
        files(frozen, ExportFormat.JSONL)
    assert unknown.value.code == "unknown_export"
    ask(frozen, ExportFormat.JSONL)
    with pytest.raises(Conflict) as refused:
        files(frozen, ExportFormat.JSONL)
    assert refused.value.code == "export_not_ready"


def test_exports_are_listed_by_format(frozen: World) -> None:
    def listed() -> list[tuple[ExportFormat, ArtifactStatus]]:
        page = exports.list_exports(frozen.process(), **where())
        return [(export.format, export.status) for export in page.items]

    assert listed() == []
    export(frozen, ExportFormat.COCO)
    ask(frozen, ExportFormat.PARQUET)
    assert listed() == [(ExportFormat.PARQUET, ArtifactStatus.WRITING), (ExportFormat.COCO, ArtifactStatus.READY)]


HOSTILE = ["Speed", "speed", "frame_id", "metadata", "a.b", "x y\"'", "猫", "labels[0]", "-- drop", "%s", "a/b~"]


def _hostile_value(number: int) -> Any:
    return [number, "text", True, [0.5, 1], 2**53 - 1][number % 5]


def test_names_of_metadata_fields_may_be_anything_to_every_reader(world: World, tmp_path: Path) -> None:
    metadata = {name: _hostile_value(number) for number, name in enumerate(HOSTILE)}
    upload(world, add("f1", **{}), {"op": "ADD", "frame": {"frame_id": "f2", "metadata": metadata}})
    freeze(world)
    run_all(world)
    export(world, ExportFormat.PARQUET)
    for name, data in contents(world, ExportFormat.PARQUET).items():
        (tmp_path / name).write_bytes(data)
    (row,) = [row for row in parquet(world).to_pylist() if row["frame_id"] == "f2"]
    assert row["metadata"] == metadata
    assert digest(frame_of(row)) == row["digest"]
    rows = duckdb.read_parquet(f"{tmp_path}/*.parquet")
    assert rows.aggregate("count(*), count(metadata['猫'])").fetchall() == [(2, 1)]
    assert sorted(pd.read_parquet(tmp_path)["frame_id"]) == ["f1", "f2"]


def test_an_empty_list_in_a_field_that_got_a_single_value_later_is_null(world: World) -> None:
    upload(world, {"op": "ADD", "frame": {"frame_id": "f1", "metadata": {"a": [], "b": []}}})
    upload(world, add("f2", a=3, b=["x"]))
    freeze(world)
    run_all(world)
    export(world, ExportFormat.PARQUET)
    metadata = {row["frame_id"]: row["metadata"] for row in parquet(world).to_pylist()}
    assert metadata == {"f1": {"a": None, "b": []}, "f2": {"a": 3, "b": ["x"]}}


def test_numbers_come_back_as_they_were(world: World) -> None:
    numbers = [0, 1, -1, 2**53 - 1, -(2**53 - 1), 0.1, 1e300, 5e-324, 1e16]
    upload(world, *(add(f"f{place}", n=number, many=numbers) for place, number in enumerate(numbers)))
    freeze(world)
    run_all(world)
    export(world, ExportFormat.PARQUET)
    rows = sorted(parquet(world).to_pylist(), key=lambda row: row["frame_id"])
    assert [row["metadata"]["n"] for row in rows] == numbers
    assert all(digest(frame_of(row)) == row["digest"] for row in rows)


def test_coco_is_read_by_pycocotools(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    square = [[0, 0], [10, 0], [10, 10], [0, 10]]
    image = {"id": "cam", "type": "IMAGE", "url": "https://a.example/1.png", "width": 64, "height": 48}
    labels = [
        {"id": "box", "type": "BBOX_2D", "class": "heron", "top": 1, "left": 2, "width": 3, "height": 4},
        {"id": "poly", "type": "POLYGON_LIST_2D", "class": "stork", "polygons": [square], "iscrowd": False},
        {
            "id": "pose",
            "type": "KEYPOINTS_2D",
            "class": "stork",
            "keypoints": [{"name": "beak", "x": 1, "y": 2}, {"name": "tail", "x": 5, "y": 6}],
        },
        {"id": "whole", "type": "CLASSIFICATION_2D", "class": "heron"},
    ]
    upload(world, {"op": "ADD", "frame": {"frame_id": "f1", "sensors": [image], "labels": labels}})
    freeze(world)
    run_all(world)
    made = export(world, ExportFormat.COCO)
    assert (made.files, made.rows, made.left_out) == (1, 1, {"CLASSIFICATION_2D": 1})
    (tmp_path / "coco.json").write_bytes(contents(world, ExportFormat.COCO)["coco.json"])
    read = COCO(str(tmp_path / "coco.json"))
    capsys.readouterr()
    assert [category["name"] for category in read.loadCats(read.getCatIds())] == ["heron", "stork"]
    box, polygon, pose = read.loadAnns(read.getAnnIds(imgIds=[1]))
    assert (box["bbox"], box["area"]) == ([2, 1, 3, 4], 12)
    assert mask.area(read.annToRLE(polygon)) == polygon["area"] == 100
    assert (pose["keypoints"], pose["num_keypoints"], pose["bbox"]) == ([1, 2, 2, 5, 6, 2], 2, [1, 2, 4, 4])


def test_ids_in_coco_are_dense_across_shards_and_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_pages, "MAX_PAGE_FRAMES", 2)
    box = {"type": "BBOX_2D", "class": "heron", "top": 1, "left": 2, "width": 3, "height": 4}
    for number in range(15):
        labels = [{"id": f"l{place}", **box} for place in range(number % 3)]
        upload(world, {"op": "ADD", "frame": {"frame_id": f"f{number}", "labels": labels}})
    freeze(world)
    run_all(world)
    export(world, ExportFormat.COCO)
    document = coco(world)
    assert [image["id"] for image in document["images"]] == list(range(1, 16))
    assert [annotation["id"] for annotation in document["annotations"]] == list(range(1, 16))
    images = {image["id"]: image["frame_id"] for image in document["images"]}
    counted = [images[annotation["image_id"]] for annotation in document["annotations"]]
    assert {name: counted.count(name) for name in images.values()} == {f"f{n}": n % 3 for n in range(15)}


def test_fragments_of_the_coco_file_are_gone_when_it_is_there(frozen: World) -> None:
    export(frozen, ExportFormat.COCO)
    names = {key.rsplit("/", 1)[1] for key in stored(frozen, "exports/")}
    assert names == {"coco.json", "files.json"}
