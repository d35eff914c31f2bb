"""Ten thousand frames sent to the API are counted, and read back as they were sent (R20, R29)."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.support.deployed.client import CLASSES, Caller, Json
from tests.support.deployed.rows import add, box

REQUESTS, ROWS, BOXES = 10, 1000, 5


def _frame(draw: random.Random, number: int) -> Json:
    """An ADD of some 1.3 KB, like those of a labelling tool for camera images."""
    row = add(
        f"drive-07_cam-front_{number:06d}",
        *(
            box(
                f"box-{position}",
                draw.choice(CLASSES),
                left=draw.randrange(1900),
                top=draw.randrange(1000),
                width=draw.uniform(1, 200),
                height=draw.uniform(1, 200),
                sensor="front",
                attributes={"occluded": draw.random() < 0.2, "reviewer": f"person-{draw.randrange(20)}"},
            )
            for position in range(BOXES)
        ),
        weather=draw.choice(["rain", "sun", "fog"]),
        speed=draw.uniform(0, 40),
        tags=["night", "wet"],
    )
    row["frame"] |= {
        "captured_at": f"2026-03-01T12:{number // 60 % 60:02d}:{number % 60:02d}Z",
        "device_id": "car-07",
        "geo": {"lat": draw.uniform(47, 48), "lon": draw.uniform(8, 9)},
        "sensors": [{"id": "front", "type": "IMAGE", "url": f"s3://drives/07/cam-front/{number:06d}.jpg"}],
    }
    return row


def test_ten_thousand_frames_sent_in_parallel_requests_read_back_as_sent(
    admin: Caller, record_testsuite_property: Callable[[str, object], None]
) -> None:
    dataset = admin.new_dataset(shards=16)
    draw = random.Random(7)
    requests = [[_frame(draw, ROWS * request + row) for row in range(ROWS)] for request in range(REQUESTS)]

    began = time.monotonic()
    with ThreadPoolExecutor(4) as senders:
        sent = list(senders.map(lambda rows: dataset.send(*rows), requests))
    accepted = time.monotonic()
    uploads = [dataset.settled(upload) for upload in sent]
    settled = time.monotonic()
    frames = dataset.frames()
    read = time.monotonic()

    counts = {(upload["status"], upload["rows"], upload["applied"], upload["labels"]) for upload in uploads}
    assert counts == {("SETTLED", ROWS, ROWS, ROWS * BOXES)}
    details = dataset.read()
    assert (details["frames"], details["labels"]) == (REQUESTS * ROWS, REQUESTS * ROWS * BOXES)
    assert frames == {row["frame"]["frame_id"]: row["frame"] for rows in requests for row in rows}
    record_testsuite_property("seconds until accepted", round(accepted - began, 1))
    record_testsuite_property("seconds until settled", round(settled - began, 1))
    record_testsuite_property("frames settled per second", round(REQUESTS * ROWS / (settled - began)))
    record_testsuite_property("frames read per second", round(REQUESTS * ROWS / (read - settled)))
