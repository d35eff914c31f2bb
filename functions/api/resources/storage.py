"""What storage a dataset takes."""

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.parameters import Cursor, DatasetPath, ProjectPath
from functions.api.http.router import Routes
from tidemark.datasets import storage
from tidemark.domain.api_keys import Role
from tidemark.domain.storage import StorageReport

router = Routes()

ENOUGH_MILLISECONDS = 8_000
"""Time left in which another thousand objects are counted: usually a tenth of a second, and ten if S3 is slow."""


@router.get(
    "/projects/<project>/datasets/<dataset>/storage",
    operation_id="reportStorage",
    summary="Tell what storage a dataset takes",
    tags=["datasets"],
)
@allow(Role.READ)
def report_storage(project: ProjectPath, dataset: DatasetPath, cursor: Cursor = None) -> StorageReport:
    """What a dataset holds: versions, frame versions and their bytes, live and historic, and its objects in S3.

    One answer counts as many objects as it has time for. Where these are not all, its `cursor` asks for the rest; the
    objects of all answers add up.
    """
    return storage.report_storage(
        backend(),
        project=project,
        dataset=dataset,
        cursor=cursor,
        has_time=lambda: router.milliseconds_left > ENOUGH_MILLISECONDS,
    )
