"""Manifests and exports of random histories and random frames, compared with page-by-page reads (R15)."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from typing import Any
from unittest.mock import patch

import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reliability.faults import model
from tests.reliability.faults.rows import UPLOADS
from tests.simulation.world import World, new_world
from tests.support import exports
from tests.support.checkpoint_workflow import run_all
from tests.support.exports import GOLDEN, coco, export, freeze, jsonl, parquet, stored
from tests.support.frames import frames_at
from tests.support.strategies import CLASSES, Json, frames
from tidemark.checkpoints import checkpoints
from tidemark.checkpoints import frame_pages as checkpoint_pages
from tidemark.datasets import datasets, projects
from tidemark.domain.canonical import digest
from tidemark.domain.exports import ExportFormat
from tidemark.domain.frames.class_map import ClassInput
from tidemark.ingest import requests

WHERE = {"project": "birds", "dataset": "train"}
SIZES = st.fixed_dictionaries(
    {
        "MAX_PAGE_FRAMES": st.sampled_from([1, 2, 10_000]),
        "MAX_PAGE_PAYLOAD_BYTES": st.sampled_from([1, 200, 2**26]),
        "MAX_BATCH_FRAMES": st.sampled_from([1, 2, 1000]),
        "MAX_QUERY_FRAMES": st.sampled_from([1, 2, 1000]),
    }
)
"""Limits of what is written at once. Small, so that a small dataset reaches them."""
FEWER = settings(max_examples=max(settings.default.max_examples // 5, 1))  # type: ignore[union-attr]


@contextmanager
def in_pages(sizes: dict[str, int]) -> Iterator[None]:
    with ExitStack() as stack:
        for name, size in sizes.items():
            stack.enter_context(patch.object(checkpoint_pages, name, size))
        yield


def exported(world: World, form: ExportFormat, sizes: dict[str, int]) -> None:
    with in_pages(sizes):
        export(world, form, **WHERE)


@FEWER
@given(
    uploads=st.lists(UPLOADS, min_size=1, max_size=4),
    count=st.integers(min_value=1, max_value=3),
    at=st.integers(min_value=0, max_value=100),
    sizes=SIZES,
)
def test_manifest_and_exports_of_any_version_hold_what_a_read_of_it_gives(
    uploads: list[list[dict[str, Any]]], count: int, at: int, sizes: dict[str, int]
) -> None:
    with new_world() as world:
        dataset = model.create_dataset(world, "birds", "train", count)
        for number, rows in enumerate(uploads):
            model.start_submit(world, dataset, rows, f"key-{number}").run()
            world.drain()
        latest = model.latest(world, dataset)
        if not latest:
            return
        freeze(world, str(at % latest + 1), **WHERE)
        with in_pages(sizes):
            run_all(world)
        expected = {name: frame.digest for name, frame in frames_at(world, GOLDEN).items()}
        files = [data for key, data in stored(world, "checkpoints/").items() if key.endswith(".parquet")]
        manifest = [row for data in files for row in pq.read_table(BytesIO(data)).to_pylist()]
        assert sorted((row["frame_id"], row["digest"]) for row in manifest) == sorted(expected.items())
        for form in (ExportFormat.PARQUET, ExportFormat.JSONL, ExportFormat.COCO):
            exported(world, form, sizes)
        rows = parquet(world, **WHERE).to_pylist()
        assert sorted((row["frame_id"], row["digest"]) for row in rows) == sorted(expected.items())
        lines = [json.loads(line)["frame"] for line in jsonl(world, **WHERE)]
        assert sorted(frame["frame_id"] for frame in lines) == sorted(expected)
        assert sorted(image["frame_id"] for image in coco(world, **WHERE)["images"]) == sorted(expected)


def recounted(found: list[Json]) -> Json:
    """Computes the statistics of frames independently."""
    labels = [label for frame in found for label in frame.get("labels", [])]
    return {
        "frames": len(found),
        "labels": len(labels),
        "label_types": dict(Counter(label["type"] for label in labels)),
        "sensor_types": dict(Counter(sensor["type"] for frame in found for sensor in frame.get("sensors", []))),
        "fields": dict(Counter(name for frame in found for name in frame.get("metadata", {}))),
    }


@FEWER
@given(
    some=st.lists(frames(), min_size=1, max_size=6, unique_by=lambda frame: frame["frame_id"]),
    count=st.integers(min_value=1, max_value=3),
    sizes=SIZES,
)
def test_no_part_of_any_frame_is_lost_in_parquet_or_jsonl(some: list[Json], count: int, sizes: dict[str, int]) -> None:
    with new_world() as world:
        classes = [ClassInput(name=name) for name in CLASSES]
        projects.create_project(world.process(), name="birds", description="", classes=classes, actor="ann")
        for name in ("train", "copy"):
            datasets.create_dataset(
                world.process(), project="birds", name=name, description="", shards=count, actor="ann"
            )
        dataset = model.DatasetModel("birds", "train", "", count)
        send(world, dataset, [{"op": "ADD", "frame": frame} for frame in some])
        freeze(world, **WHERE)
        with in_pages(sizes):
            run_all(world)
        expected = frames_at(world, GOLDEN)
        kept = [json.loads(frame.frame) for frame in expected.values()]
        digests = {name: frame.digest for name, frame in expected.items()}
        assert len(digests) == len(some)

        statistics = checkpoints.get_statistics(world.process(), **exports.where("train", "birds"))
        totals = statistics.model_dump(exclude={"classes", "metadata"})
        assert totals | {"fields": {name: f.frames for name, f in statistics.metadata.items()}} == recounted(kept)

        exported(world, ExportFormat.PARQUET, sizes)
        rows = parquet(world, **WHERE).to_pylist()
        typed = statistics.metadata
        for row in rows:
            lost: Json = {
                name: []
                for frame in kept
                if frame["frame_id"] == row["frame_id"]
                for name in frame.get("metadata", {})
                if typed[name].type is None
            }
            if lost:  # a field with only empty lists has no column
                row["metadata"] = (row.get("metadata") or {}) | lost
        assert {row["frame_id"]: digest(exports.frame_of(row)) for row in rows} == digests

        exported(world, ExportFormat.JSONL, sizes)
        copy = model.DatasetModel("birds", "copy", "", count)
        send(world, copy, [json.loads(line) for line in jsonl(world, **WHERE)])
        copied = frames_at(world, "LATEST", project="birds", dataset="copy")
        assert {name: frame.digest for name, frame in copied.items()} == digests

        exported(world, ExportFormat.COCO, sizes)
        file = coco(world, **WHERE)
        left_out = file["info"]["left_out"]
        assert len(file["annotations"]) + sum(left_out.values()) == statistics.labels
        assert [image["id"] for image in file["images"]] == list(range(1, len(file["images"]) + 1))


def send(world: World, dataset: model.DatasetModel, rows: list[Json]) -> None:
    """Sends valid rows and lets them settle."""
    body = json.dumps({"mutations": rows}).encode()
    receipt = requests.submit(world.process(), **dataset.where(), body=body, actor="ann", idempotency_key=None)
    assert not receipt.rejected, receipt
    world.drain()
