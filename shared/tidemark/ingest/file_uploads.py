"""Uploads of files by signed URLs: announced, put to S3 by their sender, then completed, which starts their reading."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from tidemark.aws import bucket, multipart, queues
from tidemark.aws.backend import Backend
from tidemark.aws.bucket import Object
from tidemark.aws.multipart import Multipart
from tidemark.catalog import dataset_records
from tidemark.domain.errors import Conflict, InvalidRequest
from tidemark.domain.intake_tasks import ReadFile
from tidemark.domain.upload_files import FileUploadReceipt, NewFile, SignedFile, SignedPart, part_bytes
from tidemark.domain.uploads import Source, Upload, UploadFile, UploadStatus, upload_id_of
from tidemark.ingest import admission, received_files
from tidemark.uploads import chunked_uploads, file_records
from tidemark.uploads import records as upload_records
from tidemark.uploads.chunked_uploads import ChunkedUpload
from tidemark.uploads.file_records import FileRecord


def create(
    backend: Backend, *, project: str, dataset: str, files: Sequence[NewFile], actor: str, request: str | None
) -> FileUploadReceipt:
    """Announce files, and get URLs to put them to. A repeat of the same `request` gets new URLs of the same upload.

    Raises NotFound, InvalidRequest where two files have one name, and Conflict (`dataset_sealed`,
    `dataset_archived`).
    """
    found = dataset_records.get(backend, project, dataset)
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        raise InvalidRequest("Two of the files have the same name.", code="duplicate_file_name", pointer="/files")
    upload_id = _upload_id(found.uid, request)
    admission.admit(backend, found, upload_id)
    upload = Upload(
        id=upload_id,
        project=project,
        dataset=dataset,
        mode=found.mode,
        status=UploadStatus.WAITING,
        actor=actor,
        source=Source.FILES,
        accepted_at=backend.clock(),
        files=len(files),
    )
    stored = [
        FileRecord(
            uid=found.uid,
            upload=upload_id,
            number=number,
            source=Object(key=f"uploads/{found.uid}/{upload_id}/{number:04d}"),
            file=UploadFile(name=file.name),
        )
        for number, file in enumerate(files)
    ]
    stored = _begun(backend, stored, files)
    if not chunked_uploads.create(backend, ChunkedUpload(uid=found.uid, upload=upload), stored):
        # The first request has its own parts on record, and those are the ones that will be put together.
        stored = file_records.of_upload(backend, found.uid, upload_id)
    return FileUploadReceipt(
        upload=upload_id,
        files=[_signed(backend, kept, file) for kept, file in zip(stored, files, strict=True)],
    )


def complete(backend: Backend, *, project: str, dataset: str, upload: str) -> Upload:
    """Start the reading of an upload whose files are all put; a repeat changes nothing.

    Raises NotFound, Conflict (`files_missing`, `no_files`, `upload_expired`, `dataset_sealed`, `dataset_archived`) and
    TooLarge.
    """
    found = dataset_records.get(backend, project, dataset)
    record = chunked_uploads.find(backend, found.uid, upload)
    if record is None:
        upload_records.get(backend, found.uid, upload)
        raise Conflict("The upload came in a request and has no files to wait for.", code="no_files")
    stored = file_records.of_upload(backend, found.uid, upload)
    if record.upload.status is UploadStatus.WAITING:
        admission.admit(backend, found, upload)
        chunked_uploads.start(backend, record, received_files.collect(backend, stored))
    after = upload_records.get(backend, found.uid, upload)
    if after.pending_since is None:
        raise Conflict(
            f"The upload was not completed in time: {after.reason} Announce a new one.", code="upload_expired"
        )
    if after.status is UploadStatus.PENDING:
        unread = [file.number for file in stored if not file.is_read]
        queues.send_tasks(backend, [ReadFile(uid=found.uid, upload=upload, file=number) for number in unread])
    return after


def list_files(backend: Backend, *, project: str, dataset: str, upload: str) -> list[UploadFile]:
    """The files of an upload with their progress, in the order in which they were announced. Raises NotFound."""
    uid = dataset_records.get(backend, project, dataset).uid
    upload_records.get(backend, uid, upload)
    return [file.file for file in file_records.of_upload(backend, uid, upload)]


def _begun(backend: Backend, stored: Sequence[FileRecord], files: Sequence[NewFile]) -> list[FileRecord]:
    """The files with those begun that are to be put in parts.

    What is begun and then not recorded, as in a repeat, has no parts and ends by a rule of the bucket.
    """
    largest = part_bytes(files)

    def begun(kept: FileRecord, file: NewFile) -> FileRecord:
        if file.bytes is None or not file.in_parts:
            return kept
        started = multipart.create(backend, kept.source.key, size=file.bytes, part_bytes=largest)
        return replace(kept, multipart=started)

    return backend.parallel(lambda pair: begun(*pair), zip(stored, files, strict=True))


def _signed(backend: Backend, stored: FileRecord, file: NewFile) -> SignedFile:
    expires_at = backend.clock() + timedelta(seconds=bucket.SIGNED_URL_SECONDS)
    if stored.multipart is not None:
        parts = _signed_parts(backend, stored.source.key, stored.multipart)
        return SignedFile(name=file.name, url=None, headers={}, parts=parts, expires_at=expires_at)
    url, headers = bucket.sign_put(backend, stored.source.key, size=file.bytes, sha256=file.sha256)
    return SignedFile(name=file.name, url=url, headers=headers, parts=[], expires_at=expires_at)


def _signed_parts(backend: Backend, key: str, whole: Multipart) -> list[SignedPart]:
    parts = []
    for number, size in whole.sizes.items():
        url, headers = multipart.sign_part(backend, key, whole, number, size)
        parts.append(SignedPart(number=number, bytes=size, url=url, headers=headers))
    return parts


def _upload_id(uid: str, request: str | None) -> str:
    if request is None:
        return uuid.uuid4().hex
    return upload_id_of("files", uid, request)
