"""The uploads of the story: the rows of each, and the frames as they must be afterwards.

The two are written independently: a row says what to change, and the expected frame is the whole result.
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
    """Adds frames with a picture, metadata, and a box whose class is the digit that the hurried annotator sees."""
    frames = {scan.frame_id: _frame(scan, labels[scan.frame_id], assets) for scan in scans}
    return Step([{"op": "ADD", "frame": frame} for frame in frames.values()], frames)


def relabel(now: Frames, truth: dict[str, str]) -> Step:
    """Corrects the class of every wrong label, as a second annotator."""
    second = {"annotator": "second"}
    wrong = [frame_id for frame_id, frame in now.items() if frame["labels"][0]["class"] != truth[frame_id]]
    rows = [
        _modify(frame_id, labels=[{"id": LABEL, "class": truth[frame_id], "attributes": second}]) for frame_id in wrong
    ]
    return Step(rows, {frame_id: _with_label(now[frame_id], {"class": truth[frame_id]}, second) for frame_id in wrong})


def delete(frame_ids: list[str]) -> Step:
    """Deletes frames from later versions."""
    return Step([{"op": "DELETE", "frame_id": frame_id} for frame_id in frame_ids], dict.fromkeys(frame_ids))


def hold_out(now: Frames, frame_ids: list[str]) -> Step:
    """Moves frames from training to test data: sets one metadata field and leaves the others."""
    rows = [_modify(frame_id, metadata={"split": "test"}) for frame_id in frame_ids]
    return Step(rows, {frame_id: _with_metadata(now[frame_id], split="test") for frame_id in frame_ids})


def confirm(now: Frames, frame_ids: list[str], slip: str) -> Step:
    """Confirms zeros with a new attribute of their labels. For the frame `slip` someone typed the letter O, so that row
    must be rejected and its frame must not change."""
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
