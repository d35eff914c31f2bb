"""The steps of a smoke test. Each uses one feature through the API, S3 or the event bus, and returns what it
saw, and how that differs."""

import gzip
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from infra.smoke.bus import Listener
from infra.smoke.deployment import Deployment
from infra.smoke.rows import (
    CHANGED,
    WIDE_CLASSES,
    WIDE_ROWS,
    Content,
    Json,
    add,
    changes,
    difference_of,
    differences,
    frame_id,
    number_of,
    wide_changes,
    wide_classes,
    wide_rows,
    write,
)
from infra.smoke.waiting import FIRST_PAUSE, MAX_PAUSE, Failed, TimedOut, until_done
from tidemark.client.api import Api, Refused
from tidemark.client.polling import polls
from tidemark.client.push.by_files import ByFiles
from tidemark.client.push.local_files import LocalFile
from tidemark.client.push.transport import Delivery
from tidemark.client.refs import DatasetRef
from tidemark.client.signed_urls import SignedUrls
from tidemark.domain.limits import MAX_BATCH_FRAMES

BURST = 50
"""Requests of one row in the burst."""
SENDERS = 8
"""Requests of the burst that are on their way at the same time."""
MAX_LISTED = 20_000
"""Most frames of a version that is read back whole. Of a larger one, `SAMPLE` frames and the changed ones are read."""
SAMPLE = 2_000
MAX_COCO_BYTES = 256 * 1024**2
"""Most bytes of a COCO file that is downloaded. Of a larger one, only the number of rows is compared."""
CHECKPOINT = "loaded"
FORMATS = ("jsonl", "coco")


@dataclass(frozen=True)
class Load:
    """What the step `file` sends, and the shards that it is spread over."""

    files: int
    rows: int
    shards: int

    @property
    def total(self) -> int:
        """Number of rows in all files."""
        return self.files * self.rows

    @property
    def seconds(self) -> float:
        """Longest wait for one thing: five minutes, and more for large loads, at 500 rows a second."""
        return 300 + self.total / 500


@dataclass
class Subject:
    """The dataset that is filled, and what it must hold at each version in which nothing was in flight."""

    deployment: Deployment
    api: Api
    events: Listener
    dataset: DatasetRef
    load: Load
    expected: dict[int, Content] = field(default_factory=dict)

    @property
    def latest(self) -> int:
        """Number of the latest version."""
        return max(self.expected)

    def settled(self, upload: str, dataset: DatasetRef | None = None) -> Json:
        """Waits until an upload has settled into a version, and returns it. Raises Failed and TimedOut."""
        path = (*(dataset or self.dataset).path, "uploads", upload)
        settled = until_done(self.api, path, self.load.seconds)
        if settled["version"] is None:
            raise Failed(f"Upload {upload} is {settled['status']} and in no version: {settled['reason']}")
        return settled


class Seen(NamedTuple):
    """What a step saw, in a few words, and how it differs from what it should have seen."""

    summary: str
    differences: Sequence[str] = ()


class Step(NamedTuple):
    """A step, and the heading in `docs/operations.md` under which to look if it differs or fails."""

    name: str
    run: Callable[[Subject], Seen]
    section: str


def add_one(subject: Subject) -> Seen:
    """Adds one frame."""
    path = (*subject.dataset.path, "mutations")
    upload = subject.settled(subject.api.post(*path, body={"mutations": [add(0)]})["upload"])
    wrong = _outcome(upload, applied=1)
    subject.expected[upload["version"]] = Content(1)
    return Seen(f"1 row accepted, version {upload['version']} can be read", wrong)


def hear(subject: Subject) -> Seen:
    """Receives the events of the first upload and its version."""
    version = subject.latest
    published = subject.events.find(version=version)
    upload = published["detail"]["uploads"][0]
    settled = subject.events.find(upload=upload)
    kinds = [event["detail-type"] for event in (published, settled)]
    return Seen(" and ".join(kinds), _unequal("the events", kinds, ["version published", "upload settled"]))


