"""Problems: what is wrong with a user's input, as a stable code, a JSON pointer and a sentence."""

from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from tidemark.domain.limits import MAX_ERRORS_EXAMINED, MAX_ROW_ERRORS

MAX_SHOWN_CHARACTERS = 128
"""Most characters of a user's own text that a JSON pointer or an error message repeats."""
MAX_SUGGESTED_FIELDS = 15
"""Most fields of a model that the error for an unknown field lists. A longer list belongs in the documentation."""

_KEY = "[key]"
"""Part that pydantic adds to an error's location when the error is in a dict's key and not in the key's value."""


class Problem(NamedTuple):
    """A problem with a user's input: a code, a JSON pointer and a sentence."""

    code: str
    pointer: str
    message: str


_CODES_AND_SENTENCES = {
    "missing": ("missing_field", "{name} is required."),
    "extra_forbidden": ("unknown_field", "{name} is not a field here{instead}."),
    "string_type": ("wrong_type", "{name} must be text."),
    "string_unicode": ("invalid_text", "{name} contains half of a surrogate pair, which is not a character."),
    "string_pattern_mismatch": ("invalid_value", "{name} must match {pattern}."),
    "string_too_long": ("too_long", "{name} can have at most {max_length} characters."),
    "string_too_short": ("too_short", "{name} must have at least {min_length} characters."),
    "float_type": ("wrong_type", "{name} must be a number."),
    "int_type": ("wrong_type", "{name} must be a whole number."),
    "int_parsing_size": ("out_of_range", "{name} is outside the range of whole numbers."),
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
    "too_long": ("too_long", "{name} can have at most {max_length} items{seen}."),
    "too_short": ("too_short", "{name} must have at least {min_length} items{seen}."),
    "enum": ("unknown_value", "{name} must be {expected}."),
    "literal_error": ("unknown_value", "{name} must be {expected}."),
    "union_tag_invalid": ("unknown_type", "'{tag}' is not a type here; the types are {expected_tags}."),
    "union_tag_not_found": ("missing_field", "'type' is required."),
}
_TYPE_ERRORS = ("union_tag_invalid", "union_tag_not_found")


def contradiction(problems: list[Problem]) -> PydanticCustomError:
    """Returns a validation error that carries `problems`, which `problems_of` then reports."""
    return PydanticCustomError("contradiction", "This contradicts itself.", {"problems": problems})


def pointer(*parts: str | int) -> str:
    """Returns a JSON pointer (RFC 6901) made of `parts`. Long parts are cut, because users can choose JSON keys of any
    length."""
    return "".join("/" + shown(str(part)).replace("~", "~0").replace("/", "~1") for part in parts)


def shown(text: str) -> str:
    """Returns a user's text, cut to `MAX_SHOWN_CHARACTERS` and without lone surrogates."""
    cut = text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "…"
    return cut.encode("utf-8", "replace").decode()


def problems_of(
    error: ValidationError, model: Any, *path: str | int, max_errors: int = MAX_ERRORS_EXAMINED
) -> list[Problem]:
    """Returns the problems that pydantic found in a value of type `model`, in pydantic's order. Stops after
    `MAX_ROW_ERRORS`.

    `path` is the location of the value in the user's JSON. If there are more than `max_errors` errors, returns a single
    problem that states their number, because examining an error costs more than finding it.
    """
    count = error.error_count()
    if count > MAX_ERRORS_EXAMINED:
        message = f"This has {count:,} errors, too many to examine. Check that you sent the right data."
        return [Problem("too_many_faults", pointer(*path), message)]
    if count > max_errors:
        message = f"This has {count:,} errors, and the rows before it have thousands. Fix the errors reported first."
        return [Problem("too_many_faults", pointer(*path), message)]
    problems: list[Problem] = []
    details = error.errors(include_url=False, include_input=False)
    parents: set[tuple[str | int, ...]] = set()
    if any(detail["type"] == "too_short" for detail in details):
        parents = {detail["loc"][:end] for detail in details for end in range(len(detail["loc"]))}
    for detail in details:
        if len(problems) >= MAX_ROW_ERRORS:
            break
        if detail["type"] == "too_short" and detail["loc"] in parents:
            continue  # pydantic counts only valid items, and the invalid ones are already reported
        full_path = (*path, *_json_path(model, detail["loc"]))
        nested = detail.get("ctx", {}).get("problems")
        if nested is None:
            problems.append(problem_of(detail, full_path, model))
        else:
            problems.extend(Problem(code, pointer(*full_path) + place, message) for code, place, message in nested)
    return problems


