"""Files that the drop folder rejected because they belong to no dataset, listed for operators."""

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.parameters import DEFAULT_LIMIT, Cursor, Limit
from functions.api.http.router import Router
from tidemark.domain.api_keys import Role
from tidemark.domain.pages import Page
from tidemark.domain.upload_files import RejectedFile
from tidemark.ingest import drop_folder

router = Router()


@router.get("/rejected-files", operation_id="listRejectedFiles", summary="List rejected files", tags=["uploads"])
@allow(Role.ADMIN)
def list_rejected_files(limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[RejectedFile]:
    """Lists rejected files of the drop folder, newest first, each with the reason and its current location.

    An API key that is limited to some projects sees only the files in the folders of those projects. A page may then
    hold fewer files than `limit`.
    """
    only = router.caller.projects_with(Role.ADMIN)
    return drop_folder.list_rejected(backend(), only=only, limit=limit, cursor=cursor)
