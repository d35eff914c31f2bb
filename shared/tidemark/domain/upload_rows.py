"""An upload's rows as users follow them: each row's content and outcome (R30)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tidemark.domain.frames.operations import Op

Outcome = Literal["pending", "applied", "dropped", "rejected", "failed"]
"""Outcome of a row; `pending` until its window is decided."""


class CarriedLabel(BaseModel):
    """A label in a row, without its geometry. The row of a MODIFY need not give the label's class or type."""

    model_config = ConfigDict(frozen=True)

    id: str
    class_name: str | None = Field(default=None, alias="class")
    type: str | None = None


class RowFault(BaseModel):
    """Why a row was not applied."""

    model_config = ConfigDict(frozen=True)

    code: str
    """Stable, machine-readable code, such as `unknown_class`."""
    pointer: str
    """JSON pointer to the invalid part of the row; empty for the row as a whole."""
    message: str
    """What is wrong and what to do, as a sentence for people."""


class UploadRow(BaseModel):
    """A row of an upload, and its outcome."""

    model_config = ConfigDict(frozen=True)

    file: str | None
    """Name of the row's file; None for rows of a request."""
    row: int
    """Line number of the row in its file, from 1; or position of the row in its request, from 0."""
    op: Op | None
    """Operation of the row; None if the row was rejected, because only the errors of a rejected row are stored."""
    frame_id: str | None
    """Id of the frame that the row names; None if a rejected row names no frame."""
    outcome: Outcome
    labels: tuple[CarriedLabel, ...] | None
    """Labels that the row gives; None if the row was rejected."""
    remove_labels: tuple[str, ...] | None
    """Ids of the labels that the row removes; None if the row was rejected."""
    errors: tuple[RowFault, ...]
    """Why the row was not applied; empty for other rows."""


class CarriedLabels(BaseModel):
    """The labels in a row's payload. Other fields are ignored."""

    labels: tuple[CarriedLabel, ...] = ()
    remove_labels: tuple[str, ...] = ()


class _Patch(BaseModel):
    frame: CarriedLabels
    remove_labels: tuple[str, ...] = ()


def carried_labels(op: Op, payload: bytes) -> CarriedLabels:
    """Returns the labels that an accepted row gives and removes. `payload` is the row's canonical JSON; empty for a
    DELETE."""
    if op is Op.DELETE:
        return CarriedLabels()
    if op is Op.ADD:
        return CarriedLabels.model_validate_json(payload)
    patch = _Patch.model_validate_json(payload)
    return CarriedLabels(labels=patch.frame.labels, remove_labels=patch.remove_labels)
