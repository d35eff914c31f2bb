"""Datasets as their clients know them: what was sent, and every response."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.reliability.faults import oracle
from tests.reliability.faults.oracle import Row, State
from tests.simulation.invocation import Invocation
from tests.simulation.world import World
from tidemark.aws.backend import Backend
from tidemark.datasets import datasets, projects
from tidemark.domain.datasets import Mode
from tidemark.domain.errors import Conflict
from tidemark.domain.frames.class_map import ClassInput
from tidemark.domain.intake_tasks import ResumeUpload
from tidemark.domain.upload_files import NewFile
from tidemark.domain.uploads import Receipt, Upload, upload_id_of
from tidemark.ingest import file_uploads, requests
from tidemark.ingest.requests import derived_upload_id
from tidemark.recovery import retry
from tidemark.recovery.resume import sweep
from tidemark.transfers import rollback
from tidemark.uploads import file_records
from tidemark.uploads import records as store
from tidemark.versions import frames, resolve

ACTOR = "annotator"
PAGE = 3
"""Frames per page when a version is read. Small, so that versions have several pages."""


@dataclass
class Submission:
    """What a client sent, and the receipt that it got."""

    rows: list[Row]
    key: str
    receipt: Any = None
    first_row: int = 0
    """Number of the first row: 1 for a file, whose rows are numbered by line, 0 otherwise."""

    @property
    def by_file(self) -> bool:
        """Whether the rows were sent in a file."""
        return self.first_row == 1

    @property
    def body(self) -> bytes:
        """The request body, the same each time."""
        return json.dumps({"mutations": self.rows}).encode()

    @property
    def text(self) -> bytes:
        """The rows as a file."""
        return b"".join(json.dumps(row).encode() + b"\n" for row in self.rows)


@dataclass(frozen=True)
class Cloned:
    """The origin of a cloned dataset."""

    upload: str
    version: int
    content: State


@dataclass
class DatasetModel:
    """A dataset, what was submitted to it, and the content that each of its versions was read with."""

    project: str
    name: str
    uid: str
    shards: int
    submissions: dict[str, Submission] = field(default_factory=dict)
    """By upload id."""
    snapshots: dict[int, State] = field(default_factory=dict)
    rollbacks: dict[str, int] = field(default_factory=dict)
    """The versions that roll backs restore, by upload id."""
    cloned: Cloned | None = None
    mode: Mode = Mode.STREAMING

    def uploads(self) -> list[str]:
        """Returns the ids of all uploads that may have changed the dataset."""
        return [*self.submissions, *self.rollbacks, *([self.cloned.upload] if self.cloned else [])]

    def where(self) -> dict[str, str]:
        """Returns the keyword arguments that name the dataset."""
        return {"project": self.project, "dataset": self.name}


def start_submit(world: World, model: DatasetModel, rows: list[Row], key: str) -> Invocation:
    """Starts a client that sends rows, perhaps again, and remembers the receipt."""
    upload_id = derived_upload_id(model.uid, ACTOR, key)
    submission = model.submissions.setdefault(upload_id, Submission(rows, key))
    backend = world.process()

    def operation() -> Receipt:
        receipt = requests.submit(
            backend, **model.where(), body=submission.body, actor=ACTOR, idempotency_key=submission.key
        )
        assert receipt.upload == upload_id
        assert submission.receipt in (None, receipt), "a repeated request got another receipt (3)"
        submission.receipt = receipt
        return receipt

    return Invocation(f"submit {key}", operation)


def start_file(world: World, model: DatasetModel, rows: list[Row], key: str) -> Invocation:
    """Starts a client that sends rows as a file, perhaps again: announces it, uploads it and completes the upload."""
    backend = world.process()
    files = [NewFile(name="rows.jsonl")]

    def operation() -> Upload:
        receipt = file_uploads.create(backend, **model.where(), files=files, actor=ACTOR, request=key)
        submission = model.submissions.setdefault(receipt.upload, Submission(rows, key, first_row=1))
        (stored,) = file_records.of_upload(backend, model.uid, receipt.upload)
        backend.s3.put_object(Bucket=backend.bucket, Key=stored.source.key, Body=submission.text)
        return file_uploads.complete(backend, **model.where(), upload=receipt.upload)

    return Invocation(f"send file {key}", operation)


def start_retry(world: World, model: DatasetModel, upload_id: str) -> Invocation:
    """Starts a retry of an upload."""
    backend = world.process()
    return Invocation(f"retry {upload_id}", lambda: retry.retry(backend, **model.where(), upload=upload_id))


def start_rollback(world: World, model: DatasetModel, to: int) -> Invocation:
    """Starts a roll back to a version."""
    backend = world.process()
    request = f"roll-back-{len(model.rollbacks)}"
    model.rollbacks[upload_id_of("rollback", model.uid, request)] = to
    where = model.where()
    return Invocation(
        f"roll back to {to}",
        lambda: rollback.roll_back(backend, **where, version=str(to), message="", actor=ACTOR, request=request),
    )


def resume(world: World, model: DatasetModel, upload_id: str) -> None:
    """Queues the task that resumes an upload, as the sweep does."""
    world.tasks.append(ResumeUpload(uid=model.uid, upload=upload_id))


def is_recorded(world: World, model: DatasetModel, upload_id: str) -> bool:
    """Whether an upload is stored, so that a sweep can find it."""
    return store.find(world.process(), model.uid, upload_id) is not None


def sweep_and_drain(world: World) -> None:
    """Lets half an hour pass, runs the sweep and lets everything settle."""
    world.let_five_minutes_pass()
    world.now += timedelta(minutes=31)
    sweep(world.process(), world.now)
    world.drain()


def create_dataset(world: World, project: str, name: str, count: int, mode: Mode = Mode.STREAMING) -> DatasetModel:
    """An empty dataset, in a project with the oracle's class map."""
    backend = world.process()
    classes = [ClassInput(name=name) for name in oracle.CLASSES]
    with suppress(Conflict):  # it is there already
        projects.create_project(backend, name=project, description="", classes=classes, actor="admin")
    dataset = datasets.create_dataset(
        backend, project=project, name=name, description="", shards=count, actor="admin", mode=mode
    )
    return DatasetModel(project, name, dataset.uid, count, mode=mode)


def latest(world: World, model: DatasetModel) -> int:
    """Returns the number of the latest version."""
    return resolve.get_version(world.process(), **model.where(), version="LATEST").number


def read(backend: Backend, model: DatasetModel, version: int) -> State:
    """Returns the frames of a version, read page by page."""
    content: State = {}
    cursor: str | None = None
    while True:
        page = frames.list_frames(backend, **model.where(), version=str(version), limit=PAGE, cursor=cursor)
        for item in page.items:
            frame = json.loads(item.frame)
            frame_id = frame["frame_id"]
            assert frame_id not in content, "a version lists a frame twice"
            content[frame_id] = oracle.plain(frame)
        cursor = page.cursor
        if cursor is None:
            return content
