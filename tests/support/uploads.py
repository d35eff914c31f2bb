"""Uploads of rows and of files in one line each, and what became of them."""

import json
from typing import Any

from tests.simulation.world import World
from tests.support.pages import items
from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records
from tidemark.domain.upload_files import DroppedObject, FileUploadReceipt, NewFile
from tidemark.domain.uploads import Receipt, Upload
from tidemark.ingest import drop_folder, file_uploads, requests
from tidemark.uploads import follow
from tidemark.versions import frames

PROJECT, DATASET = "birds", "train"


def where(dataset: str = DATASET) -> dict[str, str]:
    """Returns the keyword arguments that name a dataset of the test project."""
    return {"project": PROJECT, "dataset": dataset}


# Rows


def add(frame_id: str, *labels: str, **metadata: Any) -> dict[str, Any]:
    """Returns an ADD of a frame with one heron per label id."""
    return {
        "op": "ADD",
        "frame": {
            "frame_id": frame_id,
            "metadata": metadata,
            "labels": [{"id": label, "type": "CLASSIFICATION_2D", "class": "heron"} for label in labels],
        },
    }


def modify(frame_id: str, **fields: Any) -> dict[str, Any]:
    """Returns a MODIFY of a frame."""
    return {"op": "MODIFY", "frame": {"frame_id": frame_id, **fields}}


def delete(frame_id: str) -> dict[str, Any]:
    """Returns a DELETE of a frame."""
    return {"op": "DELETE", "frame_id": frame_id}


def body_of(*rows: Any) -> bytes:
    """Returns the body of a request with these rows."""
    return json.dumps({"mutations": rows}).encode()


def submit(
    world: World,
    body: bytes,
    *,
    key: str | None = None,
    dataset: str = DATASET,
    actor: str = "ann",
    backend: Backend | None = None,
) -> Receipt:
    """Submits a request body, in the process that `backend` belongs to or in a new one."""
    return requests.submit(backend or world.process(), **where(dataset), body=body, actor=actor, idempotency_key=key)


def send(
    world: World,
    *rows: Any,
    key: str | None = None,
    dataset: str = DATASET,
    actor: str = "ann",
    backend: Backend | None = None,
) -> Receipt:
    """Submits rows without applying them."""
    return submit(world, body_of(*rows), key=key, dataset=dataset, actor=actor, backend=backend)


def upload(world: World, *rows: Any, key: str | None = None, dataset: str = DATASET, actor: str = "ann") -> Receipt:
    """Submits rows and runs the world until they have settled."""
    receipt = send(world, *rows, key=key, dataset=dataset, actor=actor)
    world.drain()
    return receipt


# Files


def lines(*rows: Any) -> bytes:
    """Returns rows as a JSON Lines file."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def announce(world: World, *names: str, request: str | None = None, dataset: str = DATASET) -> FileUploadReceipt:
    """Announces files."""
    files = [NewFile(name=name) for name in names]
    return file_uploads.create(world.process(), **where(dataset), files=files, actor="ann", request=request)


def store_files(world: World, receipt: FileUploadReceipt, *contents: bytes, dataset: str = DATASET) -> None:
    """Stores announced files in S3, as their sender does with the signed URLs."""
    backend = world.process()
    uid = dataset_records.get(backend, PROJECT, dataset).uid
    for number, content in enumerate(contents):
        key = f"uploads/{uid}/{receipt.upload}/{number:04d}"
        backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=content)


def complete(world: World, receipt: FileUploadReceipt, dataset: str = DATASET) -> Upload:
    """Completes a file upload, so that its files are read."""
    return file_uploads.complete(world.process(), **where(dataset), upload=receipt.upload)


def start_files(world: World, *contents: bytes, dataset: str = DATASET) -> str:
    """Uploads files and returns the upload's id. The tasks that read the files stay queued."""
    receipt = announce(world, *(f"file-{number}" for number in range(len(contents))), dataset=dataset)
    store_files(world, receipt, *contents, dataset=dataset)
    complete(world, receipt, dataset)
    return receipt.upload


def upload_files(world: World, *contents: bytes, dataset: str = DATASET) -> Upload:
    """Uploads files and runs the world until they have settled."""
    upload_id = start_files(world, *contents, dataset=dataset)
    world.drain()
    return get_upload(world, upload_id, dataset=dataset)


def drop_file(world: World, key: str, content: bytes) -> Upload | None:
    """Stores a file in the drop folder and notifies intake."""
    backend = world.process()
    backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=content)
    return drop_folder.start_upload(backend, DroppedObject(key=key, version=None, bytes=len(content)))


def finish_tasks(world: World, steps: int) -> int:
    """Runs the queued intake tasks to their end, `steps` chunks at a time. Returns the number of invocations."""
    invocations = 0
    while world.tasks:
        assert world.start_task(world.tasks[0], steps=steps).run().error is None
        invocations += 1
    return invocations


# What became of them


def get_upload(world: World, upload_id: str, *, dataset: str = DATASET) -> Upload:
    """Returns an upload in its present state."""
    return follow.get_upload(world.process(), **where(dataset), upload=upload_id)


def errors(world: World, upload_id: str, limit: int = 1000, dataset: str = DATASET) -> list[Any]:
    """Returns all errors of an upload, read in pages of `limit`."""
    return items(
        lambda cursor: follow.list_errors(
            world.process(), **where(dataset), upload=upload_id, limit=limit, cursor=cursor
        ),
        limit,
    )


def content(world: World, dataset: str = DATASET) -> dict[str, Any]:
    """Returns the metadata of a dataset's frames, by frame id."""
    page = frames.list_frames(world.process(), **where(dataset), version="LATEST", limit=1000, cursor=None)
    documents = [json.loads(item.frame) for item in page.items]
    return {frame["frame_id"]: frame.get("metadata", {}) for frame in documents}
