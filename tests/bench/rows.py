"""The benchmark's rows: frames of a driving camera with five boxes, 1.3 KB each, and changes of them."""

import gzip
import json
import random
from collections.abc import Iterable
from functools import cache

from tests.support.deployed.rows import Json, add, box, modify

CLASSES = ("car", "person", "tram", "bicycle")
BOXES = 5


@cache
def added(number: int) -> Json:
    """Returns an ADD of a frame. Ids sort by number."""
    return _added(number)


@cache
def file(numbers: range) -> bytes:
    """Returns a gzip file of ADDs in JSON Lines."""
    return gzip.compress(_lines(map(_added, numbers)), mtime=0)


def _lines(rows: Iterable[Json]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _added(number: int) -> Json:
    draw = random.Random(number)
    row = add(
        frame_id(number),
        *(
            box(
                f"{number:06d}-{position}",
                CLASSES[(number + position) % len(CLASSES)],
                left=round(draw.uniform(0, 1900), 3),
                top=round(draw.uniform(0, 1000), 3),
                width=round(draw.uniform(1, 200), 3),
                height=round(draw.uniform(1, 200), 3),
                sensor="front",
                attributes={"occluded": draw.random() < 0.2, "annotator": f"person-{draw.randrange(20)}"},
            )
            for position in range(BOXES)
        ),
        weather=draw.choice(["rain", "sun", "fog"]),
        speed=round(draw.uniform(0, 40), 2),
        tags=["night", "wet"],
    )
    row["frame"] |= {
        "captured_at": f"2026-03-01T12:{number // 60 % 60:02d}:{number % 60:02d}Z",
        "device_id": "car-07",
        "geo": {"lat": round(draw.uniform(47, 48), 5), "lon": round(draw.uniform(8, 9), 5)},
        "sensors": [
            {
                "id": "front",
                "type": "IMAGE",
                "url": f"s3://drives/07/cam-front/{number:06d}.jpg",
                "metadata": {"width": 1920, "height": 1080, "exposure_ms": round(draw.uniform(1, 30), 2)},
            }
        ],
    }
    return row


def relabelled(number: int, times: int = 1) -> Json:
    """Returns a MODIFY of a frame that changes a box's class and width and one metadata field."""
    label = {"id": f"{number:06d}-0", "class": CLASSES[(number + times) % len(CLASSES)], "width": 10.5 + times}
    return modify(frame_id(number), label, speed=float(times))


def frame_id(number: int) -> str:
    """Returns the id of a frame."""
    return f"drive-07_cam-front_{number:06d}"
