"""Making the later state of a frame from the earlier one and what changed, as a client would."""

from typing import Any

from tests.support.strategies import Json
from tidemark.domain.frames.changes import FrameChange, ItemChanges


def replayed_parts(parts: list[Json], change: ItemChanges) -> list[Json]:
    """The later list of parts, from the earlier one and what changed."""
    gone = {part["id"] for part in change.removed}
    after = {part.id: part.after for part in change.modified}
    stayed = [after.get(part["id"], part) for part in parts if part["id"] not in gone]
    result = [*stayed, *change.added]
    if change.order is None:
        return result
    by_id = {part["id"]: part for part in result}
    return [by_id[part_id] for part_id in change.order]


def replayed(before: Json, change: FrameChange) -> Json:
    """The later state in JSON, from the earlier one and the change alone."""
    after: dict[str, Any] = {**before, **{field: value.after for field, value in change.fields.items()}}
    metadata = {**before.get("metadata", {}), **{field: value.after for field, value in change.metadata.items()}}
    after["metadata"] = {field: value for field, value in metadata.items() if value is not None}
    for field in ("sensors", "coordinate_frames", "labels"):
        after[field] = replayed_parts(before.get(field, []), getattr(change, field))
    return {field: value for field, value in after.items() if value not in (None, [], {})}
