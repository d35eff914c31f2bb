"""Validation of rows on arrival: turns any JSON value into an accepted mutation, or into errors that help the row's
sender.

Each row is checked separately (R21), against the models, the class map (R1) and the metadata schema of its dataset (R3,
R4). Fields that accepted rows add to the schema apply to the rows after them.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from pydantic import ValidationError

from tidemark.domain.canonical import canonical_json
from tidemark.domain.errors import RowError
from tidemark.domain.frames.class_map import ClassMap
from tidemark.domain.frames.embeddings import Embedding
from tidemark.domain.frames.fields import json_type
from tidemark.domain.frames.frames import Frame, Json, class_counts
from tidemark.domain.frames.mutations import Add, Delete, Modify, Mutation
from tidemark.domain.frames.operations import Op
from tidemark.domain.frames.patches import PartialFrame
from tidemark.domain.frames.schema import Schema
from tidemark.domain.limits import (
    MAX_CLASSES_PER_FRAME,
    MAX_ERRORS_EXAMINED,
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
    """Position of the row in its request, from 0; for a row of a file, its line number, from 1."""
    op: Op
    frame_id: str
    payload: bytes
    """The frame of an ADD, or the patch of a MODIFY, in canonical JSON; empty for a DELETE."""
    labels: int
    """Number of labels in the row."""
    classes: dict[str, int]
    """Number of labels and mask instances in the row, by class."""


_CONTAINERS = frozenset({dict, list, RepeatingObject})
"""Types of the objects and lists in parsed JSON."""

_MODELS: dict[str, type[Add | Modify | Delete]] = {"ADD": Add, "MODIFY": Modify, "DELETE": Delete}


class RowValidator:
    """Checks the rows of a request, or of a chunk of a file, in order.

    `repeats` permits several rows for the same frame. `adds_only` permits only ADD, for a dataset that is filled once
    (R22).
    """

    def __init__(self, class_map: ClassMap, schema: Schema, *, repeats: bool = False, adds_only: bool = False) -> None:
        self._classes = class_map.names
        self._schema = schema
        self._repeats = repeats
        self._adds_only = adds_only
        self._seen: set[str] = set()
        self._examinations_left = MAX_ERRORS_EXAMINED

    @property
    def schema(self) -> Schema:
        """The dataset's schema, extended by the rows accepted so far."""
        return self._schema

    def check(self, row: int, value: object) -> AcceptedRow | list[RowError]:
        """Checks one row, which can be any parsed JSON value, NaN and infinity included. Never raises.

        Returns the accepted row, or at most `MAX_ROW_ERRORS` errors. Once the rows checked so far have more than
        `MAX_ERRORS_EXAMINED` errors, a row with more than `MAX_ROW_ERRORS` gets a single error that states their
        number. Unless `repeats` is set, a second row for the same frame is an error, because the rows of a window name
        distinct frames.
        """
        mutation = self._parsed(value)
        if self._adds_only and isinstance(mutation, Modify | Delete):
            message = f"A BATCH dataset accepts only ADD, because it is filled once; this is a {mutation.op}."
            return _errors(row, value, [Problem("adds_only", "/op", message)])
        outcome = mutation if isinstance(mutation, list) else self._accept(row, mutation)
        if isinstance(outcome, list):
            return _errors(row, value, outcome)
        self._seen.add(outcome.frame_id)
        return outcome

    def _parsed(self, value: object) -> Mutation | list[Problem]:
        model = _model_of(value)
        if isinstance(model, Problem):
            return [model]
        try:
            return model.model_validate(value)
        except ValidationError as error:
            max_errors = max(self._examinations_left, MAX_ROW_ERRORS)
            if error.error_count() <= max_errors:
                self._examinations_left -= error.error_count()
            return problems_of(error, model, max_errors=max_errors)

    def _accept(self, row: int, mutation: Mutation) -> AcceptedRow | list[Problem]:
        if isinstance(mutation, Delete):
            accepted = AcceptedRow(row, Op.DELETE, mutation.frame_id, b"", 0, {})
            return list(self._repeated(mutation.frame_id, "/frame_id")) or accepted
        content = mutation.frame
        if isinstance(mutation, Add):
            stored = given = mutation.frame.stored()
        else:
            stored = mutation.stored()
            given = stored["frame"]
        classes = class_counts(given)
        payload = canonical_json(stored)
        problems = [
            *self._repeated(content.frame_id, "/frame/frame_id"),
            *islice(self._unknown_classes(given, classes), MAX_ROW_ERRORS),
            *_size_problems(payload),
            *_class_problems(classes),
        ]
        additions = self._schema.check(content.metadata or {}, content.embedding, _label_embeddings(content))
        if isinstance(additions, list):
            problems.extend(Problem(code, f"/frame{place}", message) for code, place, message in additions)
        if problems or isinstance(additions, list):
            return problems
        self._schema = self._schema.extended(additions)
        return AcceptedRow(row, Op(mutation.op), content.frame_id, payload, len(content.labels or ()), classes)

    def _repeated(self, frame_id: str, place: str) -> Iterator[Problem]:
        if frame_id in self._seen and not self._repeats:
            message = f"An earlier row of this request names the frame '{frame_id}'. Send this one in a later request."
            yield Problem("duplicate_frame_id", place, message)

    def _unknown_classes(self, given: Json, classes: dict[str, int]) -> Iterator[Problem]:
        if self._classes.issuperset(classes):
            return
        for position, label in enumerate(given["labels"]):
            yield from self._unknown_class(label.get("class"), "frame", "labels", position, "class")
            for number, instance in enumerate(label.get("instances", ())):
                place = ("frame", "labels", position, "instances", number, "class")
                yield from self._unknown_class(instance.get("class"), *place)

    def _unknown_class(self, name: str | None, *at: str | int) -> Iterator[Problem]:
        if name is not None and name not in self._classes:
            message = (
                f"The class '{name}' is not in the project's class map. Add it to the map, or use one of its classes."
            )
            yield Problem("unknown_class", pointer(*at), message)