def problem_of(detail: ErrorDetails, path: tuple[str | int, ...], model: Any) -> Problem:
    """Returns a pydantic error as a problem at `path`. `model` is the type that the error's `loc` refers to."""
    kind = detail["type"]
    if kind not in _CODES_AND_SENTENCES:
        return Problem(kind, pointer(*path), detail["msg"])
    code, sentence = _CODES_AND_SENTENCES[kind]
    context: dict[str, Any] = {key: _plain(value) for key, value in detail.get("ctx", {}).items()}
    # Pydantic does not count the fields of an object.
    length = context.get("actual_length")
    context["seen"] = "" if length is None else f"; this one has {length}"
    if kind == "extra_forbidden":
        context["instead"] = _suggestion(model, detail["loc"])
    if context.get("min_length") == 1:
        sentence = "{name} must not be empty."
    place = pointer(*path, "type") if kind in _TYPE_ERRORS else pointer(*path)
    return Problem(code, place, sentence.format(name=_name(path), **context))


def _suggestion(model: Any, loc: tuple[str | int, ...]) -> str:
    """Returns the end of the message for an unknown field: where the field belongs, or the valid fields if they are
    few. Returns an empty text if there is nothing to suggest."""
    *parents, name = loc
    if parents and name != parents[-1] and name in _field_names(model, tuple(parents[:-1])):
        return f"; it belongs beside '{parents[-1]}'"
    fields = _field_names(model, tuple(parents))
    if not 1 < len(fields) <= MAX_SUGGESTED_FIELDS:
        return ""
    return f"; the fields are {', '.join(fields[:-1])} and {fields[-1]}"


def _plain(value: object) -> object:
    """Returns a value as an error message shows it: 0 for 0.0, and a long text cut short."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return shown(value) if isinstance(value, str) and len(value) > 2 * MAX_SHOWN_CHARACTERS else value


def _name(path: tuple[str | int, ...]) -> str:
    if not path:
        return "The row"
    last = path[-1]
    return f"Item {last} of the list" if isinstance(last, int) else f"'{shown(last)}'"


def _field_names(model: Any, loc: tuple[str | int, ...]) -> list[str]:
    """Returns the field names of the model at a pydantic location in `model`; none unless exactly one model is possible
    there."""
    types, _ = _follow(model, loc)
    models = [kind for kind in types if _is_model(kind)]
    return [field.alias or name for name, field in models[0].model_fields.items()] if len(models) == 1 else []


def _json_path(model: Any, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Returns the path in the user's JSON for a pydantic location in `model`.

    Pydantic adds parts of its own to a location: the tag of the union member that it chose, and a mark for an error in
    a dict's key. The path omits these parts.
    """
    return _follow(model, loc)[1]


def _follow(model: Any, loc: tuple[str | int, ...]) -> tuple[list[Any], tuple[str | int, ...]]:
    """Returns the possible types at a pydantic location in `model`, and the path in the user's JSON."""
    types = _members(model)
    path: list[str | int] = []
    is_key = False
    for part in loc:
        tagged = [kind for kind in types if _is_tagged(kind, part)] if len(types) > 1 else []
        if tagged:
            types = tagged
        elif not (is_key and part == _KEY):
            is_key = any(get_origin(kind) is dict for kind in types)
            types = [inner for outer in types for inner in _types_inside(outer, part)]
            path.append(part)
    return types, tuple(path)


def _members(kind: Any) -> list[Any]:
    """Returns the member types of a union, also of an annotated one. For any other type, returns a list of that type
    alone."""
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [member for alternative in get_args(kind) for member in _members(alternative)]
    return [kind]


def _types_inside(kind: Any, part: str | int) -> list[Any]:
    """Returns the possible types of one field or list item in a value of type `kind`. `part` is the field's name or the
    item's index."""
    if _is_model(kind):
        fields = (field for name, field in kind.model_fields.items() if (field.alias or name) == part)
        return [member for field in fields for member in _members(field.annotation)]
    if get_origin(kind) in (tuple, list) and isinstance(part, int):
        return _members(get_args(kind)[0])
    return []


def _is_tagged(kind: Any, tag: str | int) -> bool:
    """Returns whether a type is the model that a discriminated union selects by `tag`."""
    field = kind.model_fields.get("type") if _is_model(kind) else None
    return field is not None and tag in get_args(field.annotation)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
