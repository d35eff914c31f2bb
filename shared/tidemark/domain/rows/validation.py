"""Validation of rows as they arrive: from any JSON value to an accepted mutation, or to words that help its sender.

A row is judged alone (R21), against the models, the class map (R1) and the metadata schema of its dataset (R3, R4).
What the schema learns from accepted rows holds for the rows after them.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from pydantic import ValidationError

from tidemark.domain.errors import RowError
from tidemark.domain.frames.class_map import ClassMap
from tidemark.domain.frames.embeddings import Embedding
from tidemark.domain.frames.fields import json_type
from tidemark.domain.frames.frames import Frame, class_counts
from tidemark.domain.frames.labels import Instance
from tidemark.domain.frames.mutations import Add, Delete, Modify, Mutation
from tidemark.domain.frames.operations import Op
from tidemark.domain.frames.patches import FramePatch, InstancePatch, PartialFrame
from tidemark.domain.frames.schema import Schema
from tidemark.domain.limits import (
    MAX_CLASSES_PER_FRAME,
    MAX_FAULTS,
    MAX_FRAME_BYTES,
    MAX_NESTING,
    MAX_OBJECT_FIELDS,
    MAX_POLYGON_VERTICES,
    MAX_ROW_ERRORS,
)
from tidemark.domain.problems import Problem, pointer, problems_of, shown
from tidemark.domain.rows.strict_json import RepeatingObject


class AcceptedRow(NamedTuple):
    """A row that is valid on arrival."""

    row: int
    """Position in its request, from 0."""
    op: Op
    frame_id: str
    payload: bytes
    """Canonical JSON: the frame of an ADD, the patch of a MODIFY; empty for a DELETE."""
    labels: int
    """Labels that the row carries."""
    classes: dict[str, int]
    """Labels and instances that the row carries, by class."""


_SHAPES: dict[str, type[Add | Modify | Delete]] = {"ADD": Add, "MODIFY": Modify, "DELETE": Delete}


class RowValidator:
    """Judges the rows of one request, or of one part of a file, in their order.

    `repeats` allows several rows of one frame; `adds_only` is for a dataset that is filled once (R22).
    """

    def __init__(self, class_map: ClassMap, schema: Schema, *, repeats: bool = False, adds_only: bool = False) -> None:
        self._classes = class_map.names
        self._schema = schema
        self._repeats = repeats
        self._adds_only = adds_only
        self._seen: set[str] = set()
        self._faults_left = MAX_FAULTS

    @property
    def schema(self) -> Schema:
        """The dataset's schema, with what the rows accepted so far have added to it."""
        return self._schema

    def check(self, row: int, value: object) -> AcceptedRow | list[RowError]:
        """Judge one row: any parsed JSON value, NaN and infinity included. Never raises.

        Of a bad row at most `MAX_ROW_ERRORS` errors are told; of one with more than that, only how many there are,
        where the rows together have more than `MAX_FAULTS`. A row for a frame that an accepted row of the same request
        names already is an error, because the rows of a window are for distinct frames.
        """
        mutation = self._parsed(value)
        if self._adds_only and isinstance(mutation, Modify | Delete):
            message = f"A BATCH dataset is filled once, from nothing: its rows are ADDs; this is a {mutation.op}."
            return _errors(row, value, [Problem("adds_only", "/op", message)])
        judged = mutation if isinstance(mutation, list) else self._judge(row, mutation)
        if isinstance(judged, list):
            return _errors(row, value, judged)
        self._seen.add(judged.frame_id)
        return judged

    def _parsed(self, value: object) -> Mutation | list[Problem]:
        shape = _shape_of(value)
        if isinstance(shape, Problem):
            return [shape]
        try:
            return shape.model_validate(value)
        except ValidationError as error:
            most = max(self._faults_left, MAX_ROW_ERRORS)
            if error.error_count() <= most:
                self._faults_left -= error.error_count()
            return problems_of(error, shape, most=most)

    def _judge(self, row: int, mutation: Mutation) -> AcceptedRow | list[Problem]:
        if isinstance(mutation, Delete):
            accepted = AcceptedRow(row, Op.DELETE, mutation.frame_id, b"", 0, {})
            return list(self._repeated(mutation.frame_id, "/frame_id")) or accepted
        content = mutation.frame
        classes = class_counts(content.labels or ())
        payload = mutation.payload()
        problems = [
            *self._repeated(content.frame_id, "/frame/frame_id"),
            *islice(self._unknown_classes(content, classes), MAX_ROW_ERRORS),
            *_oversize(payload),
            *_too_varied(classes),
        ]
        growth = self._schema.check(content.metadata or {}, content.embedding, _label_embeddings(content))
        if isinstance(growth, list):
            problems.extend(Problem(code, f"/frame{place}", message) for code, place, message in growth)
        if problems or isinstance(growth, list):
            return problems
        self._schema = self._schema.grow(growth)
        return AcceptedRow(row, Op(mutation.op), content.frame_id, payload, len(content.labels or ()), classes)

    def _repeated(self, frame_id: str, place: str) -> Iterator[Problem]:
        if frame_id in self._seen and not self._repeats:
            message = f"An earlier row of this request is for the frame '{frame_id}' already; send this one afterwards."
            yield Problem("duplicate_frame_id", place, message)

    def _unknown_classes(self, content: Frame | PartialFrame, classes: dict[str, int]) -> Iterator[Problem]:
        if self._classes.issuperset(classes):
            return
        for position, label in enumerate(content.labels or ()):
            yield from self._unknown_class(label.class_name, "frame", "labels", position, "class")
            instances: Iterable[Instance | InstancePatch] = label.all_instances()
            for number, instance in enumerate(instances):
                place = ("frame", "labels", position, "instances", number, "class")
                yield from self._unknown_class(instance.class_name, *place)

    def _unknown_class(self, name: str | None, *at: str | int) -> Iterator[Problem]:
        if name is not None and name not in self._classes:
            message = f"The class '{name}' is not in the project's class map; append it there or use one that is."
            yield Problem("unknown_class", pointer(*at), message)


