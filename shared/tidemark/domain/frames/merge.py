"""Merge: how a mutation changes a frame (R16 to R19). Pure.

These rules are implemented here alone, with one exception. A null inside metadata or attributes also means that the
field is not given (R17). Such a field is dropped earlier, when the row is parsed: see `_without_nulls` and
`MetadataPatch` in `fields.py`.

A MODIFY sets what it gives and keeps the rest (R17):

- Metadata, sensor metadata and label attributes are merged by field name. Null means not given, so a MODIFY never
  removes a field. Only an ADD of the frame does.
- Sensors, coordinate frames and labels are merged by id. A known item is changed in place. New items follow the known
  items, in the given order. Instances of a mask are merged by id in the same way.
- Any other given value replaces the old one as a whole: a list of polygons, a camera, an embedding, a position.
- Labels are removed first (R19). An unknown label id is ignored, so that a retry is harmless.

A label or sensor keeps its type for life. A new label or sensor must be complete. A label may move to another sensor of
the frame. The merged frame must satisfy the same rules and limits as an added one, or the whole MODIFY is refused.
Embedding sources (R4) and metadata types (R3) were checked against the dataset when the row was accepted. A merge
cannot violate them, because it replaces those values as a whole. A MODIFY that gives nothing new is applied like any
other and leaves an equal frame.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from tidemark.domain.errors import TidemarkError
from tidemark.domain.frames.coordinate_frames import CoordinateFrame
from tidemark.domain.frames.frames import Frame
from tidemark.domain.frames.labels import Label
from tidemark.domain.frames.operations import Op
from tidemark.domain.frames.patches import FramePatch
from tidemark.domain.frames.sensors import Sensor
from tidemark.domain.limits import MAX_CLASSES_PER_FRAME, MAX_FRAME_BYTES
from tidemark.domain.problems import Problem, pointer, problems_of


class MergeRefused(TidemarkError):
    """Raised when a MODIFY does not fit the current state of its frame. `pointer` is a JSON pointer into the row."""

    code = "merge_refused"


class Effect(Enum):
    """The effect of a mutation on its frame."""

    PUT = auto()
    """The given frame is stored as the frame's new state (R16)."""
    MERGE = auto()
    """The given fields are merged into the frame (R17, R19); see `merge`."""
    REMOVE = auto()
    """The frame is removed (R18)."""
    NOTHING = auto()
    """The mutation is dropped, because its frame does not exist (R17, R18)."""


def effect(op: Op, *, exists: bool) -> Effect:
    """Returns the effect of an operation on its frame (R16-R18). `exists` is whether that frame exists."""
    if op is Op.ADD:
        return Effect.PUT
    if not exists:
        return Effect.NOTHING
    return Effect.MERGE if op is Op.MODIFY else Effect.REMOVE


def merge(frame: Frame, patch: FramePatch) -> Frame:
    """Returns the frame merged with a patch (R17, R19). Raises MergeRefused if the patch does not fit the frame."""
    changes = patch.frame
    removed = set(patch.remove_labels)
    remaining = tuple(label for label in frame.labels if label.id not in removed) if removed else frame.labels
    fields = {
        "frame_id": frame.frame_id,
        "captured_at": frame.captured_at if changes.captured_at is None else changes.captured_at,
        "device_id": frame.device_id if changes.device_id is None else changes.device_id,
        "geo": changes.geo or frame.geo,
        "sensors": _upsert(_SENSORS, frame.sensors, changes.sensors or ()),
        "coordinate_frames": _upsert(_COORDINATE_FRAMES, frame.coordinate_frames, changes.coordinate_frames or ()),
        "metadata": {**frame.metadata, **(changes.metadata or {})},
        "embedding": changes.embedding or frame.embedding,
        "labels": _upsert(_LABELS, remaining, changes.labels or ()),
    }
    try:
        merged = Frame.model_validate(fields)
    except ValidationError as error:
        raise _refusal(fields, patch, problems_of(error, Frame)[0]) from None
    size = len(merged.canonical)
    if size > MAX_FRAME_BYTES:
        raise MergeRefused(
            f"The merged frame would have {size:,} bytes; a frame can have at most {MAX_FRAME_BYTES:,}.",
            code="frame_too_large",
            pointer="/frame",
        )
    if len(merged.class_counts()) > MAX_CLASSES_PER_FRAME:
        raise MergeRefused(
            f"The labels of the merged frame would have more than {MAX_CLASSES_PER_FRAME} classes.",
            code="too_many_classes_in_frame",
            pointer="/frame/labels",
        )
    return merged