def _model_of(value: object) -> type[Add | Modify | Delete] | Problem:
    """Returns the model to parse a row with, or a problem if the value cannot be a row."""
    if not isinstance(value, dict):
        return Problem("wrong_type", "", f'A row must be an object such as {{"op": …}}; this is {json_type(value)}.')
    op = value.get("op")
    model = _MODELS.get(op) if isinstance(op, str) else None
    if model is None:
        return Problem("unknown_op", "/op", "'op' must be ADD, MODIFY or DELETE.")
    return _malformed(value) or model


def _malformed(row: dict[str, object]) -> Problem | None:
    """Returns what is malformed in a row, or None: a name repeated in a JSON object, or JSON objects and lists that are
    too large or nested too deeply.

    Works level by level, without recursion. The models would also refuse JSON objects and lists that are too large, but
    with an error for each item.
    """
    level: list[Any] = [row]
    for _ in range(MAX_NESTING):
        below: list[Any] = []
        values: Iterable[Any]
        for outer in level:
            if type(outer) is list:
                kind, values, most = "list", outer, MAX_POLYGON_VERTICES
            elif type(outer) is dict:
                kind, values, most = "object", outer.values(), MAX_OBJECT_FIELDS
            else:
                return Problem("duplicate_name", "", f"The name '{shown(outer.repeated)}' occurs twice in one object.")
            if len(outer) > most:
                return Problem(
                    "too_long", "", f"The row has {len(outer):,} items in one {kind}, more than any valid row."
                )
            # A plain loop over exact types, because it sees every value of every row.
            for inner in values:
                if type(inner) in _CONTAINERS:
                    below.append(inner)  # noqa: PERF401 - a comprehension for each object takes longer
        if not below:
            return None
        level = below
    return Problem("too_deep", "", f"The row is nested more than {MAX_NESTING} levels deep, deeper than any valid row.")


def _size_problems(payload: bytes) -> Iterator[Problem]:
    if len(payload) > MAX_FRAME_BYTES:
        message = f"The frame has {len(payload):,} bytes in canonical JSON; it can have at most {MAX_FRAME_BYTES:,}."
        yield Problem("frame_too_large", "/frame", message)


def _class_problems(classes: dict[str, int]) -> Iterator[Problem]:
    if len(classes) > MAX_CLASSES_PER_FRAME:
        message = f"The labels have {len(classes)} classes; a frame can have at most {MAX_CLASSES_PER_FRAME}."
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
    """Returns the id of the frame that a row names, even if the row is invalid; None if it names no frame."""
    if not isinstance(value, dict):
        return None
    frame = value.get("frame")
    frame_id = frame.get("frame_id") if isinstance(frame, dict) else value.get("frame_id")
    return shown(frame_id) if isinstance(frame_id, str) else None
