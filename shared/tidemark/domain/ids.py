"""Ids and names: what they may contain, and which shard a frame id belongs to (R5).

Ids of frames, labels, sensors and coordinate frames come from users' own systems, so they may contain any letter, digit
or mark of any script. Characters that are unsafe in sort keys, URLs and file names are refused, and so are invisible
characters and different spellings of the same text. Names of projects, datasets, assets and checkpoints are plain
ASCII. A request can name a version by a checkpoint's name, so a checkpoint name must not look like a number, a time or
`LATEST`.
"""

import re
import unicodedata
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated

from pydantic import AfterValidator, Field, Strict
from pydantic_core import PydanticCustomError

from tidemark.domain.limits import MAX_ID_BYTES, MAX_ID_CHARACTERS

REFUSED_CHARACTERS = frozenset('#/\\?*[],%"<>^|{}`')
"""Printable characters that no id may contain."""

MAX_LISTED_CHARACTERS = 10
"""Most refused characters that one error message lists."""

_PLAIN = r"!$&'()+\-.0-9:;=@A-Z_a-z~"
_PLAIN_ID = re.compile(rf"(?!\.\.?$)[{_PLAIN}](?:[ {_PLAIN}]{{0,{MAX_ID_CHARACTERS - 2}}}[{_PLAIN}])?")
"""Matches nearly all valid ids, so that only the remaining ids need the slower checks."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_NAME_CHARACTER = re.compile(r"[A-Za-z0-9._-]")
_TIME_LIKE = re.compile(r"[0-9]{4}[0-9TtWwZz._-]*")
"""Matches a year followed only by characters of ISO 8601 dates and times, as in `20260131T120000Z` and `2026-W05-1`."""


def shard_of(frame_id: str, shards: int) -> int:
    """Returns a frame's shard, from 0 to `shards` - 1. The result for the same arguments never changes."""
    return int.from_bytes(sha256(frame_id.encode()).digest()[:8]) % shards


def _id_rule(subject: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not _PLAIN_ID.fullmatch(value):
            error = _length_error(value) or _character_error(value) or _spelling_error(value)
            if error is not None:
                raise PydanticCustomError("invalid_id", "{problem}", {"problem": f"{subject} {error}."})
        return value

    return check


def _length_error(value: str) -> str | None:
    if not value:
        return "cannot be empty"
    if len(value) > MAX_ID_CHARACTERS:
        return f"can have at most {MAX_ID_CHARACTERS} characters; this one has {len(value)}"
    return None


def _character_error(value: str) -> str | None:
    refused = [character for character in dict.fromkeys(value) if _is_refused(character)]
    return f"cannot contain {_listed(refused)}" if refused else None


def _spelling_error(value: str) -> str | None:
    """Returns what is wrong with an id whose characters are all allowed; None if the id is valid."""
    if len(value.encode()) > MAX_ID_BYTES:
        return f"can have at most {MAX_ID_BYTES} bytes in UTF-8; this one has {len(value.encode())}"
    if value in (".", ".."):
        return f"cannot be '{value}'"
    if value != value.strip(" "):
        return "cannot begin or end with a space"
    if not unicodedata.is_normalized("NFC", value):
        return "must be in Unicode normalization form C (NFC)"
    return None


def _is_refused(character: str) -> bool:
    if character in REFUSED_CHARACTERS:
        return True
    category = unicodedata.category(character)
    return category[0] == "C" or (category[0] == "Z" and character != " ")


def _name_rule(subject: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        error = _name_error(value)
        if error is not None:
            raise PydanticCustomError("invalid_name", "{problem}", {"problem": f"{subject} {error}."})
        return value

    return check


def _name_error(value: str) -> str | None:
    length = _length_error(value)
    if length is not None or _NAME.fullmatch(value):
        return length
    refused = [character for character in dict.fromkeys(value) if not _NAME_CHARACTER.match(character)]
    if refused:
        return (
            f"can contain only the letters A-Z and a-z, digits, '.', '_' and '-'; it cannot contain {_listed(refused)}"
        )
    return "must begin with a letter, a digit or '_'"


def is_checkpoint_name(text: str) -> bool:
    """Returns whether a checkpoint may have the name `text`. A valid name cannot be mistaken for a version number, a
    time or `LATEST` (R14)."""
    return _checkpoint_error(text) is None


def _check_checkpoint_name(value: str) -> str:
    error = _checkpoint_error(value)
    if error is not None:
        raise PydanticCustomError("invalid_name", "{problem}", {"problem": f"A checkpoint name {error}."})
    return value


def _checkpoint_error(value: str) -> str | None:
    error = _name_error(value)
    if error is not None:
        return error
    if value.upper() == "LATEST":
        return f"cannot be '{value}', which means the latest version"
    if not any(character.isalpha() for character in value):
        return f"must contain a letter; '{value}' looks like a number or a date"
    if _TIME_LIKE.fullmatch(value):
        return f"cannot be '{value}', which looks like a time"
    return None


def _listed(characters: list[str]) -> str:
    """Returns the first `MAX_LISTED_CHARACTERS` of the characters in readable form, and how many more there are."""
    readable = [_readable(character) for character in characters[:MAX_LISTED_CHARACTERS]]
    more = f" and {len(characters) - MAX_LISTED_CHARACTERS} more" if len(characters) > MAX_LISTED_CHARACTERS else ""
    return ", ".join(readable) + more


def _readable(character: str) -> str:
    if character == " ":
        return "a space"
    if unicodedata.category(character)[0] in "CZM":
        return f"U+{ord(character):04X}"
    return f'"{character}"' if character == "'" else f"'{character}'"


_ID_LENGTH = Field(json_schema_extra={"minLength": 1, "maxLength": MAX_ID_CHARACTERS})
_NAME_PATTERN = Field(json_schema_extra={"pattern": f"^{_NAME.pattern}$", "maxLength": MAX_ID_CHARACTERS})

FrameId = Annotated[str, Strict(), AfterValidator(_id_rule("A frame id")), _ID_LENGTH]
LabelId = Annotated[str, Strict(), AfterValidator(_id_rule("A label id")), _ID_LENGTH]
SensorId = Annotated[str, Strict(), AfterValidator(_id_rule("A sensor id")), _ID_LENGTH]
CoordinateFrameId = Annotated[str, Strict(), AfterValidator(_id_rule("A coordinate frame id")), _ID_LENGTH]
ProjectName = Annotated[str, Strict(), AfterValidator(_name_rule("A project name")), _NAME_PATTERN]
DatasetName = Annotated[str, Strict(), AfterValidator(_name_rule("A dataset name")), _NAME_PATTERN]
CheckpointName = Annotated[str, Strict(), AfterValidator(_check_checkpoint_name), _NAME_PATTERN]
AssetName = Annotated[str, Strict(), AfterValidator(_name_rule("An asset name")), _NAME_PATTERN]
