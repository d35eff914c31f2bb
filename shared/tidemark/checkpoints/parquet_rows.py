"""A frame as a row of a Parquet file: as the API tells it, but for what a column of one type cannot hold (R15)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tidemark.domain.canonical import canonical_json

Json = dict[str, Any]


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
