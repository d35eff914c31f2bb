"""Mutations: the content of an upload's rows (R16-R19)."""

from typing import Literal

from pydantic import BaseModel

from tidemark.domain.frames.fields import MODEL_CONFIG
from tidemark.domain.frames.frames import Frame
from tidemark.domain.frames.patches import FramePatch
from tidemark.domain.ids import FrameId


class Add(BaseModel):
    """Adds a frame, or replaces the whole frame with the same id (R16)."""

    model_config = MODEL_CONFIG

    op: Literal["ADD"]
    frame: Frame

    @property
    def frame_id(self) -> str:
        """Id of the mutation's frame."""
        return self.frame.frame_id


class Modify(FramePatch):
    """Changes the given fields of a frame, and removes labels from it (R17, R19)."""

    op: Literal["MODIFY"]

    @property
    def frame_id(self) -> str:
        """Id of the mutation's frame."""
        return self.frame.frame_id


class Delete(BaseModel):
    """Removes a frame from later versions (R18)."""

    model_config = MODEL_CONFIG

    op: Literal["DELETE"]
    frame_id: FrameId


Mutation = Add | Modify | Delete
