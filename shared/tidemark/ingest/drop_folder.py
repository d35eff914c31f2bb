"""The drop folder: a file uploaded under `drop/{project}/{dataset}/` starts an upload by itself (R31)."""

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
"""Longest S3 key, in bytes: S3's limit."""


def start_upload(backend: Backend, dropped: DroppedObject) -> Upload | None:
    """Starts an upload for a dropped file and returns the upload. Each version of the S3 object has one upload.

    If the S3 key names no dataset, or the dataset does not accept the upload, moves the file to `rejected/` and returns
    None. Ignores S3 keys that end in "/".
    """
    if dropped.key.endswith("/"):
        return None
    source = Object(key=dropped.key, version=dropped.version)
    _, project, dataset, name = [*dropped.key.split("/", 3), "", "", ""][:4]
    if not (project and dataset and name):
        _reject(backend, source, "Upload the file as drop/{project}/{dataset}/{name}.")
        return None
    upload_id = upload_id_of("drop", dropped.key, dropped.version)
    try:
        target = dataset_records.get(backend, project, dataset)
        # An upload that started before its dataset was archived continues.
        if target.archived_at is None or upload_records.find(backend, target.uid, upload_id) is None:
            admission.admit(backend, target, upload_id)
    except (NotFound, Conflict) as refusal:
        _reject(backend, source, refusal.message)
        return None
    now = backend.clock()
    upload = Upload(
        id=upload_id,
        project=project,
        dataset=dataset,
        mode=target.mode,
        status=UploadStatus.PENDING,
        actor=ACTOR,
        source=Source.DROP,
        accepted_at=now,
        pending_since=now,
        files=1,
    )
    file = FileRecord(uid=target.uid, upload=upload.id, number=0, source=source, file=UploadFile(name=dropped.key))
    chunked_uploads.create(backend, ChunkedUpload(uid=target.uid, upload=upload), [file])
    queues.send_tasks(backend, [ReadFile(uid=target.uid, upload=upload.id, file=0)])
    return upload


def finish(backend: Backend, file: FileRecord) -> None:
    """Tags a dropped file as read. If it could not be read to its end and no row was accepted, moves it to `rejected/`.

    Does nothing if the file has been moved or replaced.
    """
    current = bucket.find(backend, file.source.key)
    if current != file.source:  # the file was moved before, or replaced by another file
        return
    if file.file.error is not None and file.file.rows == file.file.rejected:
        _move(backend, current, file.file.error)
    else:
        bucket.tag(backend, file.source, {"tidemark": "read", "upload": file.upload})


def list_rejected(
    backend: Backend, *, only: frozenset[str] | None, limit: int, cursor: str | None
) -> Page[RejectedFile]:
    """Returns a page of rejected files, newest first. `only` limits the list to these projects; None means all.

    With `only`, a page may hold fewer than `limit` files, or none, although more pages follow.
    """
    scope = "rejected"
    before = str(decode_cursor(scope, cursor, str)[0]) if cursor else None
    files, following = rejected_files.newest(backend, before, limit)
    visible = [file for file in files if only is None or file.key.split("/")[1] in only]
    return Page(items=visible, cursor=encode_cursor(scope, following) if following else None)


def _reject(backend: Backend, source: Object, reason: str) -> None:
    """Records a rejected file and moves it to `rejected/`. Does nothing if the file has been moved or replaced."""
    current = bucket.find(backend, source.key)
    if current == source:
        rejected = RejectedFile(key=source.key, moved_to=_rejected_key(source), reason=reason, at=backend.clock())
        rejected_files.record(backend, rejected)
        _move(backend, current, reason)


def _move(backend: Backend, source: Object, reason: str) -> None:
    printable = reason.encode("ascii", "replace").decode()
    bucket.move(backend, source, _rejected_key(source), {"reason": printable})


def _rejected_key(source: Object) -> str:
    """Returns the S3 key to move a rejected file to. A key over S3's limit is cut, and a hash keeps it unique."""
    key = REJECTED_PREFIX + source.key.removeprefix(DROP_PREFIX)
    if len(key.encode()) <= MAX_KEY_BYTES:
        return key
    suffix = hashlib.sha256(key.encode()).hexdigest()[:16]
    return f"{key.encode()[: MAX_KEY_BYTES - len(suffix) - 1].decode(errors='ignore')}-{suffix}"
