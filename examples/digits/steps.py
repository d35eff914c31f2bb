"""The uploads of the story: for each, the rows that are sent, and what they have to make of the frames.

The two are written down apart from each other: a row says what to change, the expected frame is the whole result.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from examples.digits.client import Json
from examples.digits.ledger import Frames
from examples.digits.scans import Scan
from examples.digits.uploads import Step

LABEL, SENSOR = "digit", "scan"


def add(scans: Iterable[Scan], labels: dict[str, str], assets: str) -> Step:
    """New frames: picture, metadata, and a box around the digit that the hurried annotator takes it for."""
    frames = {scan.frame_id: _frame(scan, labels[scan.frame_id], assets) for scan in scans}
    return Step([{"op": "ADD", "frame": frame} for frame in frames.values()], frames)


def relabel(now: Frames, truth: dict[str, str]) -> Step:
    """The right class for every label that has a wrong one, by a second annotator."""
    by = {"annotator": "second"}
    wrong = [frame_id for frame_id, frame in now.items() if frame["labels"][0]["class"] != truth[frame_id]]
    rows = [_modify(frame_id, labels=[{"id": LABEL, "class": truth[frame_id], "attributes": by}]) for frame_id in wrong]
    return Step(rows, {frame_id: _with_label(now[frame_id], {"class": truth[frame_id]}, by) for frame_id in wrong})


def delete(frame_ids: list[str]) -> Step:
    """Frames out of later versions."""
    return Step([{"op": "DELETE", "frame_id": frame_id} for frame_id in frame_ids], dict.fromkeys(frame_ids))


def hold_out(now: Frames, frame_ids: list[str]) -> Step:
    """Frames moved from training to test data: one metadata field set, the others stay."""
    rows = [_modify(frame_id, metadata={"split": "test"}) for frame_id in frame_ids]
    return Step(rows, {frame_id: _with_metadata(now[frame_id], split="test") for frame_id in frame_ids})


def confirm(now: Frames, frame_ids: list[str], slip: str) -> Step:
    """Zeros that were looked at again: a new attribute of their labels. For the frame `slip` someone typed the
    letter O, so that row has to be refused and its frame has to stay as it is."""
    checked = {"checked": True}
    rows = [
        _modify(frame_id, labels=[{"id": LABEL, "class": "O" if frame_id == slip else "0", "attributes": checked}])
        for frame_id in frame_ids
    ]
    return Step(rows, {frame_id: _with_label(now[frame_id], {}, checked) for frame_id in frame_ids if frame_id != slip})


def _frame(scan: Scan, seen: str, assets: str) -> Json:
    return {
        "frame_id": scan.frame_id,
        "sensors": [{"id": SENSOR, "type": "IMAGE", "url": f"{assets}/{scan.frame_id}.png", "width": 8, "height": 8}],
        "metadata": {"split": "train", "ink": scan.ink},
        "labels": [_label(scan, seen)],
    }


def _label(scan: Scan, seen: str) -> Json:
    return {
        "id": LABEL,
        "type": "BBOX_2D",
        "class": seen,
        "sensor": SENSOR,
        **asdict(scan.box),
        "attributes": {"annotator": "hurried"},
    }


def _modify(frame_id: str, **given: Any) -> Json:
    return {"op": "MODIFY", "frame": {"frame_id": frame_id, **given}}


def _with_metadata(frame: Json, **fields: Any) -> Json:
    return frame | {"metadata": frame["metadata"] | fields}


def _with_label(frame: Json, fields: Json, attributes: Json) -> Json:
    (label,) = frame["labels"]
    return frame | {"labels": [label | fields | {"attributes": label["attributes"] | attributes}]}
