"""Uploads: sending files by signed URLs (R31), and following what became of a submission (R29, R30)."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http import request_body
from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.idempotency import Answer, once, request_name
from functions.api.http.parameters import (
    DEFAULT_LIMIT,
    Cursor,
    DatasetPath,
    IdempotencyKey,
    Limit,
    ProjectPath,
    UploadPath,
)
from functions.api.http.router import Routes, path_of
from tidemark.domain.api_keys import Role
from tidemark.domain.datasets import Mode
from tidemark.domain.error_files import ErrorFile, ErrorFormat
from tidemark.domain.limits import MAX_UPLOAD_FILES
from tidemark.domain.pages import Page
from tidemark.domain.upload_files import FileUploadReceipt, NewFile
from tidemark.domain.upload_rows import UploadRow
from tidemark.domain.uploads import RowOutcome, Source, Upload, UploadFile, UploadFilter, UploadStatus
from tidemark.ingest import file_uploads
from tidemark.recovery import retry
from tidemark.uploads import error_files, follow, rows

router = Routes()

ENOUGH_MILLISECONDS = 8_000
"""Time in which the errors of a part are read and the file of all is put, however slow the stores answer."""

StatusWanted = Annotated[UploadStatus | None, Query(description="Only uploads that stand there.")]
ModeWanted = Annotated[Mode | None, Query(description="Only uploads to datasets of that mode.")]
FormatWanted = Annotated[ErrorFormat, Query(alias="format", description="How the file is written.")]
SourceWanted = Annotated[Source | None, Query(description="Only uploads that came through that door.")]


class NewFileUpload(BaseModel):
    """Files of mutations that are going to be put: JSON lines, plain or gzip, one mutation a line."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"files": [{"name": "day-1.jsonl.gz"}]}]})

    files: Annotated[list[NewFile], Field(min_length=1, max_length=MAX_UPLOAD_FILES, fail_fast=True)]


class UploadFiles(BaseModel):
    """The files of an upload, in the order in which they were announced."""

    model_config = ConfigDict(frozen=True)

    items: list[UploadFile]


@router.post(
    "/projects/<project>/datasets/<dataset>/uploads",
    operation_id="createUpload",
    summary="Announce an upload of files",
    tags=["uploads"],
    status_code=201,
)
@allow(Role.WRITE)
def create_upload(
    project: ProjectPath,
    dataset: DatasetPath,
    body: Annotated[NewFileUpload, Body()],
    idempotency_key: IdempotencyKey = None,
) -> Response[FileUploadReceipt]:
    """Get a signed URL for each file (R31). PUT every file to its URL, then complete the upload.

    S3 refuses a body of another size or digest than was announced. A large file has a URL for each of its parts. A URL
    is good for up to an hour; a repeat with the same key gets new ones, of the same upload.
    """
    receipts: list[FileUploadReceipt] = []

    def create() -> Answer:
        receipt = file_uploads.create(
            backend(),
            project=project,
            dataset=dataset,
            files=body.files,
            actor=router.caller.name,
            request=request_name(router, idempotency_key),
        )
        receipts.append(receipt)
        # That it was done is kept, and not the URLs, which would be of no use to a later repeat.
        return Answer(201, "", _location(project, dataset, receipt.upload))

    kept = once(router, idempotency_key, create)
    if not receipts:
        create()
    return Response(kept.status_code, content_type=request_body.JSON_TYPE, body=receipts[0], headers=kept.headers)


@router.post(
    "/projects/<project>/datasets/<dataset>/uploads/<upload>/complete",
    operation_id="completeUpload",
    summary="Complete an upload of files",
    tags=["uploads"],
    status_code=202,
)
@allow(Role.WRITE)
def complete_upload(project: ProjectPath, dataset: DatasetPath, upload: UploadPath) -> Response[Upload]:
    """Start the reading of an upload whose files are all put. It may be repeated, and then changes nothing."""
    found = file_uploads.complete(backend(), project=project, dataset=dataset, upload=upload)
    location = {"Location": _location(project, dataset, upload)}
    return Response(HTTPStatus.ACCEPTED, content_type=request_body.JSON_TYPE, body=found, headers=location)


@router.get(
    "/projects/<project>/datasets/<dataset>/uploads/<upload>/files",
    operation_id="listUploadFiles",
    summary="List an upload's files",
    tags=["uploads"],
)
@allow(Role.READ)
def list_upload_files(project: ProjectPath, dataset: DatasetPath, upload: UploadPath) -> UploadFiles:
    """The files of an upload with their progress; none if it came in a request."""
    return UploadFiles(items=file_uploads.list_files(backend(), project=project, dataset=dataset, upload=upload))


