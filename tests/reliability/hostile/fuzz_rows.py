"""Rows: any JSON value is an accepted row with one spelling, or is refused with a reason."""

import json

from tests.support.strategies import CLASS_MAP
from tidemark.domain.errors import InvalidRequest
from tidemark.domain.frames.frames import Frame
from tidemark.domain.frames.operations import Op
from tidemark.domain.frames.patches import FramePatch
from tidemark.domain.frames.schema import Schema
from tidemark.domain.limits import MAX_FRAME_BYTES, MAX_ROW_ERRORS
from tidemark.domain.rows.strict_json import read_json
from tidemark.domain.rows.validation import AcceptedRow, RowValidator

LABELS = [
    {"id": "1", "type": "BBOX_2D", "class": "car", "top": -0.0, "left": 1e300, "width": 3, "height": 4},
    {"id": "2", "type": "POLYGON_LIST_2D", "class": "car", "polygons": [[[0, 0], [1, 0], [1, 1]]]},
    {"id": "3", "type": "KEYPOINTS_2D", "class": "person", "keypoints": [{"name": "a", "x": 1, "y": 2}]},
    {"id": "4", "type": "CLASSIFICATION_2D", "class": "car", "attributes": {"a": [1, 2.0], "b": None}},
]
FRAME = {
    "frame_id": "e\u0301/..",
    "captured_at": "2026-03-01T12:00:00+23:59",
    "sensors": [{"id": "s", "type": "IMAGE", "url": "s3://b/k"}],
    "metadata": {"n": 9007199254740993, "t": "\u202e", "l": [True, False], "z": -0.0},
    "labels": LABELS,
}
SEEDS = [
    json.dumps({"op": "ADD", "frame": FRAME | {"frame_id": "f"}}).encode(),
    json.dumps({"op": "ADD", "frame": FRAME}).encode(),
    json.dumps({"op": "MODIFY", "frame": {"frame_id": "f", "labels": LABELS}, "remove_labels": ["9"]}).encode(),
    b'{"op": "DELETE", "frame_id": "f"}',
    b'{"op": "DELETE", "frame_id": "f#1"}',
    b'{"op": "ADD", "frame": {"frame_id": "\\ud800"}}',
    b'{"op": "ADD", "frame": {"frame_id": "f", "metadata": {"a": 1, "a": 2}}}',
    b'{"op": "ADD", "frame": {"frame_id": "f", "geo": {"latitude": 1e400, "longitude": NaN}}}',
]


def target(data: bytes) -> None:
    """Validates `data` as a row. Raises AssertionError if the outcome is wrong."""
    try:
        value = read_json(data, "line")
    except InvalidRequest:
        return
    outcome = RowValidator(CLASS_MAP, Schema()).check(0, value)
    if isinstance(outcome, list):
        assert 1 <= len(outcome) <= MAX_ROW_ERRORS
        for error in outcome:
            assert error.code
            assert len(error.message) < 2000
            assert error.model_dump_json().encode()
    else:
        _check_accepted(outcome, value)


def _check_accepted(row: AcceptedRow, value: dict[str, object]) -> None:
    assert len(row.payload) <= MAX_FRAME_BYTES
    if row.op is Op.DELETE:
        assert row.payload == b""
        return
    stored = json.loads(row.payload)
    frame = stored if row.op is Op.ADD else stored["frame"]
    assert frame["frame_id"] == row.frame_id
    model = Frame if row.op is Op.ADD else FramePatch
    assert model.model_validate_json(row.payload).canonical == row.payload
    sent_again = {"op": row.op.value} | ({"frame": stored} if row.op is Op.ADD else stored)
    again = RowValidator(CLASS_MAP, Schema()).check(0, sent_again)
    assert again == row, f"{value!r} has two spellings"
