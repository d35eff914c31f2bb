"""Uploads: following what became of a submission (R29, R30)."""

from functions.api.access import allow
from functions.api.deployment import backend
from functions.api.parameters import DEFAULT_LIMIT, Cursor, DatasetPath, Limit, ProjectPath, UploadPath
from functions.api.routes import Routes
from tidemark.domain.api_keys import Role
from tidemark.domain.pages import Page
from tidemark.domain.uploads import RowOutcome, Upload
from tidemark.services import uploads

router = Routes()


@router.get(
    "/projects/<project>/datasets/<dataset>/uploads",
    operation_id="listUploads",
    summary="List uploads",
    tags=["uploads"],
)
@allow(Role.READ)
def list_uploads(
    project: ProjectPath, dataset: DatasetPath, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[Upload]:
    """The uploads of a dataset, newest first; one that was accepted a moment ago may not be listed yet."""
    return uploads.list_uploads(backend(), project=project, dataset=dataset, limit=limit, cursor=cursor)


@router.get(
    "/projects/<project>/datasets/<dataset>/uploads/<upload>",
    operation_id="getUpload",
    summary="Read an upload",
    tags=["uploads"],
)
@allow(Role.READ)
def get_upload(project: ProjectPath, dataset: DatasetPath, upload: UploadPath) -> Upload:
    """An upload as it stands; it has settled when `status` is no longer `PENDING`."""
    return uploads.get_upload(backend(), project=project, dataset=dataset, upload=upload)


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
    return uploads.list_errors(backend(), project=project, dataset=dataset, upload=upload, limit=limit, cursor=cursor)
