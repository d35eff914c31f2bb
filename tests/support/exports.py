"""Checkpoints and their exports, read as users read them."""

import gzip
import json
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.simulation.world import World
from tests.support.checkpoint_workflow import run_all
from tests.support.pages import items
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
    """Returns the keyword arguments that name the checkpoint `golden` of a dataset."""
    return {"project": project, "dataset": dataset, "checkpoint": GOLDEN}


def freeze(world: World, version: str = "LATEST", *, dataset: str = DATASET, project: str = PROJECT) -> Checkpoint:
    """Creates the checkpoint `golden`. Its manifest is not written yet."""
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
    """Returns the checkpoint in its present state."""
    return checkpoints.get_checkpoint(world.process(), **where(dataset, project))


def ask(world: World, form: ExportFormat, *, dataset: str = DATASET, project: str = PROJECT) -> Export:
    """Requests an export, without running its workflow."""
    return exports.create_export(world.process(), **where(dataset, project), form=form, actor="bob")


def export(world: World, form: ExportFormat, *, dataset: str = DATASET, project: str = PROJECT) -> Export:
    """Writes an export and returns it."""
    ask(world, form, dataset=dataset, project=project)
    run_all(world)
    return exports.get_export(world.process(), **where(dataset, project), form=form)


def files(world: World, form: ExportFormat, *, dataset: str = DATASET, project: str = PROJECT) -> list[ExportFile]:
    """Returns the files of an export, read two per page."""
    return items(
        lambda cursor: exports.list_files(world.process(), **where(dataset, project), form=form, limit=2, cursor=cursor)
    )


def contents(world: World, form: ExportFormat, *, dataset: str = DATASET, project: str = PROJECT) -> dict[str, bytes]:
    """Returns the contents of an export's files, by file name."""
    backend = world.process()
    uid = dataset_records.get(backend, project, dataset).uid
    return {
        file.name: bucket.read(backend, objects.export_key(uid, GOLDEN, form, file.name))
        for file in files(world, form, dataset=dataset, project=project)
    }


def parquet(world: World, *, dataset: str = DATASET, project: str = PROJECT) -> pa.Table:
    """Returns all rows of the Parquet export."""
    file_contents = contents(world, ExportFormat.PARQUET, dataset=dataset, project=project)
    return pa.concat_tables(pq.read_table(BytesIO(data)) for data in file_contents.values())


def jsonl(world: World, *, dataset: str = DATASET, project: str = PROJECT) -> list[bytes]:
    """Returns all lines of the JSONL export."""
    file_contents = contents(world, ExportFormat.JSONL, dataset=dataset, project=project)
    return [line for data in file_contents.values() for line in gzip.decompress(data).splitlines()]


def coco(world: World, *, dataset: str = DATASET, project: str = PROJECT) -> Json:
    """Returns the COCO export."""
    document: Json = json.loads(contents(world, ExportFormat.COCO, dataset=dataset, project=project)["coco.json"])
    return document


def stored(world: World, prefix: str) -> dict[str, bytes]:
    """Returns all objects under a prefix of the bucket, by key."""
    backend = world.process()
    listed = backend.s3.list_objects_v2(Bucket=backend.bucket, Prefix=prefix).get("Contents", [])
    return {entry["Key"]: bucket.read(backend, entry["Key"]) for entry in listed}


def frame_of(row: Json) -> bytes:
    """Converts a row of a Parquet export back to its frame, in canonical JSON. The inverse of `parquet_rows`."""
    frame = _without_nulls({name: value for name, value in row.items() if name not in REVISION_COLUMNS})
    _format_time(frame)
    if "metadata" in frame:
        frame["metadata"] = {name: _with_integers(value) for name, value in frame["metadata"].items()}
    for sensor in frame.get("sensors", []):
        _format_time(sensor)
        _parse_json(sensor, "metadata")
    for label in frame.get("labels", []):
        _parse_json(label, "attributes", "secondary_labels")
        for instance in label.get("instances", []):
            _parse_json(instance, "attributes")
    return canonical_json(frame)


REVISION_COLUMNS = {"revision", "digest", "upload", "actor", "changed_at"}


def _without_nulls(value: Any) -> Any:
    """Removes nulls and structs of nulls. A list may be empty."""
    if isinstance(value, dict):
        inner = {name: _without_nulls(part) for name, part in value.items() if part is not None}
        return {name: part for name, part in inner.items() if part != {}}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value


def _with_integers(value: Any) -> Any:
    """Converts a float in metadata to an integer, if it is one."""
    if isinstance(value, list):
        return [_with_integers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _format_time(part: Json) -> None:
    if "captured_at" in part:
        part["captured_at"] = part["captured_at"].isoformat().replace("+00:00", "Z")


def _parse_json(part: Json, *fields: str) -> None:
    part.update({field: json.loads(part[field]) for field in fields if field in part})
