"""Field types that the models share: numbers, text, URLs, instants and metadata values.

JSON is read strictly: a string is not a number, and `true` is not 1. A whole number is accepted where a real number is
expected. Each value has a single form, so that equal states have equal canonical JSON. Geometry is always real (`10`
becomes `10.0`), a whole number in metadata is always an integer (`2.0` becomes `2`), zero has no sign, and an instant
is in UTC.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from math import isfinite
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from tidemark.domain.limits import (
    MAX_ID_BYTES,
    MAX_ID_CHARACTERS,
    MAX_LIST_ITEMS,
    MAX_METADATA_FIELDS,
    MAX_SAFE_INTEGER,
    MAX_STRING_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    MAX_URL_CHARACTERS,
)

MODEL_CONFIG = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)
"""Pydantic configuration of all models of a frame: the models are immutable and refuse undocumented fields."""

# A bound method in C rather than a function: a polygon calls it for each of up to 20,000 coordinates.
_unsigned_zero = AfterValidator((0.0).__add__)

Number = Annotated[
    float, Field(strict=True, allow_inf_nan=False, ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER), _unsigned_zero
]
"""A finite real number. The bounds keep whole numbers exact and sums of a few numbers finite."""
Size = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=MAX_SAFE_INTEGER), _unsigned_zero]
"""A finite number of at least 0, such as a width or a height."""
Latitude = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-90, le=90), _unsigned_zero]
"""Latitude in degrees north, WGS 84."""
Longitude = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-180, le=180), _unsigned_zero]
"""Longitude in degrees east, WGS 84."""
Index = Annotated[int, Field(strict=True, ge=0, le=MAX_SAFE_INTEGER)]
"""A whole number of at least 0."""
Count = Annotated[int, Field(strict=True, ge=1, le=MAX_SAFE_INTEGER)]
"""A whole number of at least 1."""
Flag = Annotated[bool, Strict()]
Text = Annotated[str, Field(strict=True, max_length=MAX_STRING_CHARACTERS)]
LongText = Annotated[str, Field(strict=True, max_length=MAX_TEXT_CHARACTERS)]

_PLAIN_NAME = re.compile(r"[!-~](?:[ -~]*[!-~])?")


@lru_cache(maxsize=4096)  # frames repeat the same few names
def _check_name(value: str) -> str:
    if _PLAIN_NAME.fullmatch(value):
        return value
    if not value.strip(" ") or value != value.strip(" "):
        raise PydanticCustomError("invalid_name", "A name cannot be empty, and cannot begin or end with a space.")
    invisible = next((c for c in value if unicodedata.category(c)[0] in "CZ" and c != " "), None)
    if invisible is not None:
        raise PydanticCustomError(
            "invalid_name", "A name cannot contain the character {seen}.", {"seen": f"U+{ord(invisible):04X}"}
        )
    if len(value.encode()) > MAX_ID_BYTES:
        raise PydanticCustomError(
            "invalid_name", "A name can have at most {limit} bytes in UTF-8.", {"limit": MAX_ID_BYTES}
        )
    if not unicodedata.is_normalized("NFC", value):
        raise PydanticCustomError("invalid_name", "A name must be in Unicode normalization form C (NFC).")
    return value


Name = Annotated[str, Field(strict=True, max_length=MAX_ID_CHARACTERS), AfterValidator(_check_name)]
"""Name of a class, a metadata field, an attribute or a keypoint: visible text in any script."""

_URL = re.compile(r"(?:https?|s3|gs|abfss?)://[^\s\x00-\x1f\x7f]+")


def _check_url(value: str) -> str:
    if _URL.fullmatch(value):
        return value
    raise PydanticCustomError(
        "invalid_url",
        "A URL must begin with https://, http://, s3://, gs://, abfs:// or abfss:// and cannot contain spaces.",
    )


Url = Annotated[str, Field(strict=True, max_length=MAX_URL_CHARACTERS), AfterValidator(_check_url)]
"""URL of a file. The service stores the URL and does not open the file."""

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


def _check_instant(value: str) -> str:
    try:
        if _INSTANT.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        problem = "This date or time does not exist."
    else:
        problem = "Write a time like 2024-05-17T09:30:00Z, with seconds, up to six decimals, and Z or an offset."
    raise PydanticCustomError("invalid_time", "{problem}", {"problem": problem})


Instant = Annotated[
    str, Field(strict=True, max_length=40, json_schema_extra={"format": "date-time"}), AfterValidator(_check_instant)
]
"""An instant as RFC 3339 text, converted to UTC."""

Scalar = bool | int | float | str


def json_type(value: object) -> str:
    """Returns the type of a parsed JSON value, in the user's terms."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | tuple):
        return "a list"
    return "null" if value is None else "an object"


