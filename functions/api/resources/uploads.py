"""Uploads: upload files to signed URLs (R31), and follow the progress of any upload (R29, R30)."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.idempotency import once, request_fingerprint
from functions.api.http.parameters import (
    DEFAULT_LIMIT,
    Cursor,
    DatasetPath,
    IdempotencyKey,
    Limit,
    ProjectPath,
    UploadPath,
)
from functions.api.http.response import WriteResponse
from functions.api.http.router import Router, dataset_path
from tidemark.domain.api_keys import Role
from tidemark.domain.datasets import Mode
from tidemark.domain.error_files import ErrorFile, ErrorFormat
from tidemark.domain.limits import MAX_UPLOAD_FILES
from tidemark.domain.pages import Page
from tidemark.domain.upload_files import FileUploadReceipt, NewFile
from tidemark.domain.upload_rows import UploadRow
from tidemark.domain.uploads import RowOutcome, Source, Upload, UploadFile, UploadFilter, UploadStatus
from tidemark.ingest import file_uploads
from tidemark.recovery.retry import retry
from tidemark.uploads import error_files, follow, rows

router = Router()

UPLOADS = "/projects/<project>/datasets/<dataset>/uploads"
UPLOAD = f"{UPLOADS}/<upload>"

ENOUGH_MILLISECONDS = 8_000
"""Milliseconds that must be left for an error file to include another chunk: enough to read the chunk's errors and to
write the file."""

StatusFilter = Annotated[UploadStatus | None, Query(description="Only uploads with this status.")]
ModeFilter = Annotated[Mode | None, Query(description="Only uploads to datasets of this mode.")]
SourceFilter = Annotated[Source | None, Query(description="Only uploads from this source.")]
ErrorFormatQuery = Annotated[ErrorFormat, Query(alias="format", description="Format of the file.")]


class NewFileUpload(BaseModel):
    """Files of mutations to upload: JSON lines, plain or gzip, with one mutation per line."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"files": [{"name": "day-1.jsonl.gz"}]}]})

    files: Annotated[
        list[NewFile],
        Field(min_length=1, max_length=MAX_UPLOAD_FILES, fail_fast=True, description="Files to upload."),
    ]


class UploadFiles(BaseModel):
    """The files of an upload."""

    model_config = ConfigDict(frozen=True)

    items: list[UploadFile] = Field(description="The files, in the order in which they were announced.")


@router.post(
    UPLOADS, operation_id="createUpload", summary="Announce an upload of files", tags=["uploads"], status_code=201
)
@allow(Role.WRITE)
def create_upload(
    project: ProjectPath,
    dataset: DatasetPath,
    body: Annotated[NewFileUpload, Body()],
    idempotency_key: IdempotencyKey = None,
) -> Response[FileUploadReceipt]:
    """Announces an upload and returns a signed URL for each file. PUT the files, then complete the upload (R31).

    S3 refuses a body whose size or digest differs from the announced one. A large file is a multipart upload, with a
    URL for each part. URLs are valid for up to an hour; repeat the request with the same Idempotency-Key to get new
    URLs for the same upload.
    """
    receipts: list[FileUploadReceipt] = []

    def create() -> WriteResponse:
        receipt = file_uploads.create(
            backend(),
            project=project,
            dataset=dataset,
            files=body.files,
            actor=router.caller.name,
            request=request_fingerprint(router, idempotency_key),
        )
        receipts.append(receipt)
        # The stored response has no receipt, whose URLs may have expired when the request is repeated.
        return WriteResponse(HTTPStatus.CREATED, "", dataset_path(project, dataset, "uploads", receipt.upload))

    response = once(router, idempotency_key, create)
    if not receipts:
        create()
    response.body = receipts[0].model_dump_json(by_alias=True).encode()
    return response


@router.post(
    f"{UPLOAD}/complete",
    operation_id="completeUpload",
    summary="Complete an upload of files",
    tags=["uploads"],
    status_code=202,
)
@allow(Role.WRITE)
def complete_upload(project: ProjectPath, dataset: DatasetPath, upload: UploadPath) -> Response[Upload]:
    """Checks that all files of an upload have arrived, and starts to read them. Safe to repeat."""
    completed = file_uploads.complete(backend(), project=project, dataset=dataset, upload=upload)
    location = dataset_path(project, dataset, "uploads", upload)
    return WriteResponse.of(completed, status=HTTPStatus.ACCEPTED, location=location).to_http()


