"""Which fields there are at a place in a model: what whoever gave another one is told."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel


def fields_at(shape: Any, loc: tuple[str | int, ...]) -> list[str]:
    """Names of the fields of the object at `loc` in a value of type `shape`, or none if that is no single model.

    `loc` is as pydantic tells it: see `place_of`.
    """
    found, _ = _followed(shape, loc)
    models = [kind for kind in found if _is_model(kind)]
    return [field.alias or name for name, field in models[0].model_fields.items()] if len(models) == 1 else []


def place_of(shape: Any, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The place in the sender's JSON to which `loc` leads in a value of type `shape`.

    That is `loc` without what pydantic notes of its own: which member of a union it took, by the member's type, and
    that a key is meant and not its value.
    """
    return _followed(shape, loc)[1]


def _followed(shape: Any, loc: tuple[str | int, ...]) -> tuple[list[Any], tuple[str | int, ...]]:
    """The types of what lies at `loc`, and its place."""
    found = _members(shape)
    place: list[str | int] = []
    is_key = False
    for part in loc:
        taken = [kind for kind in found if _is_tagged(kind, part)] if len(found) > 1 else []
        if taken:
            found = taken
        elif not (is_key and part == _KEY):
            is_key = any(get_origin(kind) is dict for kind in found)
            found = [inner for outer in found for inner in _inside(outer, part)]
            place.append(part)
    return found, tuple(place)


_KEY = "[key]"
"""Pydantic's note that a key is meant, after the key."""


def _members(shape: Any) -> list[Any]:
    """The types that a type stands for: those of a union, and what is annotated."""
    if get_origin(shape) is Annotated:
        return _members(get_args(shape)[0])
    if get_origin(shape) in (Union, UnionType):
        return [member for kind in get_args(shape) for member in _members(kind)]
    return [shape]


def _inside(shape: Any, part: str | int) -> list[Any]:
    """The types of what lies at `part` in a value of type `shape`."""
    if _is_model(shape):
        fields = (field for name, field in shape.model_fields.items() if (field.alias or name) == part)
        return [member for field in fields for member in _members(field.annotation)]
    if get_origin(shape) in (tuple, list) and isinstance(part, int):
        return _members(get_args(shape)[0])
    return []


def _is_tagged(shape: Any, tag: str | int) -> bool:
    """Whether a type is the model that a union knows by `tag`."""
    kind = shape.model_fields.get("type") if _is_model(shape) else None
    return kind is not None and tag in get_args(kind.annotation)


def _is_model(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, BaseModel)
