"""The demo notices every difference between the files of an export and the expected frames, in each format."""

import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from examples.digits.client import Json
from examples.digits.exports import compare
from examples.digits.ledger import Frames


def _frame(frame_id: str, digit: str, left: int = 2) -> Json:
    box = {"left": left, "top": 0, "width": 4, "height": 8}
    return {"frame_id": frame_id, "labels": [{"id": "digit", "type": "BBOX_2D", "class": digit, **box}]}


FRAMES: Frames = {name: _frame(name, digit) for name, digit in (("a", "7"), ("b", "1"))}
CLASSES = ["1", "7"]


def _jsonl(frames: Frames) -> list[bytes]:
    lines = [json.dumps({"op": "ADD", "frame": frame}) for frame in frames.values()]
    return [gzip.compress(line.encode()) for line in lines]


def _parquet(frames: Frames) -> list[bytes]:
    files = []
    for frame in frames.values():
        file = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([frame]), file)
        files.append(file.getvalue())
    return files


def _coco(frames: Frames) -> list[bytes]:
    images, annotations = [], []
    for number, frame in enumerate(frames.values(), start=1):
        (label,) = frame["labels"]
        bbox = [float(label[edge]) for edge in ("left", "top", "width", "height")]
        images.append({"id": number, "frame_id": frame["frame_id"]})
        annotations.append({"image_id": number, "category_id": CLASSES.index(label["class"]), "bbox": bbox})
    categories = [{"id": number, "name": name} for number, name in enumerate(CLASSES)]
    return [json.dumps({"images": images, "annotations": annotations, "categories": categories}).encode()]


Writer = Callable[[Frames], list[bytes]]
FORMATS: dict[str, Writer] = {"jsonl": _jsonl, "parquet": _parquet, "coco": _coco}
WRONG = {"too few": {"a": FRAMES["a"]}, "too many": FRAMES | {"c": _frame("c", "7")}}
CHANGED = {"of another class": _frame("a", "1"), "with its box elsewhere": _frame("a", "7", left=3)}


@pytest.mark.parametrize("form", FORMATS)
def test_files_that_hold_what_they_should_do_not_differ(form: str) -> None:
    assert compare(form, FORMATS[form](FRAMES), FRAMES) == []


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("what", WRONG)
def test_a_frame_too_few_or_too_many_is_told(form: str, what: str) -> None:
    assert len(compare(form, FORMATS[form](WRONG[what]), FRAMES)) == 1


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("what", CHANGED)
def test_a_frame_with_another_label_is_told(form: str, what: str) -> None:
    assert compare(form, FORMATS[form](FRAMES | {"a": CHANGED[what]}), FRAMES)


def test_rows_are_compared_whole() -> None:
    frames: dict[str, Any] = FRAMES | {"a": FRAMES["a"] | {"metadata": {"split": "test"}}}
    assert len(compare("jsonl", _jsonl(frames), FRAMES)) == 1


@pytest.mark.parametrize("form", FORMATS)
def test_a_frame_that_is_written_twice_is_told(form: str) -> None:
    twice = {"a": FRAMES["a"], "again": FRAMES["a"], "b": FRAMES["b"]}
    assert len(compare(form, FORMATS[form](twice), FRAMES)) == 1
