"""Merge: what a frame becomes under a mutation. Pure, and the only place where R16 to R19 are spelled out.

A MODIFY sets what it gives and leaves the rest (R17):

- Metadata, a sensor's metadata and a label's attributes go by key. Null means not given, so no key is ever unset;
  an ADD of the frame is the way to be rid of one.
- Sensors, coordinate frames and labels go by id: a known one is changed in its place, a new one comes after the others
  in the order given. Instances of a mask go by their id in the same way.
- Anything else that is given replaces what was there whole: a list of polygons, a camera, an embedding, a position.
- Labels to remove go first (R19); an id that the frame does not have is passed over, so that a retry is harmless.

A label or sensor keeps its type for life. A new one must be complete. A label may move to another sensor of the frame.
The merged frame must be as valid and as small as one that is added; else the MODIFY as a whole is refused. The source
of embeddings (R4) and the types of metadata (R3) were checked against the dataset when the row was accepted, and the
values that carry them are replaced whole, so a merge cannot break them. A MODIFY that gives nothing new is applied
like any other and leaves an equal frame.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, Protocol, TypeVar

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
    """A MODIFY does not suit the frame as it is now. `pointer` is into the row."""

    code = "merge_refused"


class Effect(Enum):
    """What a mutation does to the frame that it names."""

    PUT = auto()
    """The frame that it gives is the state from now on (R16)."""
    MERGE = auto()
    """What it gives is merged into the frame (R17, R19): see `merge`."""
    REMOVE = auto()
    """There is no frame from now on (R18)."""
    NOTHING = auto()
    """There is no such frame, so the mutation is dropped (R17, R18)."""


def effect(op: Op, *, exists: bool) -> Effect:
    """What an operation does to a frame that is in the dataset, or is not (R16-R18)."""
    if op is Op.ADD:
        return Effect.PUT
    if not exists:
        return Effect.NOTHING
    return Effect.MERGE if op is Op.MODIFY else Effect.REMOVE


def merge(frame: Frame, patch: FramePatch) -> Frame:
    """The frame that a MODIFY leaves (R17, R19). Raises MergeRefused when the patch does not suit the frame."""
    given = patch.frame
    removed = set(patch.remove_labels)
    kept = tuple(label for label in frame.labels if label.id not in removed) if removed else frame.labels
    fields = {
        "frame_id": frame.frame_id,
        "captured_at": frame.captured_at if given.captured_at is None else given.captured_at,
        "device_id": frame.device_id if given.device_id is None else given.device_id,
        "geo": given.geo or frame.geo,
        "sensors": _upsert("sensor", "sensors", frame.sensors, given.sensors or (), _SENSOR),
        "coordinate_frames": _upsert(
            "coordinate frame", "coordinate_frames", frame.coordinate_frames, given.coordinate_frames or (), _PLACE
        ),
        "metadata": {**frame.metadata, **(given.metadata or {})},
        "embedding": given.embedding or frame.embedding,
        "labels": _upsert("label", "labels", kept, given.labels or (), _LABEL),
    }
    try:
        merged = Frame.model_validate(fields)
    except ValidationError as error:
        raise _refusal(fields, patch, problems_of(error, Frame)[0]) from None
    size = len(merged.canonical)
    if size > MAX_FRAME_BYTES:
        raise MergeRefused(
            f"The merged frame would have {size} bytes; a frame has at most {MAX_FRAME_BYTES}.",
            code="frame_too_large",
            pointer="/frame",
        )
    if len(merged.class_counts()) > MAX_CLASSES_PER_FRAME:
        raise MergeRefused(
            f"The merged frame would have labels of more than {MAX_CLASSES_PER_FRAME} classes.",
            code="too_many_classes_in_frame",
            pointer="/frame/labels",
        )
    return merged


class _Part(Protocol):
    @property
    def id(self) -> str: ...
    def model_dump(self, *, exclude_defaults: bool = False, exclude_none: bool = False) -> dict[str, Any]: ...


P = TypeVar("P", bound=_Part)

_SENSOR: TypeAdapter[Sensor] = TypeAdapter(Sensor)
_PLACE: TypeAdapter[CoordinateFrame] = TypeAdapter(CoordinateFrame)
_LABEL: TypeAdapter[Label] = TypeAdapter(Label)
_SHAPES = {"sensor": Sensor, "coordinate frame": CoordinateFrame, "label": Label}


def _upsert(
    what: str, field: str, known: tuple[P, ...], patches: Sequence[_Part], adapter: TypeAdapter[P]
) -> tuple[P, ...]:
    """The parts of a frame, patched by id: known ones in their place, new ones after them."""
    parts = {part.id: part for part in known}
    for position, patch in enumerate(patches):
        fields = _patched(what, parts.get(patch.id), patch, ("frame", field, position))
        try:
            parts[patch.id] = adapter.validate_python(fields)
        except ValidationError as error:
            code, place, message = problems_of(error, _SHAPES[what], "frame", field, position)[0]
            whose = f"The {what} '{patch.id}' would not be valid as {fields['type']}"
            raise MergeRefused(f"{whose}: {message}", code=code, pointer=_in_row(place, fields, patch)) from None
    return tuple(parts.values())


def _patched(what: str, known: _Part | None, patch: _Part, at: tuple[str | int, ...]) -> dict[str, Any]:
    """The fields of a part of a frame after its patch."""
    given = patch.model_dump(exclude_none=True)
    if known is None:
        if "type" not in given:
            raise MergeRefused(
                f"The frame has no {what} '{patch.id}'; a new one needs its 'type' and the fields of that type.",
                code="unknown_part",
                pointer=pointer(*at),
            )
        return given
    fields = known.model_dump(exclude_defaults=True)
    if given.get("type", fields["type"]) != fields["type"]:
        raise MergeRefused(
            f"The {what} '{patch.id}' is {fields['type']} and cannot become {given['type']}; use another id.",
            code="type_changed",
            pointer=pointer(*at, "type"),
        )
    return _overlaid(fields, given)


def _overlaid(fields: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    merged = {**fields, **given}
    for field in ("metadata", "attributes", "secondary_labels"):
        if field in given and field in fields:
            merged[field] = {**fields[field], **given[field]}
    if "instances" in given:
        instances = {instance["id"]: instance for instance in fields.get("instances", ())}
        for instance in given["instances"]:
            instances[instance["id"]] = _overlaid(instances.get(instance["id"], {}), instance)
        merged["instances"] = tuple(instances.values())
    return merged


def _in_row(place: str, fields: dict[str, Any], patch: _Part) -> str:
    """The place in the row of what is at `place` in a patched part: instances of a mask have other positions there."""
    part, found, rest = place.partition("/instances/")
    if not found:
        return place
    number, *inner = rest.split("/")
    culprit = fields["instances"][int(number)]["id"]
    given = [instance["id"] for instance in patch.model_dump()["instances"]]
    return "/".join([f"{part}/instances", str(given.index(culprit)), *inner])


def _refusal(fields: dict[str, Any], patch: FramePatch, problem: Problem) -> MergeRefused:
    """The refusal for a problem of the merged frame, pointing to the part of the row that brought it about.

    The problem points into the merged frame, where a part lies at another position than in the row. Where the row does
    not give that part, the frame as a whole is pointed to.
    """
    place = "/frame"
    _, field, *rest = problem.pointer.split("/")
    given = getattr(patch.frame, field, None)
    if rest and isinstance(given, tuple):
        culprit = fields[field][int(rest[0])].id
        positions = [position for position, part in enumerate(given) if part.id == culprit]
        if positions:
            place = "/".join(["/frame", field, str(positions[0]), *rest[1:]])
    elif given is not None:
        place = f"/frame{problem.pointer}"
    return MergeRefused(problem.message, code=problem.code, pointer=place)
