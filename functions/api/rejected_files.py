"""Files in the drop folder that belonged to no dataset, for whoever runs the service."""

from functions.api.access import allow
from functions.api.deployment import backend
from functions.api.parameters import DEFAULT_LIMIT, Cursor, Limit
from functions.api.routes import Routes
from tidemark.domain.api_keys import Role
from tidemark.domain.errors import Forbidden
from tidemark.domain.files import RejectedFile
from tidemark.domain.pages import Page
from tidemark.services import drop_folder

router = Routes()


@router.get("/rejected-files", operation_id="listRejectedFiles", summary="List rejected files", tags=["uploads"])
@allow(Role.ADMIN)
def list_rejected_files(limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[RejectedFile]:
    """Files that were dropped for no known dataset, newest first, each with its reason and where it lies now.

    Needs an admin key for all projects: such a file may have been meant for any.
    """
    if router.caller.projects is not None:
        raise Forbidden("Only an admin key for all projects may read this.", code="project_forbidden")
    return drop_folder.list_rejected(backend(), limit=limit, cursor=cursor)
