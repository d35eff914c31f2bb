"""Files of mutations in a line each: announced, put and completed, or dropped."""

import json
from typing import Any

from tests.simulation.world import World
from tests.support.sending import DATASET, PROJECT
from tidemark.catalog import dataset_records
from tidemark.domain.upload_files import DroppedObject, FileUploadReceipt, NewFile
from tidemark.domain.uploads import Upload
from tidemark.ingest import drop_folder, file_uploads
from tidemark.uploads import follow
from tidemark.versions import frames


def where(dataset: str = DATASET) -> dict[str, str]:
    """A dataset as arguments of a service."""
    return {"project": PROJECT, "dataset": dataset}


def lines(*rows: Any) -> bytes:
    """Rows as a file holds them."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def announced(world: World, *names: str, request: str | None = None, dataset: str = DATASET) -> FileUploadReceipt:
    """Announce files."""
    wanted = [NewFile(name=name) for name in names]
    return file_uploads.create(world.process(), **where(dataset), files=wanted, actor="ann", request=request)


def put(world: World, receipt: FileUploadReceipt, *contents: bytes, dataset: str = DATASET) -> None:
    """Put the files that were announced, as their sender does by the URLs."""
    backend = world.process()
    uid = dataset_records.get(backend, PROJECT, dataset).uid
    for number, content in enumerate(contents):
        key = f"uploads/{uid}/{receipt.upload}/{number:04d}"
        backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=content)


def complete(world: World, receipt: FileUploadReceipt, dataset: str = DATASET) -> Upload:
    """Have the files read."""
    return file_uploads.complete(world.process(), **where(dataset), upload=receipt.upload)


def started(world: World, *contents: bytes, dataset: str = DATASET) -> str:
    """Send files, and leave the orders to read them waiting; answers the id of their upload."""
    receipt = announced(world, *(f"file-{number}" for number in range(len(contents))), dataset=dataset)
    put(world, receipt, *contents, dataset=dataset)
    complete(world, receipt, dataset)
    return receipt.upload


def sent(world: World, *contents: bytes, dataset: str = DATASET) -> Upload:
    """The upload of some files, settled."""
    upload = started(world, *contents, dataset=dataset)
    world.drain()
    return found(world, upload, dataset)


def found(world: World, upload_id: str, dataset: str = DATASET) -> Upload:
    """An upload as it stands."""
    return follow.get_upload(world.process(), **where(dataset), upload=upload_id)


def errors(world: World, upload_id: str, limit: int = 1000, dataset: str = DATASET) -> list[Any]:
    """The errors of an upload, page by page."""
    told: list[Any] = []
    cursor = None
    while True:
        page = follow.list_errors(world.process(), **where(dataset), upload=upload_id, limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        told += page.items
        cursor = page.cursor
        if cursor is None:
            return told


def content(world: World, dataset: str = DATASET) -> dict[str, Any]:
    """The metadata of the frames that a dataset holds, by their ids."""
    page = frames.list_frames(world.process(), **where(dataset), version="LATEST", limit=1000, cursor=None)
    read = [json.loads(item.frame) for item in page.items]
    return {frame["frame_id"]: frame.get("metadata", {}) for frame in read}


def drop(world: World, key: str, text: bytes) -> Upload | None:
    """Put a file into the drop folder, and tell intake."""
    backend = world.process()
    backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=text)
    return drop_folder.start_upload(backend, DroppedObject(key=key, version=None, bytes=len(text)))