def burst(subject: Subject) -> Seen:
    """Sends requests of one row each, several at a time."""
    path = (*subject.dataset.path, "mutations")

    def send(number: int) -> str:
        return str(subject.api.post(*path, body={"mutations": [add(number)]})["upload"])

    with ThreadPoolExecutor(SENDERS) as senders:
        sent = list(senders.map(send, range(1, BURST + 1)))
    uploads = [subject.settled(upload) for upload in sent]
    versions = {upload["version"] for upload in uploads}
    subject.expected[max(versions)] = Content(BURST + 1)
    wrong = [difference for upload in uploads for difference in _outcome(upload, applied=1)]
    return Seen(f"{BURST} requests of one row, in {len(versions)} versions", wrong)


def load_files(subject: Subject) -> Seen:
    """Uploads files by signed URLs."""
    load, first = subject.load, BURST + 1
    starts = range(first, first + load.total, load.rows)
    rows = ((add(number) for number in range(start, start + load.rows)) for start in starts)
    upload = _push(subject, subject.dataset, rows)
    subject.expected[upload["version"]] = Content(first + load.total)
    what = f"{load.files} file{'s' if load.files > 1 else ''} of {load.rows:,} rows, version {upload['version']}"
    return Seen(what, _outcome(upload, applied=load.total))


def freeze(subject: Subject) -> Seen:
    """Creates a checkpoint, and waits for its manifest and statistics."""
    content = subject.expected[subject.latest]
    path = (*subject.dataset.path, "checkpoints")
    subject.api.post(*path, body={"name": CHECKPOINT, "version": str(subject.latest)})
    checkpoint = until_done(subject.api, (*path, CHECKPOINT), subject.load.seconds)
    wrong = _unequal("its status", checkpoint["status"], "READY")
    if wrong:
        return Seen(f"{checkpoint['status']}: {checkpoint['reason']}", wrong)
    statistics = subject.api.get(*path, CHECKPOINT, "statistics")
    counted = (statistics["frames"], statistics["labels"])
    wrong = _unequal("frames and labels", counted, (content.frames, content.labels))
    return Seen(f"manifest of {counted[0]:,} frames, {counted[1]:,} labels", wrong)


def drop(subject: Subject) -> Seen:
    """Stores a file of changes in the drop folder, and deletes it once it is read."""
    bucket, dataset = subject.deployment.outputs["BucketName"], subject.dataset
    key = f"drop/{dataset.project}/{dataset.name}/changes.jsonl"
    body = b"".join(json.dumps(row).encode() + b"\n" for row in changes())
    subject.deployment.s3.put_object(Bucket=bucket, Key=key, Body=body)
    try:
        upload = subject.settled(_dropped(subject))
    finally:
        subject.deployment.s3.delete_object(Bucket=bucket, Key=key)
    before = subject.expected[subject.latest]
    subject.expected[upload["version"]] = before._replace(is_changed=True)
    return Seen(f"a file of {CHANGED} changes, version {upload['version']}", _outcome(upload, applied=CHANGED))


def roll_back(subject: Subject) -> Seen:
    """Rolls the dataset back to the checkpoint."""
    body = {"version": CHECKPOINT, "message": "smoke test"}
    upload = subject.settled(subject.api.post(*subject.dataset.path, "rollbacks", body=body)["id"])
    before = subject.expected[subject.latest]
    subject.expected[upload["version"]] = before._replace(is_changed=False)
    what = f"{upload['applied']} frames as in the checkpoint again, version {upload['version']}"
    return Seen(what, _outcome(upload, applied=CHANGED))


def clone(subject: Subject) -> Seen:
    """Clones the version with the changes, and reads the clone back."""
    version, content = next((version, content) for version, content in subject.expected.items() if content.is_changed)
    copy = clone_of(subject.dataset)
    body = {"name": copy.name, "version": str(version)}
    receipt = subject.api.post(*subject.dataset.path, "clones", body=body)
    upload = subject.settled(receipt["upload"]["id"], copy)
    read, wrong = compare_version(subject.api, copy, upload["version"], content)
    what = f"{upload['applied']:,} frames of version {version}, {read:,} of them read"
    return Seen(what, [*_outcome(upload, applied=content.frames), *wrong])