def parse_frame(payload: bytes) -> Frame:
    """The frame whose canonical JSON this is."""
    return Frame.model_validate_json(payload)


def parse_patch(payload: bytes) -> FramePatch:
    """The patch whose canonical JSON this is."""
    return FramePatch.model_validate_json(payload)


def _shape_of(value: object) -> type[Add | Modify | Delete] | Problem:
    """The model that a row is to be parsed by, or why it is not worth that."""
    if not isinstance(value, dict):
        return Problem("wrong_type", "", f'A row is an object such as {{"op": …}}; this is {json_type(value)}.')
    op = value.get("op")
    shape = _SHAPES.get(op) if isinstance(op, str) else None
    if shape is None:
        return Problem("unknown_op", "/op", "'op' must be ADD, MODIFY or DELETE.")
    return _ill_formed(value) or shape


def _ill_formed(row: dict[str, object]) -> Problem | None:
    """What no valid row has: objects that repeat a name, objects and lists too large, and too deep in each other.

    Goes by levels, and does not recurse. The models would find the large ones too, item by item.
    """
    level: list[Any] = [row]
    for _ in range(MAX_NESTING):
        for outer in level:
            if isinstance(outer, RepeatingObject):
                return Problem("duplicate_name", "", f"The name '{shown(outer.repeated)}' is twice in one object.")
            if len(outer) > (MAX_OBJECT_FIELDS if isinstance(outer, dict) else MAX_POLYGON_VERTICES):
                kind = "object" if isinstance(outer, dict) else "list"
                return Problem("too_long", "", f"The row has {len(outer):,} items in one {kind}; no valid row has.")
        parts = (part for outer in level for part in (outer.values() if isinstance(outer, dict) else outer))
        level = [part for part in parts if isinstance(part, _CONTAINERS)]
        if not level:
            return None
    return Problem("too_deep", "", f"The row is nested more than {MAX_NESTING} deep; no valid row is.")


_CONTAINERS = (dict, list)


def _oversize(payload: bytes) -> Iterator[Problem]:
    if len(payload) > MAX_FRAME_BYTES:
        message = f"The frame has {len(payload)} bytes in canonical JSON; it has at most {MAX_FRAME_BYTES}."
        yield Problem("frame_too_large", "/frame", message)


def _too_varied(classes: dict[str, int]) -> Iterator[Problem]:
    if len(classes) > MAX_CLASSES_PER_FRAME:
        message = f"The labels are of {len(classes)} classes; those of a frame are of at most {MAX_CLASSES_PER_FRAME}."
        yield Problem("too_many_classes_in_frame", "/frame/labels", message)


def _label_embeddings(content: Frame | PartialFrame) -> Iterator[tuple[int, Embedding]]:
    for position, label in enumerate(content.labels or ()):
        if label.embedding is not None:
            yield position, label.embedding


def _errors(row: int, value: object, problems: list[Problem]) -> list[RowError]:
    frame_id = _frame_id(value)
    return [
        RowError(row=row, frame_id=frame_id, code=code, pointer=place, message=message)
        for code, place, message in problems[:MAX_ROW_ERRORS]
    ]


def _frame_id(value: object) -> str | None:
    """The frame that a row names, as far as a bad row names one."""
    if not isinstance(value, dict):
        return None
    frame = value.get("frame")
    named = frame.get("frame_id") if isinstance(frame, dict) else value.get("frame_id")
    return shown(named) if isinstance(named, str) else None