@router.get(
    "/projects/<project>/datasets/<dataset>/uploads",
    operation_id="listUploads",
    summary="List uploads",
    tags=["uploads"],
)
@allow(Role.READ)
def list_uploads(
    project: ProjectPath,
    dataset: DatasetPath,
    status: StatusWanted = None,
    mode: ModeWanted = None,
    source: SourceWanted = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Upload]:
    """The uploads of a dataset, newest first; one that was accepted a moment ago may not be listed yet.

    With a filter, a page may hold fewer than `limit`, also none; the list ends only where `cursor` is null.
    """
    wanted = UploadFilter(status, mode, source)
    return follow.list_uploads(backend(), project=project, dataset=dataset, wanted=wanted, limit=limit, cursor=cursor)


@router.get(
    "/projects/<project>/uploads",
    operation_id="listProjectUploads",
    summary="List the uploads of a project",
    tags=["uploads"],
)
@allow(Role.READ)
def list_project_uploads(
    project: ProjectPath,
    status: StatusWanted = None,
    mode: ModeWanted = None,
    source: SourceWanted = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Upload]:
    """The uploads of all datasets of a project, newest first, as those of one dataset are listed (R29)."""
    wanted = UploadFilter(status, mode, source)
    return follow.list_project_uploads(backend(), project=project, wanted=wanted, limit=limit, cursor=cursor)


@router.get(
    "/projects/<project>/datasets/<dataset>/uploads/<upload>",
    operation_id="getUpload",
    summary="Read an upload",
    tags=["uploads"],
)
@allow(Role.READ)
def get_upload(project: ProjectPath, dataset: DatasetPath, upload: UploadPath) -> Upload:
    """An upload as it stands; it has settled when `status` is no longer `PENDING`."""
    return follow.get_upload(backend(), project=project, dataset=dataset, upload=upload)


@router.get(
    "/projects/<project>/datasets/<dataset>/uploads/<upload>/errors",
    operation_id="listUploadErrors",
    summary="List an upload's errors",
    tags=["uploads"],
)
@allow(Role.READ)
def list_upload_errors(
    project: ProjectPath,
    dataset: DatasetPath,
    upload: UploadPath,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[RowOutcome]:
    """The rows of an upload that did not take effect so far, each with its reason, in the order of its rows."""
    return follow.list_errors(backend(), project=project, dataset=dataset, upload=upload, limit=limit, cursor=cursor)


@router.post(
    "/projects/<project>/datasets/<dataset>/uploads/<upload>/retry",
    operation_id="retryUpload",
    summary="Retry an upload",
    tags=["uploads"],
    status_code=202,
)
@allow(Role.WRITE)
def retry_upload(project: ProjectPath, dataset: DatasetPath, upload: UploadPath) -> Response[Upload]:
    """Send the windows of an upload that were given up once more (R30); it is pending again until they are decided.

    Rows that were applied stay as they are. A row gives way where its frame was changed meanwhile by a later one.
    """
    found = retry.retry(backend(), project=project, dataset=dataset, upload=upload)
    location = {"Location": _location(project, dataset, upload)}
    return Response(HTTPStatus.ACCEPTED, content_type=request_body.JSON_TYPE, body=found, headers=location)


@router.get(
    "/projects/<project>/datasets/<dataset>/uploads/<upload>/errors/file",
    operation_id="downloadUploadErrors",
    summary="Download an upload's errors",
    tags=["uploads"],
)
@allow(Role.READ)
def download_upload_errors(
    project: ProjectPath, dataset: DatasetPath, upload: UploadPath, form: FormatWanted = ErrorFormat.JSONL
) -> ErrorFile:
    """A signed URL of a file that holds the errors of an upload so far, good for up to an hour (R30).

    `truncated` says that the upload may have more errors than the file holds.
    """
    return error_files.write_errors(
        backend(), project=project, dataset=dataset, upload=upload, form=form, has_time=_has_time
    )


@router.get(
    "/projects/<project>/datasets/<dataset>/uploads/<upload>/rows",
    operation_id="listUploadRows",
    summary="List an upload's rows",
    tags=["uploads"],
)
@allow(Role.READ)
def list_upload_rows(
    project: ProjectPath,
    dataset: DatasetPath,
    upload: UploadPath,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[UploadRow]:
    """Every row of an upload, with the labels that it carries and what became of it so far (R30).

    Of one file, rejected rows are listed as far as their errors are. A page ends early where labels are many.
    """
    return rows.list_rows(backend(), project=project, dataset=dataset, upload=upload, limit=limit, cursor=cursor)


def _has_time() -> bool:
    return router.milliseconds_left > ENOUGH_MILLISECONDS


def _location(project: str, dataset: str, upload: str) -> str:
    return path_of("projects", project, "datasets", dataset, "uploads", upload)
