"""What is wrong with a row, in the words of its sender: a stable code, a JSON pointer and a sentence."""

from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tidemark.domain.limits import MAX_ERRORS_EXAMINED, MAX_ROW_ERRORS

MAX_SHOWN = 128
"""Characters of the sender's own text that a pointer or a sentence repeats."""
MAX_FIELDS_LISTED = 15
"""Fields of an object that are listed to whoever gave another one; who reads more looks at the documentation."""


class Problem(NamedTuple):
    """One thing that is wrong."""

    code: str
    pointer: str
    message: str


_WORDS = {
    "missing": ("missing_field", "{name} is required."),
    "extra_forbidden": ("unknown_field", "{name} is not a field here{instead}."),
    "string_type": ("wrong_type", "{name} must be text."),
    "string_unicode": ("invalid_text", "{name} contains half of a surrogate pair, which is not text."),
    "string_pattern_mismatch": ("invalid_value", "{name} must match {pattern}."),
    "string_too_long": ("too_long", "{name} has at most {max_length} characters."),
    "string_too_short": ("too_short", "{name} has at least {min_length} characters."),
    "float_type": ("wrong_type", "{name} must be a number."),
    "int_type": ("wrong_type", "{name} must be a whole number."),
    "int_parsing_size": ("out_of_range", "{name} is larger than any whole number that is taken."),
    "int_parsing": ("wrong_type", "{name} must be a whole number."),
    "bool_type": ("wrong_type", "{name} must be true or false."),
    "finite_number": ("not_finite", "{name} must be a finite number: NaN and infinity cannot be stored."),
    "greater_than_equal": ("out_of_range", "{name} must be at least {ge}."),
    "less_than_equal": ("out_of_range", "{name} must be at most {le}."),
    "model_attributes_type": ("wrong_type", "{name} must be an object."),
    "model_type": ("wrong_type", "{name} must be an object."),
    "dict_type": ("wrong_type", "{name} must be an object."),
    "list_type": ("wrong_type", "{name} must be a list."),
    "tuple_type": ("wrong_type", "{name} must be a list."),
    "too_long": ("too_long", "{name} has at most {max_length} items{seen}."),
    "too_short": ("too_short", "{name} has at least {min_length} items{seen}."),
    "enum": ("unknown_value", "{name} must be {expected}."),
    "literal_error": ("unknown_value", "{name} must be {expected}."),
    "union_tag_invalid": ("unknown_type", "There is no type '{tag}' here; the types are {expected_tags}."),
    "union_tag_not_found": ("missing_field", "'type' is required."),
}
_ABOUT_TYPE = ("union_tag_invalid", "union_tag_not_found")


def pointer(*parts: str | int) -> str:
    """A JSON pointer (RFC 6901). Long keys are cut, since a key may be anything that its sender made up."""
    return "".join("/" + shown(str(part)).replace("~", "~0").replace("/", "~1") for part in parts)


def shown(text: str) -> str:
    """The sender's own text, cut to what a person will read, and free of what UTF-8 cannot hold."""
    cut = text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
    return cut.encode("utf-8", "replace").decode()


def problems_of(error: ValidationError, shape: Any, *at: str | int, most: int = MAX_ERRORS_EXAMINED) -> list[Problem]:
    """What pydantic found wrong in the value that lies at `at` and should be of type `shape`, in its order; as much as
    is told of one row. Of more than `most` faults it is told only how many there are: to look at one costs more than to
    find it.
    """
    count = error.error_count()
    if count > MAX_ERRORS_EXAMINED:
        message = f"This has {count:,} faults, too many to look at; it is nothing that belongs here."
        return [Problem("too_many_faults", pointer(*at), message)]
    if count > most:
        message = f"This has {count:,} faults, and what was sent with it has thousands; mend first those that are told."
        return [Problem("too_many_faults", pointer(*at), message)]
    problems: list[Problem] = []
    details = error.errors(include_url=False, include_input=False)
    within: set[tuple[str | int, ...]] = set()
    if any(detail["type"] == "too_short" for detail in details):
        within = {detail["loc"][:end] for detail in details for end in range(len(detail["loc"]))}
    for detail in details:
        if len(problems) >= MAX_ROW_ERRORS:
            break
        if detail["type"] == "too_short" and detail["loc"] in within:
            continue  # pydantic counts the valid items alone; those that are not are told already
        path = (*at, *place_of(shape, detail["loc"]))
        found = detail.get("ctx", {}).get("problems")
        if found is None:
            problems.append(problem_of(detail, path, shape))
        else:
            problems.extend(Problem(code, pointer(*path) + place, message) for code, place, message in found)
    return problems


def problem_of(detail: ErrorDetails, path: tuple[str | int, ...], shape: Any) -> Problem:
    """One thing that pydantic found wrong in the value at `path`. `shape` is the type that its `loc` leads into."""
    kind = detail["type"]
    if kind not in _WORDS:
        return Problem(kind, pointer(*path), detail["msg"])
    code, words = _WORDS[kind]
    context: dict[str, Any] = {key: _plain(value) for key, value in detail.get("ctx", {}).items()}
    # Pydantic does not count what is in an object.
    counted = context.get("actual_length")
    context["seen"] = "" if counted is None else f"; this one has {counted}"
    if kind == "extra_forbidden":
        context["instead"] = _instead(shape, detail["loc"])
    if context.get("min_length") == 1:
        words = "{name} must not be empty."
    place = pointer(*path, "type") if kind in _ABOUT_TYPE else pointer(*path)
    return Problem(code, place, words.format(name=_name(path), **context))


def _instead(shape: Any, loc: tuple[str | int, ...]) -> str:
    """What helps whoever gave a field at `loc` that is none there: where it is one, or the fields if they are few."""
    *place, name = loc
    if place and name != place[-1] and name in fields_at(shape, tuple(place[:-1])):
        return f"; it stands beside '{place[-1]}'"
    fields = fields_at(shape, tuple(place))
    if not 1 < len(fields) <= MAX_FIELDS_LISTED:
        return ""
    return f"; there are {', '.join(fields[:-1])} and {fields[-1]}"


def _plain(value: object) -> object:
    """A limit as a person writes it: 0 for 0.0; anything of the sender's, cut."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return shown(value) if isinstance(value, str) and len(value) > 2 * MAX_SHOWN else value


def _name(path: tuple[str | int, ...]) -> str:
    if not path:
        return "The row"
    last = path[-1]
    return f"Item {last} of the list" if isinstance(last, int) else f"'{shown(last)}'"


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
