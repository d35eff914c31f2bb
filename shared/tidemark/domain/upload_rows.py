"""The rows of an upload as their sender follows them: what each held, and what became of it (R30)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tidemark.domain.frames.operations import Op

Outcome = Literal["pending", "applied", "dropped", "rejected", "failed"]
"""What became of a row; `pending` as long as its window is not decided."""


class CarriedLabel(BaseModel):
    """A label that a row carries, without its geometry. A MODIFY may give neither class nor type."""

    model_config = ConfigDict(frozen=True)

    id: str
    class_name: str | None = Field(default=None, alias="class")
    type: str | None = None


class RowFault(BaseModel):
    """Why a row did not take effect."""

    model_config = ConfigDict(frozen=True)

    code: str
    """Stable and machine-readable, such as `unknown_class`."""
    pointer: str
    """JSON pointer into the row; empty for the row as a whole."""
    message: str
    """What is wrong and what to do, for a person."""


class UploadRow(BaseModel):
    """A row of an upload."""

    model_config = ConfigDict(frozen=True)

    file: str | None
    """The file that holds the row, and `row` is its line from 1; None for rows of a request, which count from 0."""
    row: int
    op: Op | None
    """None where the row was refused on arrival: nothing of it is kept, but for its errors."""
    frame_id: str | None
    """The frame that the row names, or None where a row that was refused on arrival does not name one."""
    outcome: Outcome
    labels: tuple[CarriedLabel, ...] | None
    """Labels that the row gives; None where it was refused on arrival."""
    remove_labels: tuple[str, ...] | None
    """Ids of labels that it removes; None where it was refused on arrival."""
    errors: tuple[RowFault, ...]
    """Why it did not take effect, if it did not."""


class CarriedLabels(BaseModel):
    """What the payload of a row says of labels; the rest of it is passed over."""

    labels: tuple[CarriedLabel, ...] = ()
    remove_labels: tuple[str, ...] = ()


class _Patch(BaseModel):
    frame: CarriedLabels
    remove_labels: tuple[str, ...] = ()


def carried_labels(op: Op, payload: bytes) -> CarriedLabels:
    """The labels that an accepted row gives and removes; `payload` is its canonical JSON, empty for a DELETE."""
    if op is Op.DELETE:
        return CarriedLabels()
    if op is Op.ADD:
        return CarriedLabels.model_validate_json(payload)
    patch = _Patch.model_validate_json(payload)
    return CarriedLabels(labels=patch.frame.labels, remove_labels=patch.remove_labels)
