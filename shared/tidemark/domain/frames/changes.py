"""Changes: what differs between two states of a frame, down to its labels (R9).

A change holds enough to make the later state from the earlier one.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tidemark.domain.canonical import canonical_json

Json = dict[str, Any]


class ValueChange(BaseModel):
    """A value before and after; None where there was or is none."""

    model_config = ConfigDict(frozen=True)

    before: Any
    after: Any


class ItemChange(BaseModel):
    """A label, sensor or coordinate frame that is in both states and differs."""

    model_config = ConfigDict(frozen=True)

    id: str
    fields: tuple[str, ...]
    """Names of the fields that differ."""
    before: Json
    after: Json


class ItemChanges(BaseModel):
    """What became of a list of labels, sensors or coordinate frames."""

    model_config = ConfigDict(frozen=True)

    added: tuple[Json, ...] = ()
    removed: tuple[Json, ...] = ()
    modified: tuple[ItemChange, ...] = ()
    order: tuple[str, ...] | None = None
    """All ids in their new order, if it is not: those that stayed in their old order, then those that came."""


class FrameChange(BaseModel):
    """What differs between two states of a frame."""

    model_config = ConfigDict(frozen=True)

    change: Literal["added", "modified", "removed", "none"]
    fields: dict[str, ValueChange]
    """Capture time, device, position, embedding: those that differ."""
    metadata: dict[str, ValueChange]
    """Metadata fields that differ."""
    sensors: ItemChanges
    coordinate_frames: ItemChanges
    labels: ItemChanges


def changes(before: Json | None, after: Json | None) -> FrameChange:
    """What differs between two states of one frame, each the JSON that is kept of it; None where it is not there."""
    old, new = before or {}, after or {}
    return FrameChange(
        change=_kind(before, after),
        fields=_values(
            {field: value for field, value in old.items() if field in _FIELDS},
            {field: value for field, value in new.items() if field in _FIELDS},
        ),
        metadata=_values(old.get("metadata", {}), new.get("metadata", {})),
        sensors=_parts(old.get("sensors", []), new.get("sensors", [])),
        coordinate_frames=_parts(old.get("coordinate_frames", []), new.get("coordinate_frames", [])),
        labels=_parts(old.get("labels", []), new.get("labels", [])),
    )


_FIELDS = frozenset({"captured_at", "device_id", "geo", "embedding"})


def _kind(before: Json | None, after: Json | None) -> Literal["added", "modified", "removed", "none"]:
    if before is None:
        return "none" if after is None else "added"
    if after is None:
        return "removed"
    return "none" if _same(before, after) else "modified"


def _same(one: object, other: object) -> bool:
    """Whether two JSON values are one; to Python alone, 1 and true are equal."""
    return one == other and canonical_json(one) == canonical_json(other)


def _values(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, ValueChange]:
    return {
        field: ValueChange(before=old.get(field), after=new.get(field))
        for field in sorted({*old, *new})
        if not _same(old.get(field), new.get(field))
    }


def _parts(old: list[Json], new: list[Json]) -> ItemChanges:
    """Parts are told apart by their ids."""
    olds = {part["id"]: part for part in old}
    news = {part["id"]: part for part in new}
    expected = [*(found for found in olds if found in news), *(found for found in news if found not in olds)]
    return ItemChanges(
        added=tuple(part for part in new if part["id"] not in olds),
        removed=tuple(part for part in old if part["id"] not in news),
        modified=tuple(
            ItemChange(id=found, fields=tuple(_values(olds[found], part)), before=olds[found], after=part)
            for found, part in news.items()
            if found in olds and not _same(olds[found], part)
        ),
        order=None if expected == list(news) else tuple(news),
    )
