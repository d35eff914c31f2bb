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

A merge works on stored JSON, which was validated when it was stored. It validates again only what the patch touches:
the patched items, and the rules of the frame as a whole that the patch may break.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json

from tidemark.domain.canonical import canonical_json
from tidemark.domain.errors import TidemarkError
from tidemark.domain.frames.coordinate_frames import WORLD, CoordinateFrame
from tidemark.domain.frames.frames import Frame, Json, class_counts
from tidemark.domain.frames.labels import Label
from tidemark.domain.frames.operations import Op
from tidemark.domain.frames.sensors import Sensor
from tidemark.domain.limits import MAX_CLASSES_PER_FRAME, MAX_FRAME_BYTES, MAX_LABELS_PER_FRAME, MAX_METADATA_FIELDS
from tidemark.domain.problems import Problem, pointer, problems_of

_REPLACED_FIELDS = ("captured_at", "device_id", "geo", "embedding")
"""Fields of a frame that a given value replaces as a whole."""


class MergeRefused(TidemarkError):
    """Raised when a MODIFY does not fit the current state of its frame. `pointer` is a JSON pointer into the row."""

    code = "merge_refused"


class Merged(NamedTuple):
    """A merged frame."""

    payload: bytes
    """The frame in canonical JSON."""
    labels: int
    """Number of labels."""
    classes: dict[str, int]
    """Number of labels and mask instances, by class."""


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


def merge(frame: bytes, patch: bytes) -> Merged:
    """Returns a frame merged with a patch (R17, R19). Both are payloads as they are stored, in canonical JSON.

    Raises MergeRefused if the patch does not fit the frame.
    """
    given: Json = from_json(patch)
    changes = given["frame"]
    merged = _merged(from_json(frame), changes, set(given["remove_labels"]))
    if _may_break_a_rule(merged, changes):
        try:
            Frame.model_validate(merged)
        except ValidationError as error:
            raise _refusal(merged, changes, problems_of(error, Frame)[0]) from None
    payload = canonical_json(merged)
    if len(payload) > MAX_FRAME_BYTES:
        raise MergeRefused(
            f"The merged frame would have {len(payload):,} bytes; a frame can have at most {MAX_FRAME_BYTES:,}.",
            code="frame_too_large",
            pointer="/frame",
        )
    classes = class_counts(merged)
    if len(classes) > MAX_CLASSES_PER_FRAME:
        raise MergeRefused(
            f"The labels of the merged frame would have more than {MAX_CLASSES_PER_FRAME} classes.",
            code="too_many_classes_in_frame",
            pointer="/frame/labels",
        )
    return Merged(payload, len(merged.get("labels", ())), classes)


def _merged(frame: Json, changes: Json, removed: set[str]) -> Json:
    """Returns the JSON of a frame after its changes, without empty lists and objects, as canonical JSON has it.

    Raises MergeRefused if a patched item is not valid.
    """
    merged = frame | {field: changes[field] for field in _REPLACED_FIELDS if field in changes}
    merged["metadata"] = frame.get("metadata", {}) | changes.get("metadata", {})
    if removed:
        merged["labels"] = [label for label in frame.get("labels", ()) if label["id"] not in removed]
    for kind in _KINDS:
        merged[kind.field] = _upsert(kind, merged.get(kind.field, ()), changes.get(kind.field, ()))
    return {field: value for field, value in merged.items() if value not in ((), [], {})}


def _may_break_a_rule(merged: Json, changes: Json) -> bool:
    """Returns whether a merged frame may break a rule of frames as a whole, and so must be validated.

    The rules limit the numbers of items and fields, and require that each reference has its sensor or coordinate frame.
    As no MODIFY removes a sensor or a coordinate frame, only what it gives can break a reference.
    """
    if changes.get("sensors") or changes.get("coordinate_frames"):
        return True
    labels = merged.get("labels", ())
    if len(labels) > MAX_LABELS_PER_FRAME or len(merged.get("metadata", ())) > MAX_METADATA_FIELDS:
        return True
    sensors = {sensor["id"] for sensor in merged.get("sensors", ())}
    coordinate_frames = {WORLD, *(item["id"] for item in merged.get("coordinate_frames", ()))}
    return any(
        (sensors and "sensor" in label and label["sensor"] not in sensors)
        or label.get("coordinate_frame", WORLD) not in coordinate_frames
        for label in changes.get("labels", ())
    )


