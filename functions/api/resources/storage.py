"""Storage use of a dataset."""

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.parameters import Cursor, DatasetPath, ProjectPath
from functions.api.http.router import Router
from tidemark.datasets import storage
from tidemark.domain.api_keys import Role
from tidemark.domain.storage import StorageReport

router = Router()

ENOUGH_MILLISECONDS = 8_000
"""A report counts another thousand objects while this much time is left. That takes 0.1 s, or 10 s if S3 is slow."""


@router.get(
    "/projects/<project>/datasets/<dataset>/storage",
    operation_id="reportStorage",
    summary="Report the storage use of a dataset",
    tags=["datasets"],
)
@allow(Role.READ)
def report_storage(project: ProjectPath, dataset: DatasetPath, cursor: Cursor = None) -> StorageReport:
    """Returns the size of a dataset: versions, frame versions and their bytes, live and historic, and objects in S3.

    One response counts as many objects as there is time for. If objects remain, pass its `cursor` to count them, and
    add up the objects of all responses.
    """
    return storage.report_storage(
        backend(),
        project=project,
        dataset=dataset,
        cursor=cursor,
        has_time=lambda: router.milliseconds_left > ENOUGH_MILLISECONDS,
    )
