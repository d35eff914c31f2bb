"""The rows that the demo sends and the frames that it expects are consistent."""

import io

import numpy as np
from PIL import Image

from examples.digits import steps
from examples.digits.ledger import Frames
from examples.digits.scans import CLASSES, Scan, read_scans

SCANS = read_scans()[:20]
TRUTH = {scan.frame_id: scan.digit for scan in SCANS}


def _hurried() -> Frames:
    """The frames after the hurried annotator has labelled every digit as a zero."""
    frames = steps.add(SCANS, dict.fromkeys(TRUTH, CLASSES[0]), "s3://bucket/assets").changes
    return {frame_id: frame for frame_id, frame in frames.items() if frame is not None}


def _inked(scan: Scan) -> set[tuple[int, int]]:
    with Image.open(io.BytesIO(scan.png)) as picture:
        pixels = np.asarray(picture)
    return {(int(row), int(column)) for row, column in zip(*np.nonzero(pixels < 255), strict=True)}


def test_a_box_is_as_small_as_it_can_be_around_the_ink() -> None:
    for scan in SCANS:
        rows, columns = ({pixel[axis] for pixel in _inked(scan)} for axis in (0, 1))
        box = scan.box
        assert (box.top, box.top + box.height) == (min(rows), max(rows) + 1)
        assert (box.left, box.left + box.width) == (min(columns), max(columns) + 1)


def test_a_wrong_label_keeps_its_box_and_gets_the_right_class_of_the_second_annotator() -> None:
    now = _hurried()
    step = steps.relabel(now, TRUTH)
    assert set(step.changes) == {frame_id for frame_id, digit in TRUTH.items() if digit != CLASSES[0]}
    for frame_id, frame in step.changes.items():
        assert frame is not None
        (before,), (after,) = now[frame_id]["labels"], frame["labels"]
        assert after == before | {"class": TRUTH[frame_id], "attributes": {"annotator": "second"}}


def test_a_row_of_a_relabelling_names_the_label_and_leaves_its_box_alone() -> None:
    for row in steps.relabel(_hurried(), TRUTH).rows:
        (label,) = row["frame"]["labels"]
        assert set(label) == {"id", "class", "attributes"}