class _Kind(NamedTuple):
    """A kind of item that a frame lists: sensors, coordinate frames or labels."""

    name: str
    field: str
    model: Any
    adapter: TypeAdapter[Any]


_KINDS = (
    _Kind("sensor", "sensors", Sensor, TypeAdapter(Sensor)),
    _Kind("coordinate frame", "coordinate_frames", CoordinateFrame, TypeAdapter(CoordinateFrame)),
    _Kind("label", "labels", Label, TypeAdapter(Label)),
)


def _upsert(kind: _Kind, known: Sequence[Json], patches: Sequence[Json]) -> Sequence[Json]:
    """Returns a frame's items of one kind after the patches, which are matched by id: known items in their old order,
    then new items."""
    if not patches:
        return known
    items = {item["id"]: item for item in known}
    for position, patch in enumerate(patches):
        path = ("frame", kind.field, position)
        fields = _patched(kind.name, items.get(patch["id"]), patch, path)
        try:
            item: BaseModel = kind.adapter.validate_python(fields)
        except ValidationError as error:
            code, place, message = problems_of(error, kind.model, *path)[0]
            raise MergeRefused(
                f"The {kind.name} '{patch['id']}' would not be a valid {fields['type']}: {message}",
                code=code,
                pointer=_in_row(place, fields, patch),
            ) from None
        items[patch["id"]] = item.model_dump(exclude_defaults=True)
    return list(items.values())


def _patched(kind: str, known: Json | None, patch: Json, path: tuple[str | int, ...]) -> Json:
    """Returns the fields of an item after its patch. Raises MergeRefused if a new item has no type, or if the patch
    changes a type."""
    if known is None:
        if "type" not in patch:
            raise MergeRefused(
                f"The frame has no {kind} '{patch['id']}'; a new one needs its 'type' and the fields of that type.",
                code="unknown_part",
                pointer=pointer(*path),
            )
        return patch
    if patch.get("type", known["type"]) != known["type"]:
        raise MergeRefused(
            f"The {kind} '{patch['id']}' has the type {known['type']}, which cannot change to {patch['type']}. "
            "Use another id.",
            code="type_changed",
            pointer=pointer(*path, "type"),
        )
    return _overlaid(known, patch)


def _overlaid(fields: Json, changes: Json) -> Json:
    merged = {**fields, **changes}
    for field in ("metadata", "attributes", "secondary_labels"):
        if field in changes and field in fields:
            merged[field] = {**fields[field], **changes[field]}
    if "instances" in changes:
        instances = {instance["id"]: instance for instance in fields.get("instances", ())}
        for instance in changes["instances"]:
            instances[instance["id"]] = _overlaid(instances.get(instance["id"], {}), instance)
        merged["instances"] = list(instances.values())
    return merged


def _in_row(place: str, fields: Json, patch: Json) -> str:
    """Returns the JSON pointer into the row for a pointer into a patched item. A mask's instances have other positions
    in the row than in the patched item."""
    item, separator, rest = place.partition("/instances/")
    if not separator:
        return place
    position, *inner = rest.split("/")
    culprit = fields["instances"][int(position)]["id"]
    patch_ids = [instance["id"] for instance in patch["instances"]]
    return "/".join([f"{item}/instances", str(patch_ids.index(culprit)), *inner])


def _refusal(merged: Json, changes: Json, problem: Problem) -> MergeRefused:
    """Returns the refusal for a problem of the merged frame, with a JSON pointer to the part of the row that caused the
    problem.

    The problem's pointer is into the merged frame, where items have other positions than in the row. If the row does
    not give the item, the refusal points to the frame as a whole.
    """
    place = "/frame"
    _, field, *rest = problem.pointer.split("/")
    value = changes.get(field)
    if rest and isinstance(value, list):
        culprit = merged[field][int(rest[0])]["id"]
        positions = [position for position, item in enumerate(value) if item["id"] == culprit]
        if positions:
            place = "/".join(["/frame", field, str(positions[0]), *rest[1:]])
    elif value is not None:
        place = f"/frame{problem.pointer}"
    return MergeRefused(problem.message, code=problem.code, pointer=place)
