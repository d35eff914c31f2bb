"""Builds the later state of a frame from the earlier one and a change, as a client would."""

from typing import Any

from tests.support.strategies import Json
from tidemark.domain.frames.changes import FrameChange, ItemChanges


def replayed_items(items: list[Json], change: ItemChanges) -> list[Json]:
    """Returns the later list of items, given the earlier one and its changes."""
    removed = {item["id"] for item in change.removed}
    after = {item.id: item.after for item in change.modified}
    remaining = [after.get(item["id"], item) for item in items if item["id"] not in removed]
    result = [*remaining, *change.added]
    if change.order is None:
        return result
    by_id = {item["id"]: item for item in result}
    return [by_id[item_id] for item_id in change.order]


def replayed(before: Json, change: FrameChange) -> Json:
    """Returns the later state as JSON, given only the earlier one and the change."""
    after: dict[str, Any] = {**before, **{field: value.after for field, value in change.fields.items()}}
    metadata = {**before.get("metadata", {}), **{field: value.after for field, value in change.metadata.items()}}
    after["metadata"] = {field: value for field, value in metadata.items() if value is not None}
    for field in ("sensors", "coordinate_frames", "labels"):
        after[field] = replayed_items(before.get(field, []), getattr(change, field))
    return {field: value for field, value in after.items() if value not in (None, [], {})}
