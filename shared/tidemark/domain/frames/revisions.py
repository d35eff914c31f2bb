"""Revisions: the changes in the history of a frame or of one of its labels (R9)."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tidemark.domain.frames.changes import FrameChange, Json
from tidemark.domain.frames.operations import Op

LabelChange = Literal["added", "modified", "removed"]


class FrameRevision(BaseModel):
    """One change of a frame: its operation, time, actor and upload, and the differences that it made."""

    model_config = ConfigDict(frozen=True)

    revision: int
    """Number of the commit in the frame's shard that made the change. It grows from change to change."""
    op: Op
    at: datetime
    actor: str
    upload: str
    changes: FrameChange


class LabelRevision(BaseModel):
    """One change of a label. `before` and `after` are the label's states; None where the label does not exist."""

    model_config = ConfigDict(frozen=True)

    revision: int
    change: LabelChange
    op: Op
    """The operation on the label's frame."""
    at: datetime
    actor: str
    upload: str
    before: Json | None
    after: Json | None
