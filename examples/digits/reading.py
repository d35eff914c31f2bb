"""Reads everything back: every version page by page, one picture, and the history of one frame and its label."""

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from rich.console import Console

from examples.digits.client import Api, Json
from examples.digits.deployment import Deployment
from examples.digits.ledger import Ledger, differences
from examples.digits.story import print_detail, print_line
from examples.digits.uploads import bars

PAGE = 500
READERS = 4
"""Versions that are read at the same time."""

SHADES = "@#*+=-. "
"""From black to white."""


def compare_versions(api: Api, dataset: str, ledger: Ledger, console: Console) -> list[str]:
    """Reads the dataset at every version, and returns how it differs from the ledger."""
    records = {record["number"]: record for record in api.items(f"{dataset}/versions")}
    wrong = []
    if set(records) | {0} != set(ledger.versions):
        wrong.append(f"the versions are {sorted(records)}, expected {sorted(ledger.versions)}")
    began = time.monotonic()
    read = 0
    numbers = sorted(ledger.versions)
    with ThreadPoolExecutor(READERS) as threads, bars(console) as progress:
        versions = threads.map(lambda number: list(read_frames(api, dataset, number)), numbers)
        for number, seen in zip(
            numbers, progress.track(versions, len(numbers), description="versions read"), strict=True
        ):
            found = [*differences(ledger.versions[number], seen), *_miscounted(records.get(number), seen)]
            wrong += [f"version {number}: {difference}" for difference in found]
            read += len(seen)
            labels = sum(len(frame["labels"]) for frame in seen)
            verdict = f"differences: {len(found)}" if found else _agreement(ledger, number, len(seen))
            print_line(console, f"Version {number}", f"{len(seen):>5,} frames, {labels:,} labels", verdict)
    took = time.monotonic() - began
    print_line(
        console, "Read", f"{read:>5,} frames in pages of {PAGE}", "", f"{took:.1f} s, {read / took:,.0f} frames/s"
    )
    return wrong


def read_frames(api: Api, dataset: str, version: int) -> Iterator[Json]:
    """Yields all frames of a version, page by page."""
    for item in api.items(f"{dataset}/frames", version=version, limit=PAGE):
        yield item["frame"]


def _miscounted(record: Json | None, seen: list[Json]) -> list[str]:
    """Returns how a version's counts differ from its content. Version 0, which is empty, is not in the list."""
    if record is None:
        return []
    recorded = (record["frames"], record["labels"])
    counted = (len(seen), sum(len(frame["labels"]) for frame in seen))
    return [] if recorded == counted else [f"its record counts {recorded} frames and labels, but it has {counted}"]


def _agreement(ledger: Ledger, number: int, seen: int) -> str:
    expected = ledger.versions[number]
    early = seen - len(expected.frames)
    if early:
        return f"as expected; {early:,} of them are of the upload that settled next"
    first = next(version for version, held in ledger.versions.items() if held is expected)
    return "as expected" if first == number else f"as expected, those of version {first}"


def compare_picture(api: Api, dataset: str, frame_id: str, png: bytes, deployment: Deployment, console: Console) -> str:
    """Downloads and prints the picture of a frame. Returns how it differs from `png`; empty if it does not."""
    frame = api.get(f"{dataset}/frames/{frame_id}")["frame"]
    place = urlsplit(frame["sensors"][0]["url"])
    fetched = deployment.s3.get_object(Bucket=place.netloc, Key=place.path[1:])["Body"].read()
    same = fetched == png
    print_line(
        console, "Picture", f"of {frame_id}, from S3: {len(fetched)} bytes", "as expected" if same else "another one"
    )
    with Image.open(io.BytesIO(fetched)) as picture:
        rows = np.asarray(picture, dtype=np.uint8).tolist()
    for row in rows:
        print_detail(console, "".join(2 * SHADES[grey * len(SHADES) // 256] for grey in row))
    return "" if same else f"the picture of {frame_id} is not the one that was uploaded"


def print_histories(api: Api, dataset: str, frame_id: str, version_of: dict[str, int], console: Console) -> None:
    """Prints the history of a frame and of its label, newest first, as the API returns them."""
    frame = f"{dataset}/frames/{frame_id}"
    print_line(console, "History", f"of frame {frame_id}, newest first")
    for revision in api.items(f"{frame}/history"):
        print_detail(console, f"{_when(revision, version_of)}  {revision['op']:<8}  {_change(revision['changes'])}")
    (label,) = api.get(frame)["frame"]["labels"]
    print_line(console, "", f"of its label {label['id']}, newest first")
    for revision in api.items(f"{frame}/labels/{label['id']}/history"):
        before, after = (_label(revision[side]) for side in ("before", "after"))
        print_detail(console, f"{_when(revision, version_of)}  {revision['change']:<8}  {before} -> {after}")


def _when(revision: Json, version_of: dict[str, int]) -> str:
    return f"{revision['at'][11:19]}  version {version_of[revision['upload']]}  {revision['actor']}"


def _change(change: Json) -> str:
    if change["change"] != "modified":
        return str(change["change"])
    values = [f"{name}: {value['before']} -> {value['after']}" for name, value in change["metadata"].items()]
    labels = [
        f"label {part['id']}: {_label(part['before'])} -> {_label(part['after'])}"
        for part in change["labels"]["modified"]
    ]
    return ", ".join([*values, *labels])


def _label(label: Json | None) -> str:
    if label is None:
        return "nothing"
    return f"{label['class']} ({', '.join(f'{name}: {value}' for name, value in label['attributes'].items())})"
