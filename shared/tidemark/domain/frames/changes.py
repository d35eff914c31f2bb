"""Changes: the differences between two states of a frame, down to its labels (R9).

A change holds enough to build the later state from the earlier one.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tidemark.domain.canonical import canonical_json

Json = dict[str, Any]


class ValueChange(BaseModel):
    """The value of a field before and after a change; None where the field is absent."""

    model_config = ConfigDict(frozen=True)

    before: Any
    after: Any


class ItemChange(BaseModel):
    """A label, sensor or coordinate frame that exists in both states and differs."""

    model_config = ConfigDict(frozen=True)

    id: str
    fields: tuple[str, ...]
    """Names of the fields that differ."""
    before: Json
    after: Json


class ItemChanges(BaseModel):
    """The differences between two lists of labels, sensors or coordinate frames."""

    model_config = ConfigDict(frozen=True)

    added: tuple[Json, ...] = ()
    removed: tuple[Json, ...] = ()
    modified: tuple[ItemChange, ...] = ()
    order: tuple[str, ...] | None = None
    """All ids in their new order. None if the order follows from the earlier list: its remaining items in their old
    order, then the added items."""


class FrameChange(BaseModel):
    """The differences between two states of a frame."""

    model_config = ConfigDict(frozen=True)

    change: Literal["added", "modified", "removed", "none"]
    fields: dict[str, ValueChange]
    """Changes of capture time, device, position and embedding, by field name."""
    metadata: dict[str, ValueChange]
    """Changes of metadata, by field name."""
    sensors: ItemChanges
    coordinate_frames: ItemChanges
    labels: ItemChanges


def changes(before: Json | None, after: Json | None) -> FrameChange:
    """Returns the differences between two states of a frame. Each state is the frame's stored JSON, or None where the
    frame does not exist."""
    old, new = before or {}, after or {}
    return FrameChange(
        change=_change_kind(before, after),
        fields=_value_changes(
            {field: value for field, value in old.items() if field in _FRAME_FIELDS},
            {field: value for field, value in new.items() if field in _FRAME_FIELDS},
        ),
        metadata=_value_changes(old.get("metadata", {}), new.get("metadata", {})),
        sensors=_item_changes(old.get("sensors", []), new.get("sensors", [])),
        coordinate_frames=_item_changes(old.get("coordinate_frames", []), new.get("coordinate_frames", [])),
        labels=_item_changes(old.get("labels", []), new.get("labels", [])),
    )


_FRAME_FIELDS = frozenset({"captured_at", "device_id", "geo", "embedding"})


def _change_kind(before: Json | None, after: Json | None) -> Literal["added", "modified", "removed", "none"]:
    if before is None:
        return "none" if after is None else "added"
    if after is None:
        return "removed"
    return "none" if _equal(before, after) else "modified"


def _equal(left: object, right: object) -> bool:
    """Returns whether two JSON values are equal. A Python comparison alone would treat 1 and true as equal."""
    return left == right and canonical_json(left) == canonical_json(right)


def _value_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, ValueChange]:
    return {
        field: ValueChange(before=old.get(field), after=new.get(field))
        for field in sorted({*old, *new})
        if not _equal(old.get(field), new.get(field))
    }


def _item_changes(before: list[Json], after: list[Json]) -> ItemChanges:
    """Returns the differences between two lists of items, which are matched by their ids."""
    old = {item["id"]: item for item in before}
    new = {item["id"]: item for item in after}
    default_order = [
        *(item_id for item_id in old if item_id in new),
        *(item_id for item_id in new if item_id not in old),
    ]
    return ItemChanges(
        added=tuple(item for item in after if item["id"] not in old),
        removed=tuple(item for item in before if item["id"] not in new),
        modified=tuple(
            ItemChange(id=item_id, fields=tuple(_value_changes(old[item_id], item)), before=old[item_id], after=item)
            for item_id, item in new.items()
            if item_id in old and not _equal(old[item_id], item)
        ),
        order=None if default_order == list(new) else tuple(new),
    )
