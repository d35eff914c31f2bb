"""Ids and names: which are allowed, and which shard a frame's id falls to (R5).

Ids of frames, labels, sensors and coordinate frames come from users' own systems, so they may hold any letter, digit
or mark of any script. Refused are the characters that are unsafe in keys, URLs and file names, those that cannot be
seen, and spellings of the same text that differ in bytes. Names of projects, datasets, assets and checkpoints are plain
ASCII; a checkpoint's may stand wherever a version is named, so it looks like no other way to name one.
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

MAX_LISTED = 10
"""Refused characters that one error names."""

_PLAIN = r"!$&'()+\-.0-9:;=@A-Z_a-z~"
_PLAIN_ID = re.compile(rf"(?!\.\.?$)[{_PLAIN}](?:[ {_PLAIN}]{{0,{MAX_ID_CHARACTERS - 2}}}[{_PLAIN}])?")
"""Ids of which no question arises: nearly all of them."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_NAME_CHARACTER = re.compile(r"[A-Za-z0-9._-]")
_TIME_LIKE = re.compile(r"[0-9]{4}[0-9TtWwZz._-]*")
"""A year, and then nothing but what dates and times in ISO 8601 consist of: `20260131T120000Z`, `2026-W05-1`."""


def shard_of(frame_id: str, shards: int) -> int:
    """The shard, from 0 to `shards` - 1, that holds a frame. It never changes for the same arguments."""
    return int.from_bytes(sha256(frame_id.encode()).digest()[:8]) % shards


def _id_rule(noun: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not _PLAIN_ID.fullmatch(value):
            complaint = _length_complaint(value) or _character_complaint(value) or _spelling_complaint(value)
            if complaint is not None:
                raise PydanticCustomError("invalid_id", "{problem}", {"problem": f"A {noun} {complaint}."})
        return value

    return check


def _length_complaint(value: str) -> str | None:
    if not value:
        return "cannot be empty"
    if len(value) > MAX_ID_CHARACTERS:
        return f"has at most {MAX_ID_CHARACTERS} characters; this one has {len(value)}"
    return None


def _character_complaint(value: str) -> str | None:
    refused = [character for character in dict.fromkeys(value) if _refused(character)]
    return f"cannot contain {_listing(refused)}" if refused else None


def _spelling_complaint(value: str) -> str | None:
    """Complaint about an id of which each character is allowed."""
    if len(value.encode()) > MAX_ID_BYTES:
        return f"has at most {MAX_ID_BYTES} bytes in UTF-8; this one has {len(value.encode())}"
    if value in (".", ".."):
        return f"cannot be '{value}'"
    if value != value.strip(" "):
        return "cannot begin or end with a space"
    if not unicodedata.is_normalized("NFC", value):
        return "must be in Unicode normalization form C (NFC)"
    return None


def _refused(character: str) -> bool:
    if character in REFUSED_CHARACTERS:
        return True
    category = unicodedata.category(character)
    return category[0] == "C" or (category[0] == "Z" and character != " ")


def _name_rule(noun: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        complaint = _name_complaint(value)
        if complaint is not None:
            raise PydanticCustomError("invalid_name", "{problem}", {"problem": f"A {noun} {complaint}."})
        return value

    return check


def _name_complaint(value: str) -> str | None:
    length = _length_complaint(value)
    if length is not None or _NAME.fullmatch(value):
        return length
    refused = [character for character in dict.fromkeys(value) if not _NAME_CHARACTER.match(character)]
    if refused:
        return f"has only the letters A-Z and a-z, digits, '.', '_' and '-'; it cannot contain {_listing(refused)}"
    return "begins with a letter, a digit or '_'"


def is_checkpoint_name(text: str) -> bool:
    """Whether a checkpoint may have this name; then it names no version in another way (R14)."""
    return _checkpoint_complaint(text) is None


def _check_checkpoint_name(value: str) -> str:
    complaint = _checkpoint_complaint(value)
    if complaint is not None:
        raise PydanticCustomError("invalid_name", "{problem}", {"problem": f"A checkpoint name {complaint}."})
    return value


def _checkpoint_complaint(value: str) -> str | None:
    complaint = _name_complaint(value)
    if complaint is not None:
        return complaint
    if value.upper() == "LATEST":
        return f"cannot be '{value}': that is the latest version"
    if not any(character.isalpha() for character in value):
        return f"has a letter in it; '{value}' looks like a number or a date"
    if _TIME_LIKE.fullmatch(value):
        return f"cannot be '{value}', which looks like a time"
    return None


def _listing(characters: list[str]) -> str:
    """Characters as a person can read them, the first few."""
    shown = [_shown(character) for character in characters[:MAX_LISTED]]
    more = f" and {len(characters) - MAX_LISTED} more" if len(characters) > MAX_LISTED else ""
    return ", ".join(shown) + more


def _shown(character: str) -> str:
    if character == " ":
        return "a space"
    if unicodedata.category(character)[0] in "CZM":
        return f"U+{ord(character):04X}"
    return f'"{character}"' if character == "'" else f"'{character}'"


_ID_LENGTH = Field(json_schema_extra={"minLength": 1, "maxLength": MAX_ID_CHARACTERS})
_NAME_PATTERN = Field(json_schema_extra={"pattern": f"^{_NAME.pattern}$", "maxLength": MAX_ID_CHARACTERS})

FrameId = Annotated[str, Strict(), AfterValidator(_id_rule("frame id")), _ID_LENGTH]
LabelId = Annotated[str, Strict(), AfterValidator(_id_rule("label id")), _ID_LENGTH]
SensorId = Annotated[str, Strict(), AfterValidator(_id_rule("sensor id")), _ID_LENGTH]
CoordinateFrameId = Annotated[str, Strict(), AfterValidator(_id_rule("coordinate frame id")), _ID_LENGTH]
ProjectName = Annotated[str, Strict(), AfterValidator(_name_rule("project name")), _NAME_PATTERN]
DatasetName = Annotated[str, Strict(), AfterValidator(_name_rule("dataset name")), _NAME_PATTERN]
CheckpointName = Annotated[str, Strict(), AfterValidator(_check_checkpoint_name), _NAME_PATTERN]
AssetName = Annotated[str, Strict(), AfterValidator(_name_rule("name of an asset")), _NAME_PATTERN]
