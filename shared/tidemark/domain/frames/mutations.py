"""Mutations: what one row of an upload asks for (R16-R19)."""

from typing import Literal

from pydantic import BaseModel

from tidemark.domain.frames.fields import SHAPE
from tidemark.domain.frames.frames import Frame
from tidemark.domain.frames.patches import FramePatch
from tidemark.domain.ids import FrameId


class Add(BaseModel):
    """Put a frame, whole: a new one, or in place of the one with its id (R16)."""

    model_config = SHAPE

    op: Literal["ADD"]
    frame: Frame

    @property
    def frame_id(self) -> str:
        """The frame that it concerns."""
        return self.frame.frame_id

    def payload(self) -> bytes:
        """What is kept of it: the frame in canonical JSON."""
        return self.frame.canonical


class Modify(FramePatch):
    """Change what is given of a frame, and remove labels from it (R17, R19)."""

    op: Literal["MODIFY"]

    @property
    def frame_id(self) -> str:
        """The frame that it concerns."""
        return self.frame.frame_id

    def payload(self) -> bytes:
        """What is kept of it: the patch in canonical JSON."""
        return self.canonical


class Delete(BaseModel):
    """Take a frame out of all later versions (R18)."""

    model_config = SHAPE

    op: Literal["DELETE"]
    frame_id: FrameId


Mutation = Add | Modify | Delete