@router.get(f"{UPLOAD}/files", operation_id="listUploadFiles", summary="List an upload's files", tags=["uploads"])
@allow(Role.READ)
def list_upload_files(project: ProjectPath, dataset: DatasetPath, upload: UploadPath) -> UploadFiles:
    """Lists the files of an upload with their progress. The list is empty if the upload's rows came in a request."""
    return UploadFiles(items=file_uploads.list_files(backend(), project=project, dataset=dataset, upload=upload))


@router.get(UPLOADS, operation_id="listUploads", summary="List uploads", tags=["uploads"])
@allow(Role.READ)
def list_uploads(
    project: ProjectPath,
    dataset: DatasetPath,
    status: StatusFilter = None,
    mode: ModeFilter = None,
    source: SourceFilter = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Upload]:
    """Lists the uploads of a dataset, newest first. An upload appears in the list shortly after it is accepted.

    With a filter, a page may hold fewer than `limit` items, or none. The list ends when `cursor` is null.
    """
    filters = UploadFilter(status, mode, source)
    return follow.list_uploads(backend(), project=project, dataset=dataset, wanted=filters, limit=limit, cursor=cursor)


@router.get(
    "/projects/<project>/uploads",
    operation_id="listProjectUploads",
    summary="List the uploads of a project",
    tags=["uploads"],
)
@allow(Role.READ)
def list_project_uploads(
    project: ProjectPath,
    status: StatusFilter = None,
    mode: ModeFilter = None,
    source: SourceFilter = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Upload]:
    """Lists the uploads of all datasets of a project, newest first (R29).

    With a filter, a page may hold fewer than `limit` items, or none. The list ends when `cursor` is null.
    """
    filters = UploadFilter(status, mode, source)
    return follow.list_project_uploads(backend(), project=project, wanted=filters, limit=limit, cursor=cursor)


@router.get(UPLOAD, operation_id="getUpload", summary="Read an upload", tags=["uploads"])
@allow(Role.READ)
def get_upload(project: ProjectPath, dataset: DatasetPath, upload: UploadPath) -> Upload:
    """Returns the current state of an upload. It has settled when `status` is no longer `PENDING`."""
    return follow.get_upload(backend(), project=project, dataset=dataset, upload=upload)


@router.get(f"{UPLOAD}/errors", operation_id="listUploadErrors", summary="List an upload's errors", tags=["uploads"])
@allow(Role.READ)
def list_upload_errors(
    project: ProjectPath,
    dataset: DatasetPath,
    upload: UploadPath,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[RowOutcome]:
    """Lists the rows of an upload that have not taken effect, each with the reason, in row order."""
    return follow.list_errors(backend(), project=project, dataset=dataset, upload=upload, limit=limit, cursor=cursor)


@router.post(
    f"{UPLOAD}/retry", operation_id="retryUpload", summary="Retry an upload", tags=["uploads"], status_code=202
)
@allow(Role.WRITE)
def retry_upload(project: ProjectPath, dataset: DatasetPath, upload: UploadPath) -> Response[Upload]:
    """Retries the failed windows of an upload (R30). The upload is `PENDING` again until those windows settle.

    Rows that were applied are not applied again. A retried row is superseded if a later upload has changed the row's
    frame in the meantime.
    """
    retried = retry(backend(), project=project, dataset=dataset, upload=upload)
    location = dataset_path(project, dataset, "uploads", upload)
    return WriteResponse.of(retried, status=HTTPStatus.ACCEPTED, location=location).to_http()


@router.get(
    f"{UPLOAD}/errors/file",
    operation_id="downloadUploadErrors",
    summary="Download an upload's errors",
    tags=["uploads"],
)
@allow(Role.READ)
def download_upload_errors(
    project: ProjectPath, dataset: DatasetPath, upload: UploadPath, form: ErrorFormatQuery = ErrorFormat.JSONL
) -> ErrorFile:
    """Returns a signed URL of a file with the errors of an upload so far, valid for up to an hour (R30).

    If `truncated` is true, the upload may have more errors than the file holds.
    """
    return error_files.write_errors(
        backend(),
        project=project,
        dataset=dataset,
        upload=upload,
        form=form,
        has_time=lambda: router.milliseconds_left > ENOUGH_MILLISECONDS,
    )


@router.get(f"{UPLOAD}/rows", operation_id="listUploadRows", summary="List an upload's rows", tags=["uploads"])
@allow(Role.READ)
def list_upload_rows(
    project: ProjectPath,
    dataset: DatasetPath,
    upload: UploadPath,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[UploadRow]:
    """Lists every row of an upload, with its labels and its outcome so far (R30).

    A file's rejected rows are listed only as far as their errors are stored. A page with many labels may hold fewer
    rows than `limit`.
    """
    return rows.list_rows(backend(), project=project, dataset=dataset, upload=upload, limit=limit, cursor=cursor)