class _Item(Protocol):
    @property
    def id(self) -> str: ...
    def model_dump(self, *, exclude_defaults: bool = False, exclude_none: bool = False) -> dict[str, Any]: ...


ItemT = TypeVar("ItemT", bound=_Item)


class _Kind(NamedTuple, Generic[ItemT]):
    """A kind of item that a frame lists: sensors, coordinate frames or labels."""

    name: str
    field: str
    model: Any
    adapter: TypeAdapter[ItemT]


_SENSORS: _Kind[Sensor] = _Kind("sensor", "sensors", Sensor, TypeAdapter(Sensor))
_COORDINATE_FRAMES: _Kind[CoordinateFrame] = _Kind(
    "coordinate frame", "coordinate_frames", CoordinateFrame, TypeAdapter(CoordinateFrame)
)
_LABELS: _Kind[Label] = _Kind("label", "labels", Label, TypeAdapter(Label))


def _upsert(kind: _Kind[ItemT], known: tuple[ItemT, ...], patches: Sequence[_Item]) -> tuple[ItemT, ...]:
    """Returns a frame's items of one kind after the patches, which are matched by id: known items in their old order,
    then new items."""
    items = {item.id: item for item in known}
    for position, patch in enumerate(patches):
        path = ("frame", kind.field, position)
        fields = _patched(kind.name, items.get(patch.id), patch, path)
        try:
            items[patch.id] = kind.adapter.validate_python(fields)
        except ValidationError as error:
            code, place, message = problems_of(error, kind.model, *path)[0]
            raise MergeRefused(
                f"The {kind.name} '{patch.id}' would not be a valid {fields['type']}: {message}",
                code=code,
                pointer=_in_row(place, fields, patch),
            ) from None
    return tuple(items.values())


def _patched(kind: str, known: _Item | None, patch: _Item, path: tuple[str | int, ...]) -> dict[str, Any]:
    """Returns the fields of an item after its patch. Raises MergeRefused if a new item has no type, or if the patch
    changes a type."""
    changes = patch.model_dump(exclude_none=True)
    if known is None:
        if "type" not in changes:
            raise MergeRefused(
                f"The frame has no {kind} '{patch.id}'; a new one needs its 'type' and the fields of that type.",
                code="unknown_part",
                pointer=pointer(*path),
            )
        return changes
    fields = known.model_dump(exclude_defaults=True)
    if changes.get("type", fields["type"]) != fields["type"]:
        raise MergeRefused(
            f"The {kind} '{patch.id}' has the type {fields['type']}, which cannot change to {changes['type']}. "
            "Use another id.",
            code="type_changed",
            pointer=pointer(*path, "type"),
        )
    return _overlaid(fields, changes)


def _overlaid(fields: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = {**fields, **changes}
    for field in ("metadata", "attributes", "secondary_labels"):
        if field in changes and field in fields:
            merged[field] = {**fields[field], **changes[field]}
    if "instances" in changes:
        instances = {instance["id"]: instance for instance in fields.get("instances", ())}
        for instance in changes["instances"]:
            instances[instance["id"]] = _overlaid(instances.get(instance["id"], {}), instance)
        merged["instances"] = tuple(instances.values())
    return merged


def _in_row(place: str, fields: dict[str, Any], patch: _Item) -> str:
    """Returns the JSON pointer into the row for a pointer into a patched item. A mask's instances have other positions
    in the row than in the patched item."""
    item, separator, rest = place.partition("/instances/")
    if not separator:
        return place
    position, *inner = rest.split("/")
    culprit = fields["instances"][int(position)]["id"]
    patch_ids = [instance["id"] for instance in patch.model_dump()["instances"]]
    return "/".join([f"{item}/instances", str(patch_ids.index(culprit)), *inner])


def _refusal(fields: dict[str, Any], patch: FramePatch, problem: Problem) -> MergeRefused:
    """Returns the refusal for a problem of the merged frame, with a JSON pointer to the part of the row that caused the
    problem.

    The problem's pointer is into the merged frame, where items have other positions than in the row. If the row does
    not give the item, the refusal points to the frame as a whole.
    """
    place = "/frame"
    _, field, *rest = problem.pointer.split("/")
    value = getattr(patch.frame, field, None)
    if rest and isinstance(value, tuple):
        culprit = fields[field][int(rest[0])].id
        positions = [position for position, item in enumerate(value) if item.id == culprit]
        if positions:
            place = "/".join(["/frame", field, str(positions[0]), *rest[1:]])
    elif value is not None:
        place = f"/frame{problem.pointer}"
    return MergeRefused(problem.message, code=problem.code, pointer=place)
