"""Parquet files: manifests of checkpoints, and exports. Only the checkpoint function may import this: pyarrow is large.

An export has the fields of a frame under the names that the API has for them, and those that tell where the frame is
from. The metadata are a column for themselves, with a field for each field of the dataset's schema, so that no name of
theirs can meet one of ours.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from io import BytesIO
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from tidemark.domain.canonical import canonical_json
from tidemark.domain.frames.mutations import Op
from tidemark.domain.frames.schema import FieldType, Schema
from tidemark.shards.frame_versions import FrameVersion
from tidemark.shards.packs import PayloadPointer

Json = dict[str, Any]

COMPRESSION = "zstd"

TEXT, WHOLE, REAL, FLAG, INSTANT = (
    pa.string(),
    pa.int64(),
    pa.float64(),
    pa.bool_(),
    pa.timestamp("us", tz="UTC"),
)
NUMBERS = pa.list_(REAL)
POLYGONS = pa.list_(pa.list_(NUMBERS))
QUATERNION = pa.struct([(side, REAL) for side in "wxyz"])
EMBEDDING = pa.struct([("model", TEXT), ("dimension", WHOLE), ("url", TEXT)])
GEO = pa.struct([(name, REAL) for name in ("lat", "lon", "alt")])
SENSOR = pa.struct(
    [
        *((name, TEXT) for name in ("id", "type", "coordinate_frame", "metadata", "url", "preview_url", "overlay_id")),
        *((name, TEXT) for name in ("resize_mode", "format", "intensity_url", "range_url", "text")),
        ("captured_at", INSTANT),
        ("width", WHOLE),
        ("height", WHOLE),
    ]
)
CAMERA = pa.struct(
    [
        ("model", TEXT),
        *((name, REAL) for name in ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4", "k5", "k6")),
        *((name, REAL) for name in ("p1", "p2", "s1", "s2", "s3", "s4", "skew")),
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
        ("iscrowd", FLAG),
        *((name, REAL) for name in ("top", "left", "width", "height", "x1", "y1", "x2", "y2")),
        ("keypoints", pa.list_(pa.struct([("name", TEXT), ("x", REAL), ("y", REAL)]))),
        ("polygons", POLYGONS),
        ("center", NUMBERS),
        *((name, TEXT) for name in ("url", "resize_mode")),
        ("instances", pa.list_(pa.struct([("id", WHOLE), ("class", TEXT), ("attributes", TEXT)]))),
        *((name, TEXT) for name in ("secondary_labels", "coordinate_frame")),
        *((name, NUMBERS) for name in ("position", "dimensions")),
        ("rotation", QUATERNION),
        ("index", WHOLE),
        ("token", TEXT),
        ("visible", FLAG),
    ]
)
ORIGIN = [("frame_id", TEXT), ("revision", WHOLE), ("digest", TEXT)]
CHANGE = [("upload", TEXT), ("actor", TEXT), ("changed_at", INSTANT)]
_FIELDS = {FieldType.STRING: TEXT, FieldType.NUMBER: REAL, FieldType.BOOLEAN: FLAG}
_LISTS = {FieldType.STRINGS: TEXT, FieldType.NUMBERS: REAL, FieldType.BOOLEANS: FLAG}


def export_schema(schema: Schema) -> pa.Schema:
    """The columns of an export of frames whose metadata have these fields."""
    return pa.schema(
        [
            *ORIGIN,
            *CHANGE,
            *(("captured_at", INSTANT), ("device_id", TEXT), ("geo", GEO)),
            ("sensors", pa.list_(SENSOR)),
            ("coordinate_frames", pa.list_(COORDINATE_FRAME)),
            *_metadata(schema),
            ("embedding", EMBEDDING),
            ("labels", pa.list_(LABEL)),
        ]
    )


def manifest_schema(schema: Schema) -> pa.Schema:
    """The columns of a manifest of frames whose metadata have these fields."""
    return pa.schema(
        [
            *ORIGIN,
            *CHANGE,
            *(("pack", TEXT), ("offset", WHOLE), ("length", WHOLE)),
            ("labels", WHOLE),
            ("classes", pa.map_(TEXT, WHOLE)),
            *_metadata(schema),
        ]
    )


def _metadata(schema: Schema) -> list[tuple[str, pa.DataType]]:
    """The column of metadata; none where there are no fields, since Parquet has no structs without any."""
    fields = [
        (name, _FIELDS[kind] if kind in _FIELDS else pa.list_(_LISTS[kind]))
        for name, kind in sorted(schema.fields.items())
    ]
    return [("metadata", pa.struct(fields))] if fields else []


class Writer:
    """Writes one Parquet file, a row group for each call, so that memory does not grow with the file.

    A context manager: the file is whole at the end of the context.
    """

    def __init__(self, into: IO[bytes], schema: pa.Schema) -> None:
        self._schema = schema
        self._single = _single_fields(schema)
        self._writer = pq.ParquetWriter(into, schema, compression=COMPRESSION)

    def write(self, rows: Iterable[Json]) -> None:
        """Append rows; what a row does not give is null, what is no column is left out."""
        table = pa.Table.from_pylist([_fitting(row, self._single) for row in rows], schema=self._schema)
        if len(table):
            self._writer.write_table(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()


def _single_fields(schema: pa.Schema) -> frozenset[str]:
    """The fields of the metadata that have one value, no list of them."""
    if "metadata" not in schema.names:
        return frozenset()
    return frozenset(field.name for field in schema.field("metadata").type if not pa.types.is_list(field.type))


def _fitting(row: Json, single: frozenset[str]) -> Json:
    """The row without empty lists where its columns have no lists. An empty list fixes no type, so that a field of
    which there was no more at first may have got another type since."""
    metadata = row.get("metadata")
    if not metadata or not any(value == [] and name in single for name, value in metadata.items()):
        return row
    return row | {"metadata": {name: value for name, value in metadata.items() if value != [] or name not in single}}


def export_row(version: FrameVersion, frame: Json) -> Json:
    """A frame as a row of an export."""
    return {**row_of(frame), **_origin(version)}


def manifest_row(version: FrameVersion, frame: Json) -> Json:
    """A frame as a row of a manifest."""
    return {
        **_origin(version),
        "pack": version.payload.pack,
        "offset": version.payload.offset,
        "length": version.payload.length,
        "labels": version.labels,
        "classes": sorted(version.classes.items()),
        "metadata": frame.get("metadata"),
    }


def _origin(version: FrameVersion) -> Json:
    return {
        "frame_id": version.frame_id,
        "revision": version.n,
        "digest": version.payload.digest,
        "upload": version.upload,
        "actor": version.actor,
        "changed_at": version.at,
    }


def manifest_frames(data: bytes) -> list[FrameVersion]:
    """The frames of a page of a manifest, in its order."""
    columns = [name for name in manifest_schema(Schema()).names if name != "metadata"]
    return list(_frames(pq.read_table(BytesIO(data), columns=columns).to_pylist()))


def _frames(rows: Iterable[Json]) -> Iterator[FrameVersion]:
    for row in rows:
        yield FrameVersion(
            frame_id=row["frame_id"],
            n=row["revision"],
            op=Op.ADD,  # what made it matters no more: it is there, whole
            pointer=PayloadPointer(row["pack"], row["offset"], row["length"], row["digest"]),
            labels=row["labels"],
            classes=dict(row["classes"]),
            upload=row["upload"],
            actor=row["actor"],
            at=row["changed_at"],
        )


def row_of(frame: Json) -> Json:
    """A frame, as it is kept, with times as times, and what no schema binds (metadata of sensors, attributes and
    secondary labels of labels) as JSON text."""
    row = dict(frame)
    _timed(row)
    if "sensors" in frame:
        row["sensors"] = [_sensor(sensor) for sensor in frame["sensors"]]
    if "labels" in frame:
        row["labels"] = [_label(label) for label in frame["labels"]]
    return row


def _sensor(sensor: Json) -> Json:
    row = _with_text(sensor, ("metadata",))
    _timed(row)
    return row


def _label(label: Json) -> Json:
    row = _with_text(label, ("attributes", "secondary_labels"))
    if "instances" in label:
        row["instances"] = [_with_text(instance, ("attributes",)) for instance in label["instances"]]
    return row


def _with_text(part: Json, fields: Iterable[str]) -> Json:
    return part | {field: canonical_json(part[field]).decode() for field in fields if field in part}


def _timed(row: Json) -> None:
    if "captured_at" in row:
        row["captured_at"] = datetime.fromisoformat(row["captured_at"])
