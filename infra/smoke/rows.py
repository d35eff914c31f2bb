"""The frames that a smoke test sends, what a version must hold of them, and how that differs from what is read.

It uses none of Tidemark's code, so that the comparison proves something. A frame's content follows from its number
alone, so that a load of millions of frames needs no memory.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

Json = dict[str, Any]

CLASSES = ("car", "person", "tram")
BOXES = 5
CHANGED = 200
"""Number of frames that the changes concern: half of them are relabelled, the others deleted."""
MAX_SHOWN = 5
"""Most differences of a comparison that are listed one by one."""
WIDE_ROWS, WIDE_CLASSES, WIDE_NAME = 96, 128, 128
"""Frames, classes of a frame and characters of a class's name: the limits of a window, a frame and a name."""


class Content(NamedTuple):
    """What a version holds: the frames from number 0 on, without or with the changes of `changes`."""

    added: int
    is_changed: bool = False

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.added - (CHANGED // 2 if self.is_changed else 0)

    @property
    def labels(self) -> int:
        """Number of labels."""
        return BOXES * self.frames

    def frame(self, number: int) -> Json | None:
        """Returns a frame as it must read; None if the version must not hold it."""
        if not 0 <= number < self.added:
            return None
        if not self.is_changed or number >= CHANGED:
            return frame(number)
        return None if number % 2 else frame(number, is_relabelled=True)


def frame_id(number: int) -> str:
    """Returns a frame's id. Ids sort by number."""
    return f"smoke-{number:08d}"


def number_of(frame: Json) -> int:
    """Returns a frame's number; -1 if its id is none of ours."""
    _, _, digits = str(frame.get("frame_id")).partition("smoke-")
    return int(digits) if digits.isascii() and digits.isdigit() else -1


def frame(number: int, *, is_relabelled: bool = False) -> Json:
    """Returns a frame of about one kilobyte with five boxes."""
    return {
        "frame_id": frame_id(number),
        "captured_at": f"2026-03-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z",
        "metadata": {"number": number, "weather": ("rain", "sun", "fog")[number % 3]},
        "labels": [_box(number, position, is_relabelled=is_relabelled) for position in range(BOXES)],
    }


def _box(number: int, position: int, *, is_relabelled: bool) -> Json:
    shift = 1 if is_relabelled else 0
    return {
        "id": f"{number}-{position}",
        "type": "BBOX_2D",
        "class": CLASSES[(number + position + shift) % len(CLASSES)],
        "left": float(number % 1000),
        "top": 100.0 * position,
        "width": 10.5 + position,
        "height": 20.25,
        "attributes": {"annotator": f"person-{number % 20}", "occluded": number % 5 == position},
    }


def add(number: int) -> Json:
    """Returns the row that adds a frame."""
    return {"op": "ADD", "frame": frame(number)}


def changes() -> Iterator[Json]:
    """Yields the rows that relabel every other of the first `CHANGED` frames and delete the rest."""
    for number in range(CHANGED):
        if number % 2:
            yield {"op": "DELETE", "frame_id": frame_id(number)}
        else:
            labels = [
                {"id": box["id"], "type": box["type"], "class": box["class"]}
                for box in frame(number, is_relabelled=True)["labels"]
            ]
            yield {"op": "MODIFY", "frame": {"frame_id": frame_id(number), "labels": labels}}


def wide_classes() -> list[str]:
    """Returns as many classes as a frame may have, with the longest names: 128 characters of two bytes."""
    first = 0x0430  # Cyrillic letters begin here
    names = (chr(first + number // 32) + chr(first + number % 32) for number in range(WIDE_CLASSES))
    return [name.ljust(WIDE_NAME, "я") for name in names]


def wide_rows() -> Iterator[Json]:
    """Yields rows that add frames with a label of every class of `wide_classes`."""
    classes = wide_classes()
    for number in range(WIDE_ROWS):
        box = {"type": "BBOX_2D", "left": 1, "top": 1, "width": 1, "height": 1}
        labels = [{"id": str(position), "class": name, **box} for position, name in enumerate(classes)]
        yield {"op": "ADD", "frame": {"frame_id": frame_id(number), "labels": labels}}


def wide_changes() -> list[Json]:
    """Returns rows that change the metadata of the frames of `wide_rows`.

    The rows are short, so that one window holds all of them. Its transaction writes the classes of every frame again.
    """
    return [
        {"op": "MODIFY", "frame": {"frame_id": frame_id(number), "metadata": {"number": number}}}
        for number in range(WIDE_ROWS)
    ]


def write(path: Path, rows: Iterable[Json]) -> None:
    """Writes rows as gzipped JSON lines."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        for row in rows:
            file.write(json.dumps(row).encode() + b"\n")


def differences(content: Content, frames: Iterable[Json]) -> list[str]:
    """Returns how all frames of a version, as they were read, differ from `content`."""
    seen = bytearray(content.added)
    found: list[str] = []
    count = 0
    for read in frames:
        number = number_of(read)
        difference = difference_of(content, number, read)
        if not difference and seen[number]:
            difference = f"{frame_id(number)} was read twice"
        if 0 <= number < content.added:
            seen[number] = 1
        if difference:
            count += 1
            found += [difference][: MAX_SHOWN - len(found)]
    missing = [number for number in range(content.added) if not seen[number] and content.frame(number)]
    found += [f"{frame_id(number)} is missing" for number in missing[: MAX_SHOWN - len(found)]]
    more = count + len(missing) - len(found)
    return [*found, f"… and {more:,} more"] if more else found


def difference_of(content: Content, number: int, read: Json | None) -> str:
    """Returns how one frame differs from what a version must hold; empty if it does not."""
    expected = content.frame(number)
    if read is None:
        return f"{frame_id(number)} is missing" if expected else ""
    if expected is None:
        return f"{read.get('frame_id')} should not be there"
    if _without_empty(read) != _without_empty(expected):
        return f"{frame_id(number)} is {_without_empty(read)}, expected {_without_empty(expected)}"
    return ""


def _without_empty(value: Any) -> Any:
    """Returns a value without its empty lists and objects, which the API returns even if they were not sent."""
    if isinstance(value, dict):
        items = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in items.items() if item not in ([], {})}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value
