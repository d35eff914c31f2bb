"""Manifests and exports of checkpoints are downloaded by the URLs that the API signs (R15)."""

import gzip
import json
from io import BytesIO

import httpx2
import pyarrow.parquet as pq

from tests.support.deployed.client import Dataset, Json, wait_until
from tests.support.deployed.rows import add, box, delete

FRAMES = 300


def until_written(dataset: Dataset, *parts: str) -> Json:
    """Waits until the workflow that writes the resource at a path has ended, and returns the resource."""
    wait_until(lambda: dataset.read(*parts)["status"] != "WRITING", f"{parts} to be written")
    resource: Json = dataset.read(*parts)
    assert resource["status"] == "READY", resource["reason"]
    return resource


def exported(dataset: Dataset, form: str) -> tuple[Json, dict[str, bytes]]:
    """Exports the checkpoint `golden` and returns the export and its files by name."""
    where = ("checkpoints", "golden", "exports")
    answer = dataset.caller.http.post(dataset.at(*where), json={"format": form})
    assert answer.status_code == 202, answer.text
    resource = until_written(dataset, *where, form)
    files = dataset.items(*where, form, "files", limit=3)
    fetched = {file["name"]: httpx2.get(file["get"]["url"]) for file in files}
    assert {file.status_code for file in fetched.values()} == {200}
    assert [len(file.content) for file in fetched.values()] == [file["bytes"] for file in files]
    return resource, {name: file.content for name, file in fetched.items()}


def test_a_checkpoint_is_counted_and_exported_in_every_format(dataset: Dataset) -> None:
    dataset.upload(*(add(f"cam-{number:04}", box("a"), turn=number) for number in range(FRAMES)))
    dataset.upload(*(delete(f"cam-{number:04}") for number in range(0, FRAMES, 3)))
    dataset.caller.create(dataset.at("checkpoints"), {"name": "golden"})
    until_written(dataset, "checkpoints", "golden")
    dataset.upload(add("later"))
    expected = dataset.frames("golden")
    assert len(expected) == FRAMES - FRAMES // 3

    statistics = dataset.read("checkpoints", "golden", "statistics")
    assert (statistics["frames"], statistics["labels"]) == (len(expected), len(expected))
    assert statistics["metadata"]["turn"]["max"] == FRAMES - 1

    export, files = exported(dataset, "parquet")
    ids = [name for data in files.values() for name in pq.read_table(BytesIO(data)).column("frame_id").to_pylist()]
    assert (export["rows"], sorted(ids)) == (len(expected), sorted(expected))

    export, files = exported(dataset, "coco")
    (document,) = (json.loads(data) for data in files.values())
    assert {image["frame_id"] for image in document["images"]} == set(expected)
    assert len(document["annotations"]) == len(expected)

    export, files = exported(dataset, "jsonl")
    rows = [json.loads(line) for data in files.values() for line in gzip.decompress(data).splitlines()]
    copy = dataset.caller.new_dataset(shards=2)
    copy.upload(*rows)
    assert copy.frames() == expected