def _check_text(value: str) -> str:
    if len(value) > MAX_STRING_CHARACTERS:
        raise PydanticKnownError("string_too_long", {"max_length": MAX_STRING_CHARACTERS})
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise PydanticCustomError(
            "invalid_text", "Text cannot contain half of a surrogate pair, which is not a character."
        )
    return value


def _check_whole(value: int) -> int:
    if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        return value
    raise PydanticCustomError(
        "out_of_range",
        "A whole number must be between -{limit} and {limit}. Send a larger one as text.",
        {"limit": MAX_SAFE_INTEGER},
    )


def _check_real(value: float) -> int | float:
    if not isfinite(value):
        raise PydanticCustomError("not_finite", "A number must be finite: NaN and infinity cannot be stored.")
    if value.is_integer() and -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        return int(value)
    return value


_CHECKS: dict[type, Callable[[Any], Scalar]] = {str: _check_text, bool: bool, int: _check_whole, float: _check_real}


def check_scalar(value: object, kinds: str = "text, a number, or true or false") -> Scalar:
    """Returns a scalar in its single form, such as 2 for 2.0. `kinds` names the accepted types in the error message.

    Raises PydanticCustomError for a value of another type or out of range, and PydanticKnownError for a text that is
    too long.
    """
    check = _CHECKS.get(type(value))
    if check is not None:
        return check(value)
    raise PydanticCustomError(
        "wrong_type", "A value must be {kinds}; this is {seen}.", {"kinds": kinds, "seen": json_type(value)}
    )


def _check_value(value: object) -> Scalar | tuple[Scalar, ...]:
    check = _CHECKS.get(type(value))
    if check is not None:
        return check(value)
    if not isinstance(value, (list, tuple)):
        return check_scalar(value, "text, a number, true or false, or a list of these")
    if len(value) > MAX_LIST_ITEMS:
        limit = {"field_type": "List", "max_length": MAX_LIST_ITEMS, "actual_length": len(value)}
        raise PydanticKnownError("too_long", limit)
    items = tuple([check_scalar(item) for item in value])
    if len({json_type(item) for item in items}) > 1:
        raise PydanticCustomError(
            "mixed_list", "The items of a list must be all text, all numbers, or all true or false."
        )
    return items


class _AsMetadata:
    """Makes pydantic validate a metadata value with `_check_value`, and write it unchanged. A union of six types would
    be slower, because pydantic would try these types in turn for each value, in both directions."""

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_check_value)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        scalars = ("string", "number", "boolean")
        lists = [{"type": "array", "items": {"type": scalar}, "maxItems": MAX_LIST_ITEMS} for scalar in scalars]
        return {"anyOf": [*({"type": scalar} for scalar in scalars), *lists]}


MetadataValue = Annotated[Scalar | tuple[Scalar, ...], _AsMetadata()]
"""A metadata value: a scalar, or a list of scalars of one type. Null is not a value."""

Metadata = Annotated[dict[Name, MetadataValue], Field(max_length=MAX_METADATA_FIELDS)]
"""User metadata of a frame or a sensor, or attributes of a label: values by field name."""


def _without_nulls(value: object) -> object:
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


MetadataPatch = Annotated[Metadata, BeforeValidator(_without_nulls)]
"""User metadata or attributes in a MODIFY. Fields whose value is null are dropped, because null means that a field is
not given (R17)."""
