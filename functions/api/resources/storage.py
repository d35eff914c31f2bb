"""The storage use of a dataset."""

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.parameters import Cursor, DatasetPath, ProjectPath
from functions.api.http.router import Router
from tidemark.datasets import storage
from tidemark.domain.api_keys import Role
from tidemark.domain.storage import StorageReport

router = Router()

ENOUGH_MILLISECONDS = 8_000
"""Milliseconds that must be left for a report to count another thousand S3 objects. Counting them takes 0.1 s, or 10 s
if S3 is slow."""


@router.get(
    "/projects/<project>/datasets/<dataset>/storage",
    operation_id="reportStorage",
    summary="Report the storage use of a dataset",
    tags=["datasets"],
)
@allow(Role.READ)
def report_storage(project: ProjectPath, dataset: DatasetPath, cursor: Cursor = None) -> StorageReport:
    """Returns a dataset's storage use: versions, frame versions and their bytes, live and total, and S3 objects.

    One response counts as many S3 objects as there is time for. If objects remain, the response has a `cursor`: send it
    to count the next objects, and add up the objects of all responses.
    """
    return storage.report_storage(
        backend(),
        project=project,
        dataset=dataset,
        cursor=cursor,
        has_time=lambda: router.milliseconds_left > ENOUGH_MILLISECONDS,
    )
