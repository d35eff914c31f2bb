"""Checks the statistics of a checkpoint, and exports it to files, which are downloaded and compared."""

import gzip
import io
import json
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx2
import pyarrow.parquet

from examples.digits.client import Json
from examples.digits.ledger import Expected, Frames, differences
from examples.digits.story import Story, print_line
from examples.digits.waiting import wait_for

FORMATS = ("jsonl", "parquet", "coco")
EDGES = ("left", "top", "width", "height")

Box = tuple[Any, ...]
"""A frame's id, the class of its label, and the edges of its box: what every format can hold."""


def compare_statistics(story: Story, checkpoint: str) -> None:
    """Waits for the checkpoint's manifest, from which exports are made, and compares its statistics."""
    path = f"{story.path}/checkpoints/{checkpoint}"
    ready = wait_for(story.api, path)
    made, written = (datetime.fromisoformat(ready[moment]) for moment in ("created_at", "ready_at"))
    took = (written - made).total_seconds()
    statistics = story.api.get(f"{path}/statistics")
    frames = story.expected_at(checkpoint)
    classes = Counter(label["class"] for frame in frames.values() for label in frame["labels"])
    counted = {name: counts["labels"] for name, counts in statistics["classes"].items()}
    verdict = story.check("Count", "frames and classes", (statistics["frames"], counted), (len(frames), dict(classes)))
    few, many = min(counted.values(), default=0), max(counted.values(), default=0)
    what = f"{statistics['labels']:>5,} labels, {few} to {many} of each class"
    print_line(story.console, "Count", what, verdict, f"manifest ready after {took:.1f} s")


def export(story: Story, checkpoint: str) -> None:
    """Exports the checkpoint in each format, downloads the files, and compares their content."""
    began = time.monotonic()
    base = f"{story.path}/checkpoints/{checkpoint}/exports"
    for form in FORMATS:
        story.api.post(base, {"format": form})
    for form in FORMATS:
        path = f"{base}/{form}"
        wait_for(story.api, path)
        ready = time.monotonic()
        files = [_fetch(item) for item in story.api.items(f"{path}/files")]
        verdict = story.record(f"Export {form}", compare(form, files, story.expected_at(checkpoint)))
        took = f"ready after {ready - began:.1f} s, read {time.monotonic() - ready:.1f} s"
        size = sum(map(len, files)) / 1000
        what = f"{len(files):>5,} file{'' if len(files) == 1 else 's'} of {form}, {size:,.0f} KB"
        print_line(story.console, "Export", what, verdict, took)


def _fetch(item: Json) -> bytes:
    """Downloads a file by its signed URL, which needs no key. Raises httpx2.HTTPError."""
    return httpx2.get(item["get"]["url"], timeout=60).raise_for_status().content


def compare(form: str, files: Sequence[bytes], expected: Frames) -> list[str]:
    """Returns how files differ from the frames that they should hold, as far as the format can hold them."""
    if form == "jsonl":
        return differences(Expected(expected), _rows(files))
    seen = _in_parquet(files) if form == "parquet" else _in_coco(files)
    wanted = [_box(frame_id, label) for frame_id, frame in expected.items() for label in frame["labels"]]
    missing, surplus = Counter(wanted) - Counter(seen), Counter(seen) - Counter(wanted)
    return [*(f"{box} is missing" for box in missing), *(f"{box} should not be there" for box in surplus)]


def _rows(files: Sequence[bytes]) -> list[Json]:
    lines = [json.loads(line) for file in files for line in gzip.decompress(file).splitlines()]
    return [line["frame"] for line in lines]


def _in_parquet(files: Sequence[bytes]) -> list[Box]:
    tables = [pyarrow.parquet.read_table(io.BytesIO(file), columns=["frame_id", "labels"]) for file in files]
    rows = [row for table in tables for row in table.to_pylist()]
    return [_box(row["frame_id"], label) for row in rows for label in row["labels"]]


def _in_coco(files: Sequence[bytes]) -> list[Box]:
    (file,) = files
    content = json.loads(file)
    frames = {image["id"]: image["frame_id"] for image in content["images"]}
    classes = {category["id"]: category["name"] for category in content["categories"]}
    return [
        (frames[annotation["image_id"]], classes[annotation["category_id"]], *annotation["bbox"])
        for annotation in content["annotations"]
    ]


def _box(frame_id: str, label: Json) -> Box:
    return (frame_id, label["class"], *(label[edge] for edge in EDGES))