def export(subject: Subject) -> Seen:
    """Exports the checkpoint as JSON lines and as COCO, downloads the files and compares them."""
    checkpoint = (*subject.dataset.path, "checkpoints", CHECKPOINT)
    content, path = subject.expected[subject.api.get(*checkpoint)["version"]], (*checkpoint, "exports")
    for form in FORMATS:
        subject.api.post(*path, body={"format": form})
    made = {form: until_done(subject.api, (*path, form), subject.load.seconds) for form in FORMATS}
    wrong = [
        difference
        for form, artifact in made.items()
        for difference in _unequal(
            f"{form}: status and rows", (artifact["status"], artifact["rows"]), ("READY", content.frames)
        )
    ]
    if wrong:
        return Seen("; ".join(f"{form}: {artifact['reason']}" for form, artifact in made.items()), wrong)
    with SignedUrls() as urls, tempfile.TemporaryDirectory() as folder:
        rows = _exported(_download(subject.api, urls, (*path, "jsonl"), Path(folder)))
        wrong = [f"jsonl: {difference}" for difference in differences(content, rows)]
        if made["coco"]["bytes"] <= MAX_COCO_BYTES:
            for file in _download(subject.api, urls, (*path, "coco"), Path(folder)):
                wrong += [f"coco: {difference}" for difference in _coco(file, content)]
    sizes = ", ".join(f"{form} {artifact['bytes'] / 1e6:,.1f} MB" for form, artifact in made.items())
    return Seen(f"{content.frames:,} frames: {sizes}", wrong)


def read_back(subject: Subject) -> Seen:
    """Reads the dataset as of every version in which nothing was in flight."""
    total, wrong = 0, []
    for version, content in subject.expected.items():
        count, found = compare_version(subject.api, subject.dataset, version, content)
        total += count
        wrong += [f"version {version}: {difference}" for difference in found]
    versions = ", ".join(map(str, subject.expected))
    return Seen(f"{total:,} frames, as of the versions {versions}", wrong)


def fill_widest_window(subject: Subject) -> Seen:
    """Fills the window that writes most: 96 frames, each with 128 classes of the longest names, take 6,400 write units.

    The first upload adds the frames, in many windows. The second changes them, in one.
    """
    dataset = widest_of(subject.dataset)
    open_dataset(subject.api, dataset, wide_classes(), shards=1)
    wrong = _outcome(_push(subject, dataset, [wide_rows()]), applied=WIDE_ROWS)
    receipt = subject.api.post(*dataset.path, "mutations", body={"mutations": wide_changes()})
    upload = subject.settled(receipt["upload"], dataset)
    wrong += [*_outcome(upload, applied=WIDE_ROWS), *_unequal("windows", upload["windows"], 1)]
    return Seen(f"a window of {upload['applied']} frames with {WIDE_CLASSES} classes each", wrong)


STEPS = (
    Step("add", add_one, "logs"),
    Step("event", hear, "events"),
    Step("burst", burst, "dead-letters"),
    Step("file", load_files, "dead-letters"),
    Step("checkpoint", freeze, "failed-workflows"),
    Step("drop", drop, "drop-folder"),
    Step("roll back", roll_back, "failed-workflows"),
    Step("clone", clone, "failed-workflows"),
    Step("export", export, "failed-workflows"),
    Step("read", read_back, "logs"),
)
WIDEST = Step("widest", fill_widest_window, "outages-and-throttling")


def clone_of(dataset: DatasetRef) -> DatasetRef:
    """Returns the dataset that the clone is named."""
    return dataset._replace(name=f"{dataset.name}-clone")


def widest_of(dataset: DatasetRef) -> DatasetRef:
    """Returns the dataset of the widest window. Its project has 32 KB of classes, which others need not read."""
    return dataset._replace(project=f"{dataset.project}-widest")


def open_dataset(api: Api, dataset: DatasetRef, classes: Sequence[str], shards: int) -> None:
    """Creates a dataset, and its project unless an earlier run did."""
    try:
        api.get("projects", dataset.project)
    except Refused as refusal:
        if refusal.problem.code != "unknown_project":
            raise
        named = [{"name": name} for name in classes]
        api.post("projects", body={"name": dataset.project, "description": "Smoke tests", "classes": named})
    api.post("projects", dataset.project, "datasets", body={"name": dataset.name, "shards": shards})


