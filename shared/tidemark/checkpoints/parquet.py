"""Parquet files of checkpoints: manifests and exports.

Only the checkpoint function may import this module, because pyarrow is large.

An export has a column for each field of a frame, with the field's name in the API, and columns for the frame's revision
and last change. Metadata is one struct column with a member for each field of the dataset's metadata schema, so that
users' field names cannot collide with column names.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from io import BytesIO
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from tidemark.domain.canonical import canonical_json
from tidemark.domain.frames.operations import Op
from tidemark.domain.frames.schema import FieldType, Schema
from tidemark.shards.frame_versions import FrameVersion
from tidemark.shards.packs import PayloadPointer

Json = dict[str, Any]

COMPRESSION = "zstd"

TEXT, INTEGER, FLOAT, BOOLEAN, TIMESTAMP = (
    pa.string(),
    pa.int64(),
    pa.float64(),
    pa.bool_(),
    pa.timestamp("us", tz="UTC"),
)
NUMBERS = pa.list_(FLOAT)
POLYGONS = pa.list_(pa.list_(NUMBERS))
QUATERNION = pa.struct([(side, FLOAT) for side in "wxyz"])
EMBEDDING = pa.struct([("model", TEXT), ("dimension", INTEGER), ("url", TEXT)])
GEO = pa.struct([(name, FLOAT) for name in ("lat", "lon", "alt")])
SENSOR = pa.struct(
    [
        *((name, TEXT) for name in ("id", "type", "coordinate_frame", "metadata", "url", "preview_url", "overlay_id")),
        *((name, TEXT) for name in ("resize_mode", "format", "intensity_url", "range_url", "text")),
        ("captured_at", TIMESTAMP),
        ("width", INTEGER),
        ("height", INTEGER),
    ]
)
CAMERA = pa.struct(
    [
        ("model", TEXT),
        *((name, FLOAT) for name in ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4", "k5", "k6")),
        *((name, FLOAT) for name in ("p1", "p2", "s1", "s2", "s3", "s4", "skew")),
        ("matrix", pa.list_(NUMBERS)),
    ]
)
COORDINATE_FRAME = pa.struct(
    [
        *((name, TEXT) for name in ("id", "type", "parent")),
        ("position", NUMBERS),
        ("orientation", QUATERNION),
        ("camera", CAMERA),
    ]
)
LABEL = pa.struct(
    [
        *((name, TEXT) for name in ("id", "type", "class", "sensor", "attributes")),
        ("embedding", EMBEDDING),
        ("iscrowd", BOOLEAN),
        *((name, FLOAT) for name in ("top", "left", "width", "height", "x1", "y1", "x2", "y2")),
        ("keypoints", pa.list_(pa.struct([("name", TEXT), ("x", FLOAT), ("y", FLOAT)]))),
        ("polygons", POLYGONS),
        ("center", NUMBERS),
        *((name, TEXT) for name in ("url", "resize_mode")),
        ("instances", pa.list_(pa.struct([("id", INTEGER), ("class", TEXT), ("attributes", TEXT)]))),
        *((name, TEXT) for name in ("secondary_labels", "coordinate_frame")),
        *((name, NUMBERS) for name in ("position", "dimensions")),
        ("rotation", QUATERNION),
        ("index", INTEGER),
        ("token", TEXT),
        ("visible", BOOLEAN),
    ]
)
ORIGIN = [("frame_id", TEXT), ("revision", INTEGER), ("digest", TEXT)]
CHANGE = [("upload", TEXT), ("actor", TEXT), ("changed_at", TIMESTAMP)]
SCALAR_TYPES = {FieldType.STRING: TEXT, FieldType.NUMBER: FLOAT, FieldType.BOOLEAN: BOOLEAN}
LIST_ITEM_TYPES = {FieldType.STRINGS: TEXT, FieldType.NUMBERS: FLOAT, FieldType.BOOLEANS: BOOLEAN}


class RowWriter:
    """Writes one Parquet file. Each call of `write` writes a row group, so that memory use does not grow with the file.

    The writer is a context manager. The file is complete at the end of the context.
    """

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        self._schema = schema
        self._scalar = _scalar_fields(schema)
        self._writer = pq.ParquetWriter(file, schema, compression=COMPRESSION)

    def write(self, rows: Iterable[Json]) -> None:
        """Appends rows. Columns that a row lacks are null. A row's fields without a column are left out."""
        table = pa.Table.from_pylist([_without_empty_scalars(row, self._scalar) for row in rows], schema=self._schema)
        if len(table):
            self._writer.write_table(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()


def export_schema(schema: Schema) -> pa.Schema:
    """Returns the Parquet schema of an export, given the dataset's metadata schema."""
    return pa.schema(
        [
            *ORIGIN,
            *CHANGE,
            *(("captured_at", TIMESTAMP), ("device_id", TEXT), ("geo", GEO)),
            ("sensors", pa.list_(SENSOR)),
            ("coordinate_frames", pa.list_(COORDINATE_FRAME)),
            *_metadata_column(schema),
            ("embedding", EMBEDDING),
            ("labels", pa.list_(LABEL)),
        ]
    )


def manifest_schema(schema: Schema) -> pa.Schema:
    """Returns the Parquet schema of a manifest, given the dataset's metadata schema."""
    return pa.schema(
        [
            *ORIGIN,
            *CHANGE,
            *(("pack", TEXT), ("offset", INTEGER), ("length", INTEGER)),
            ("labels", INTEGER),
            ("classes", pa.map_(TEXT, INTEGER)),
            *_metadata_column(schema),
        ]
    )


def export_row(version: FrameVersion, frame: Json) -> Json:
    """Returns a frame's row in an export."""
    return {**_frame_row(frame), **_origin_fields(version)}


def manifest_row(version: FrameVersion, frame: Json) -> Json:
    """Returns a frame's row in a manifest."""
    return {
        **_origin_fields(version),
        "pack": version.payload.pack,
        "offset": version.payload.offset,
        "length": version.payload.length,
        "labels": version.labels,
        "classes": sorted(version.classes.items()),
        "metadata": frame.get("metadata"),
    }


def manifest_frames(data: bytes) -> list[FrameVersion]:
    """Parses a page of a manifest, given the file's bytes. Returns the page's frames, in order."""
    columns = [name for name in manifest_schema(Schema()).names if name != "metadata"]
    return list(_frames(pq.read_table(BytesIO(data), columns=columns).to_pylist()))


def _metadata_column(schema: Schema) -> list[tuple[str, pa.DataType]]:
    """Returns a list with the metadata column. It is empty if the schema is: Parquet has no empty structs."""
    fields = [
        (name, SCALAR_TYPES[kind] if kind in SCALAR_TYPES else pa.list_(LIST_ITEM_TYPES[kind]))
        for name, kind in sorted(schema.fields.items())
    ]
    return [("metadata", pa.struct(fields))] if fields else []


def _scalar_fields(schema: pa.Schema) -> frozenset[str]:
    """Returns the names of the metadata fields whose values are not lists."""
    if "metadata" not in schema.names:
        return frozenset()
    return frozenset(field.name for field in schema.field("metadata").type if not pa.types.is_list(field.type))


def _without_empty_scalars(row: Json, scalar: frozenset[str]) -> Json:
    """Returns a row without those metadata values that are empty lists in `scalar` fields.

    An empty list does not determine the type of a metadata field, so a field that held only empty lists at first may be
    scalar by now.
    """
    metadata = row.get("metadata")
    if not metadata or not any(value == [] and name in scalar for name, value in metadata.items()):
        return row
    return row | {"metadata": {name: value for name, value in metadata.items() if value != [] or name not in scalar}}


def _origin_fields(version: FrameVersion) -> Json:
    return {
        "frame_id": version.frame_id,
        "revision": version.n,
        "digest": version.payload.digest,
        "upload": version.upload,
        "actor": version.actor,
        "changed_at": version.at,
    }


def _frames(rows: Iterable[Json]) -> Iterator[FrameVersion]:
    for row in rows:
        yield FrameVersion(
            frame_id=row["frame_id"],
            n=row["revision"],
            op=Op.ADD,  # the frame exists, whichever operation made it
            pointer=PayloadPointer(row["pack"], row["offset"], row["length"], row["digest"]),
            labels=row["labels"],
            classes=dict(row["classes"]),
            upload=row["upload"],
            actor=row["actor"],
            at=row["changed_at"],
        )


def _frame_row(frame: Json) -> Json:
    """Returns the values of the columns that hold a frame's own fields, given the frame's stored JSON object.

    Times become timestamps. Fields without a schema become JSON text: sensor metadata, label attributes and secondary
    labels.
    """
    row = dict(frame)
    _parse_times(row)
    if "sensors" in frame:
        row["sensors"] = [_sensor(sensor) for sensor in frame["sensors"]]
    if "labels" in frame:
        row["labels"] = [_label(label) for label in frame["labels"]]
    return row


def _sensor(sensor: Json) -> Json:
    row = _with_json_text(sensor, ("metadata",))
    _parse_times(row)
    return row


def _label(label: Json) -> Json:
    row = _with_json_text(label, ("attributes", "secondary_labels"))
    if "instances" in label:
        row["instances"] = [_with_json_text(instance, ("attributes",)) for instance in label["instances"]]
    return row


def _with_json_text(value: Json, fields: Iterable[str]) -> Json:
    return value | {field: canonical_json(value[field]).decode() for field in fields if field in value}


def _parse_times(row: Json) -> None:
    if "captured_at" in row:
        row["captured_at"] = datetime.fromisoformat(row["captured_at"])
