"""The drop folder: a file that is put under `drop/{project}/{dataset}/` starts an upload by itself (R31)."""

import hashlib

from tidemark.aws import bucket, queues
from tidemark.aws.backend import Backend
from tidemark.aws.bucket import Object
from tidemark.catalog import dataset_records
from tidemark.domain.errors import Conflict, NotFound
from tidemark.domain.intake_tasks import ReadFile
from tidemark.domain.pages import Page, decode_cursor, encode_cursor
from tidemark.domain.upload_files import DroppedObject, RejectedFile
from tidemark.domain.uploads import Source, Upload, UploadFile, UploadStatus, upload_id_of
from tidemark.ingest import admission, rejected_files
from tidemark.uploads import chunked_uploads
from tidemark.uploads import records as upload_records
from tidemark.uploads.chunked_uploads import ChunkedUpload
from tidemark.uploads.file_records import FileRecord

DROP_PREFIX, REJECTED_PREFIX = "drop/", "rejected/"
ACTOR = "drop folder"
MAX_KEY_BYTES = 1024
"""S3's limit."""


def start_upload(backend: Backend, dropped: DroppedObject) -> Upload | None:
    """Start the upload of a dropped file; the same object in the same state starts it once.

    Answers None, and moves the file to `rejected/`, where it belongs to no dataset, to one that is archived, or to a
    BATCH dataset that has its upload. A folder's own mark is passed over.
    """
    if dropped.key.endswith("/"):
        return None
    source = Object(key=dropped.key, version=dropped.version)
    _, project, dataset, name = [*dropped.key.split("/", 3), "", "", ""][:4]
    if not (project and dataset and name):
        _reject(backend, source, "A file is put under drop/{project}/{dataset}/, with a name of its own.")
        return None
    upload_id = upload_id_of("drop", dropped.key, dropped.version)
    try:
        found = dataset_records.get(backend, project, dataset)
        if found.archived_at is None or upload_records.find(backend, found.uid, upload_id) is None:
            admission.admit(backend, found, upload_id)  # what was taken before it was archived goes on
    except (NotFound, Conflict) as refusal:
        _reject(backend, source, refusal.message)
        return None
    now = backend.clock()
    upload = Upload(
        id=upload_id,
        project=project,
        dataset=dataset,
        mode=found.mode,
        status=UploadStatus.PENDING,
        actor=ACTOR,
        source=Source.DROP,
        accepted_at=now,
        pending_since=now,
        files=1,
    )
    file = FileRecord(uid=found.uid, upload=upload.id, number=0, source=source, file=UploadFile(name=dropped.key))
    chunked_uploads.create(backend, ChunkedUpload(uid=found.uid, upload=upload), [file])
    queues.send_tasks(backend, [ReadFile(uid=found.uid, upload=upload.id, file=0)])
    return upload


def finish(backend: Backend, file: FileRecord) -> None:
    """Mark a dropped file as done: tagged where its rows were taken, moved to `rejected/` where none could be."""
    there = bucket.find(backend, file.source.key)
    if there != file.source:  # it was put away before, or another one was put in its place
        return
    if file.file.error is not None and file.file.rows == file.file.rejected:
        _move(backend, there, file.file.error)
    else:
        bucket.tag(backend, file.source, {"tidemark": "read", "upload": file.upload})


def list_rejected(
    backend: Backend, *, only: frozenset[str] | None, limit: int, cursor: str | None
) -> Page[RejectedFile]:
    """Files that belonged to no dataset, newest first: all, or those in the folders of the projects in `only`."""
    scope = "rejected"
    before = str(decode_cursor(scope, cursor, str)[0]) if cursor else None
    found, last = rejected_files.newest(backend, before, limit)
    shown = [file for file in found if only is None or file.key.split("/")[1] in only]
    return Page(items=shown, cursor=encode_cursor(scope, last) if last else None)


def _reject(backend: Backend, source: Object, reason: str) -> None:
    """Put a file on record, then away; one that is gone from its place has been."""
    there = bucket.find(backend, source.key)
    if there == source:
        at = backend.clock()
        rejected_files.record(
            backend, RejectedFile(key=source.key, moved_to=_rejected_key(source), reason=reason, at=at)
        )
        _move(backend, there, reason)


def _rejected_key(source: Object) -> str:
    """Where a file is put away to: under its name, or a part of it where that would be too long for S3."""
    key = REJECTED_PREFIX + source.key.removeprefix(DROP_PREFIX)
    if len(key.encode()) <= MAX_KEY_BYTES:
        return key
    mark = hashlib.sha256(key.encode()).hexdigest()[:16]
    return f"{key.encode()[: MAX_KEY_BYTES - len(mark) - 1].decode(errors='ignore')}-{mark}"


def _move(backend: Backend, source: Object, reason: str) -> None:
    printable = reason.encode("ascii", "replace").decode()
    bucket.move(backend, source, _rejected_key(source), {"reason": printable})
