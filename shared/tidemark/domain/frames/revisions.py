"""Revisions: the changes in the history of one frame, or of one of its labels (R9)."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tidemark.domain.frames.changes import FrameChange, Json
from tidemark.domain.frames.operations import Op

LabelChange = Literal["added", "modified", "removed"]


class FrameRevision(BaseModel):
    """One change of a frame: the operation, when, by whom, in which upload, and what it changed."""

    model_config = ConfigDict(frozen=True)

    revision: int
    """Grows from change to change: the commit of the frame's shard that made it."""
    op: Op
    at: datetime
    actor: str
    upload: str
    changes: FrameChange


class LabelRevision(BaseModel):
    """One change of a label."""

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
