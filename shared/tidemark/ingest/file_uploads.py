"""File uploads: a client announces files, uploads them to signed URLs and completes the upload, to have them read."""

import uuid
from collections.abc import Sequence
from dataclasses import replace

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
    """Creates an upload for announced files. Returns signed URLs for uploading the files.

    `request` identifies a request with an idempotency key: its repeat returns new URLs for the same upload. Raises
    NotFound, InvalidRequest if two files have the same name, and Conflict (`dataset_sealed`, `dataset_archived`,
    `dataset_cloning`).
    """
    target = dataset_records.get(backend, project, dataset)
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        raise InvalidRequest("Two of the files have the same name.", code="duplicate_file_name", pointer="/files")
    upload_id = _upload_id(target.uid, request)
    admission.admit(backend, target, upload_id)
    upload = Upload(
        id=upload_id,
        project=project,
        dataset=dataset,
        mode=target.mode,
        status=UploadStatus.WAITING,
        actor=actor,
        source=Source.FILES,
        accepted_at=backend.clock(),
        files=len(files),
    )
    records = [
        FileRecord(
            uid=target.uid,
            upload=upload_id,
            number=number,
            source=Object(key=f"uploads/{target.uid}/{upload_id}/{number:04d}"),
            file=UploadFile(name=file.name),
        )
        for number, file in enumerate(files)
    ]
    records = _with_multipart(backend, records, files)
    if not chunked_uploads.create(backend, ChunkedUpload(uid=target.uid, upload=upload), records):
        # Only the multipart uploads that the first request recorded will be completed.
        records = file_records.of_upload(backend, target.uid, upload_id)
    return FileUploadReceipt(
        upload=upload_id,
        files=[_signed(backend, record, file) for record, file in zip(records, files, strict=True)],
    )


def complete(backend: Backend, *, project: str, dataset: str, upload: str) -> Upload:
    """Starts reading an upload's files, which must all have arrived. Returns the upload. A repeat changes nothing.

    Raises NotFound, Conflict (`files_missing`, `no_files`, `upload_expired`, `dataset_sealed`, `dataset_archived`,
    `dataset_cloning`) and TooLarge.
    """
    target = dataset_records.get(backend, project, dataset)
    record = chunked_uploads.find(backend, target.uid, upload)
    if record is None:
        upload_records.get(backend, target.uid, upload)
        raise Conflict("The upload came in a request, so it has no files to complete.", code="no_files")
    files = file_records.of_upload(backend, target.uid, upload)
    if record.upload.status is UploadStatus.WAITING:
        admission.admit(backend, target, upload)
        chunked_uploads.start(backend, record, received_files.collect(backend, files))
    after = upload_records.get(backend, target.uid, upload)
    if after.pending_since is None:
        raise Conflict(
            f"The upload was not completed in time: {after.reason} Announce the files again.", code="upload_expired"
        )
    if after.status is UploadStatus.PENDING:
        unread = [file.number for file in files if not file.is_read]
        queues.send_tasks(backend, [ReadFile(uid=target.uid, upload=upload, file=number) for number in unread])
    return after


def list_files(backend: Backend, *, project: str, dataset: str, upload: str) -> list[UploadFile]:
    """Returns an upload's files with their progress, in the order in which they were announced. Raises NotFound."""
    uid = dataset_records.get(backend, project, dataset).uid
    upload_records.get(backend, uid, upload)
    return [file.file for file in file_records.of_upload(backend, uid, upload)]


def _with_multipart(backend: Backend, records: Sequence[FileRecord], files: Sequence[NewFile]) -> list[FileRecord]:
    """Starts an S3 multipart upload for each file that is sent in parts. Returns the records of all files.

    A repeated request starts multipart uploads that are never recorded. They stay empty until a lifecycle rule of the
    bucket aborts them.
    """
    largest = part_bytes(files)

    def with_multipart(record: FileRecord, file: NewFile) -> FileRecord:
        if file.bytes is None or not file.in_parts:
            return record
        started = multipart.create(backend, record.source.key, size=file.bytes, part_bytes=largest)
        return replace(record, multipart=started)

    return backend.parallel(lambda pair: with_multipart(*pair), zip(records, files, strict=True))


def _signed(backend: Backend, record: FileRecord, file: NewFile) -> SignedFile:
    expires_at = bucket.url_expiry(backend)
    if record.multipart is not None:
        parts = _signed_parts(backend, record.source.key, record.multipart)
        return SignedFile(name=file.name, url=None, headers={}, parts=parts, expires_at=expires_at)
    url, headers = bucket.sign_put(backend, record.source.key, size=file.bytes, sha256=file.sha256)
    return SignedFile(name=file.name, url=url, headers=headers, parts=[], expires_at=expires_at)


def _signed_parts(backend: Backend, key: str, upload: Multipart) -> list[SignedPart]:
    parts = []
    for number, size in upload.sizes.items():
        url, headers = multipart.sign_part(backend, key, upload, number, size)
        parts.append(SignedPart(number=number, bytes=size, url=url, headers=headers))
    return parts


def _upload_id(uid: str, request: str | None) -> str:
    if request is None:
        return uuid.uuid4().hex
    return upload_id_of("files", uid, request)
