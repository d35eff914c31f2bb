"""History: every change of one frame and of one label (R9)."""

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.parameters import DEFAULT_LIMIT, Cursor, DatasetPath, FramePath, LabelPath, Limit, ProjectPath
from functions.api.http.router import Routes
from tidemark.domain.api_keys import Role
from tidemark.domain.frames.revisions import FrameRevision, LabelRevision
from tidemark.domain.pages import Page
from tidemark.versions import history

router = Routes()


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
    """The changes of a frame, newest first: when, by whom, by which upload, and what changed."""
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
    """The changes of a label, newest first, among the next `limit` changes of its frame.

    A page may be empty while its cursor goes on: the frame then changed without the label.
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