def _push(subject: Subject, dataset: DatasetRef, files: Iterable[Iterable[Json]]) -> Json:
    """Uploads files of rows and returns their upload once it has settled."""
    with tempfile.TemporaryDirectory(prefix="tidemark-smoke-") as folder:
        local = []
        for number, rows in enumerate(files):
            path = Path(folder) / f"{number:03d}.jsonl.gz"
            write(path, rows)
            local.append(LocalFile(path, path.name))
        sent = [item for item in ByFiles(subject.api, dataset, local, "").send() if item is not None]
    (delivery,) = sent
    if not isinstance(delivery, Delivery):
        raise Failed(f"{delivery.place} was not sent: {delivery.message}")
    return subject.settled(delivery.upload, dataset)


def _dropped(subject: Subject) -> str:
    """Waits until the dropped file has become an upload, and returns the upload's id."""
    deadline = time.monotonic() + subject.load.seconds
    for _ in polls(FIRST_PAUSE, MAX_PAUSE):
        for upload in subject.api.items(*subject.dataset.path, "uploads", source="DROP"):
            return str(upload["id"])
        if time.monotonic() > deadline:
            break
    raise TimedOut(f"The file in the drop folder has started no upload after {subject.load.seconds:.0f} s.")


def compare_version(api: Api, dataset: DatasetRef, version: int, content: Content) -> tuple[int, list[str]]:
    """Reads a version back. Returns the number of frames that were read, and how they and the counts differ."""
    counted = api.get(*dataset.path, "versions", str(version))
    wrong = _unequal("frames and labels", (counted["frames"], counted["labels"]), (content.frames, content.labels))
    if content.added <= MAX_LISTED:
        items = (item["frame"] for item in api.items(*dataset.path, "frames", version=version))
        return content.frames, [*wrong, *differences(content, items)]
    numbers = sorted({*range(CHANGED), *range(0, content.added, content.added // SAMPLE)})
    sampled = (difference_of(content, number, read) for number, read in _sample(api, dataset, version, numbers))
    return len(numbers), [*wrong, *filter(None, sampled)]


def _sample(api: Api, dataset: DatasetRef, version: int, numbers: Sequence[int]) -> Iterator[tuple[int, Json | None]]:
    """Yields frames by number, with None for those that do not exist."""
    remaining = [frame_id(number) for number in numbers]
    while remaining:
        body = {"frame_ids": remaining[:MAX_BATCH_FRAMES], "version": str(version)}
        batch = api.query(*dataset.path, "frames", "batch-get", body=body)
        yield from ((number_of({"frame_id": name}), None) for name in batch["missing"])
        yield from ((number_of(item["frame"]), item["frame"]) for item in batch["items"])
        remaining = batch["unread"] + remaining[MAX_BATCH_FRAMES:]


def _download(api: Api, urls: SignedUrls, path: tuple[str, ...], folder: Path) -> Iterator[Path]:
    """Downloads the files of an export one after the other, each in place of the one before."""
    target = folder / "file"
    for file in api.items(*path, "files"):
        with target.open("wb") as into:
            urls.fetch(file["get"]["url"], into)
        yield target


def _exported(files: Iterable[Path]) -> Iterator[Json]:
    for path in files:
        with gzip.open(path) as lines:
            yield from (json.loads(line)["frame"] for line in lines)


def _coco(file: Path, content: Content) -> list[str]:
    document = json.loads(file.read_bytes())
    counted = (len(document["images"]), len(document["annotations"]))
    return _unequal("images and annotations", counted, (content.frames, content.labels))


def _outcome(upload: Json, *, applied: int) -> list[str]:
    """Returns how an upload differs from a settled one of which all rows were applied."""
    found = {name: upload[name] for name in ("status", "applied", "dropped", "failed", "rejected")}
    expected: dict[str, Any] = {"status": "SETTLED", "applied": applied, "dropped": 0, "failed": 0, "rejected": 0}
    return _unequal(f"upload {upload['id']}", found, expected)


def _unequal(what: str, seen: object, expected: object) -> list[str]:
    return [] if seen == expected else [f"{what}: {seen}, expected {expected}"]
