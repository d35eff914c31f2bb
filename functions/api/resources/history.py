"""History: all changes to a frame or a label (R9)."""

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.parameters import DEFAULT_LIMIT, Cursor, DatasetPath, FramePath, LabelPath, Limit, ProjectPath
from functions.api.http.router import Router
from tidemark.domain.api_keys import Role
from tidemark.domain.frames.revisions import FrameRevision, LabelRevision
from tidemark.domain.pages import Page
from tidemark.versions import history

router = Router()


@router.get(
    "/projects/<project>/datasets/<dataset>/frames/<frame>/history",
    operation_id="getFrameHistory",
    summary="Read a frame's history",
    tags=["history"],
)
@allow(Role.READ)
def get_frame_history(
    project: ProjectPath,
    dataset: DatasetPath,
    frame: FramePath,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[FrameRevision]:
    """Lists the changes to a frame, newest first, each with its time, author, upload and differences."""
    return history.frame_history(
        backend(), project=project, dataset=dataset, frame_id=frame, limit=limit, cursor=cursor
    )


@router.get(
    "/projects/<project>/datasets/<dataset>/frames/<frame>/labels/<label>/history",
    operation_id="getLabelHistory",
    summary="Read a label's history",
    tags=["history"],
)
@allow(Role.READ)
def get_label_history(
    project: ProjectPath,
    dataset: DatasetPath,
    frame: FramePath,
    label: LabelPath,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[LabelRevision]:
    """Lists the changes to a label, newest first. A page covers the next `limit` changes to the label's frame.

    A page may be empty and still have a cursor, if those changes did not affect the label.
    """
    return history.label_history(
        backend(),
        project=project,
        dataset=dataset,
        frame_id=frame,
        label_id=label,
        limit=limit,
        cursor=cursor,
    )
