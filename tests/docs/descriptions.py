"""Reads what the code says of each field of a model and each value of an enumeration: the text under it."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from itertools import pairwise

from pydantic import BaseModel

ROOMS = ("tidemark.", "functions.")
NOT_SERVED = ("tidemark.client", "tidemark.cli")
"""The client has models of its own, under the same names."""


@cache
def descriptions(name: str) -> dict[str, str]:
    """Returns the descriptions of a class's fields, by their names in JSON, or of its values."""
    found: dict[str, str] = {}
    kind = _classes()[name]
    for base in reversed(kind.__mro__):
        if base.__module__.startswith(ROOMS):
            found |= _written(base)
    if issubclass(kind, StrEnum):
        return {kind[member].value: text for member, text in found.items()}
    fields = kind.model_fields if issubclass(kind, BaseModel) else {}
    return {fields[field].alias or field: text for field, text in found.items() if field in fields}


def _written(kind: type) -> dict[str, str]:
    """Returns the texts under a class's own attributes."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    lines = body.body if isinstance(body, ast.ClassDef) else []
    found: dict[str, str] = {}
    for line, text in pairwise(lines):
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found |= {name: str(text.value.value) for name in _assigned(line)}
    return found


def _assigned(line: ast.stmt) -> list[str]:
    targets = [line.target] if isinstance(line, ast.AnnAssign) else line.targets if isinstance(line, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


@cache
def _classes() -> dict[str, type]:
    found: dict[str, type] = {}
    for kind in _subclasses(BaseModel, StrEnum):
        if kind.__module__.startswith(ROOMS) and not kind.__module__.startswith(NOT_SERVED):
            found[kind.__name__] = kind
    return found


def _subclasses(*kinds: type) -> Iterator[type]:
    for kind in kinds:
        yield from kind.__subclasses__()
        yield from _subclasses(*kind.__subclasses__())
