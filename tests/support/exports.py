"""Checkpoints whose manifests are written, and their exports, read as their users read them."""

import gzip
import json
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.simulation.world import World
from tests.support.checkpoint_workflow import run_all
from tests.support.uploads import DATASET, PROJECT
from tidemark.aws import bucket
from tidemark.catalog import dataset_records
from tidemark.checkpoints import checkpoints, exports, objects
from tidemark.domain.canonical import canonical_json
from tidemark.domain.checkpoints import Checkpoint
from tidemark.domain.exports import Export, ExportFile, ExportFormat

Json = dict[str, Any]
GOLDEN = "golden"


def where(dataset: str = DATASET, project: str = PROJECT) -> dict[str, str]:
    return {"project": project, "dataset": dataset, "checkpoint": GOLDEN}


def freeze(world: World, version: str = "LATEST", *, dataset: str = DATASET, project: str = PROJECT) -> Checkpoint:
    """Make the checkpoint `golden`, whose manifest is still to be written."""
    return checkpoints.create_checkpoint(
        world.process(),
        project=project,
        dataset=dataset,
        name=GOLDEN,
        version=version,
        description="",
        metadata={},
        actor="ann",
    )


def checkpoint(world: World, *, dataset: str = DATASET, project: str = PROJECT) -> Checkpoint:
    """The checkpoint as it is now."""
    return checkpoints.get_checkpoint(world.process(), **where(dataset, project))


def ask(world: World, form: ExportFormat, *, dataset: str = DATASET, project: str = PROJECT) -> Export:
    """Ask for an export."""
    return exports.create_export(world.process(), **where(dataset, project), form=form, actor="bob")


def export(world: World, form: ExportFormat, *, dataset: str = DATASET, project: str = PROJECT) -> Export:
    """Have an export written; answers it as it is then."""
    ask(world, form, dataset=dataset, project=project)
    run_all(world)
    return exports.get_export(world.process(), **where(dataset, project), form=form)


def files(world: World, form: ExportFormat, *, dataset: str = DATASET, project: str = PROJECT) -> list[ExportFile]:
    """The files of an export, read two at a time."""
    found: list[ExportFile] = []
    cursor: str | None = None
    while True:
        page = exports.list_files(world.process(), **where(dataset, project), form=form, limit=2, cursor=cursor)
        found.extend(page.items)
        cursor = page.cursor
        if cursor is None:
            return found


def contents(world: World, form: ExportFormat, *, dataset: str = DATASET, project: str = PROJECT) -> dict[str, bytes]:
    """What the files of an export hold, by name."""
    backend = world.process()
    uid = dataset_records.dataset(backend, project, dataset).uid
    return {
        file.name: bucket.read(backend, objects.export_key(uid, GOLDEN, form, file.name))
        for file in files(world, form, dataset=dataset, project=project)
    }


def parquet(world: World, *, dataset: str = DATASET, project: str = PROJECT) -> pa.Table:
    """All rows of the Parquet export."""
    found = contents(world, ExportFormat.PARQUET, dataset=dataset, project=project)
    return pa.concat_tables(pq.read_table(BytesIO(data)) for data in found.values())


def jsonl(world: World, *, dataset: str = DATASET, project: str = PROJECT) -> list[bytes]:
    """All lines of the JSONL export."""
    found = contents(world, ExportFormat.JSONL, dataset=dataset, project=project)
    return [line for data in found.values() for line in gzip.decompress(data).splitlines()]


def coco(world: World, *, dataset: str = DATASET, project: str = PROJECT) -> Json:
    """The COCO export."""
    found: Json = json.loads(contents(world, ExportFormat.COCO, dataset=dataset, project=project)["coco.json"])
    return found


def stored(world: World, prefix: str) -> dict[str, bytes]:
    """All objects under a prefix of the bucket, by key."""
    backend = world.process()
    listed = backend.s3.list_objects_v2(Bucket=backend.bucket, Prefix=prefix).get("Contents", [])
    return {one["Key"]: bucket.read(backend, one["Key"]) for one in listed}


def frame_of(row: Json) -> bytes:
    """The frame that a row of a Parquet export tells of, in canonical JSON: what `parquet_rows` made of it, undone."""
    frame = _given({name: value for name, value in row.items() if name not in NOT_OF_THE_FRAME})
    _timed(frame)
    if "metadata" in frame:
        frame["metadata"] = {name: _plain(value) for name, value in frame["metadata"].items()}
    for sensor in frame.get("sensors", []):
        _timed(sensor)
        _texts(sensor, "metadata")
    for label in frame.get("labels", []):
        _texts(label, "attributes", "secondary_labels")
        for instance in label.get("instances", []):
            _texts(instance, "attributes")
    return canonical_json(frame)


NOT_OF_THE_FRAME = {"revision", "digest", "upload", "actor", "changed_at"}


def _given(value: Any) -> Any:
    """Without what is null; a struct of nulls was not given either, but for a list, which may be empty."""
    if isinstance(value, dict):
        inner = {name: _given(part) for name, part in value.items() if part is not None}
        return {name: part for name, part in inner.items() if part != {}}
    return [_given(part) for part in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """A number of metadata is whole where it can be."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _timed(part: Json) -> None:
    if "captured_at" in part:
        part["captured_at"] = part["captured_at"].isoformat().replace("+00:00", "Z")


def _texts(part: Json, *fields: str) -> None:
    part.update({field: json.loads(part[field]) for field in fields if field in part})
