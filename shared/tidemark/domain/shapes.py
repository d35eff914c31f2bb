"""Which fields there are at a place in a model: what whoever gave another one is told."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel


def fields_at(shape: Any, place: tuple[str | int, ...]) -> list[str]:
    """Names of the fields of the object at `place` in a value of type `shape`, or none if that is no single model.

    `place` is as pydantic tells it: after the index of a member of a union stands the member's type.
    """
    found = _members(shape)
    for part in place:
        found = [inner for outer in found for inner in _inside(outer, part)]
    models = [kind for kind in found if _is_model(kind)]
    return [field.alias or name for name, field in models[0].model_fields.items()] if len(models) == 1 else []


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
        tag = shape.model_fields.get("type")
        if tag is not None and part in get_args(tag.annotation):
            return [shape]
        fields = (field for name, field in shape.model_fields.items() if (field.alias or name) == part)
        return [member for field in fields for member in _members(field.annotation)]
    if get_origin(shape) in (tuple, list) and isinstance(part, int):
        return _members(get_args(shape)[0])
    return []


def _is_model(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, BaseModel)
