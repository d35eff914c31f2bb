"""Cursors, versions and times: any text is parsed, or is refused with an error code."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from tidemark.domain.errors import InvalidRequest
from tidemark.domain.frames.fields import Instant
from tidemark.domain.ids import is_checkpoint_name
from tidemark.domain.pages import MAX_CURSOR_NUMBER, decode_cursor, encode_cursor
from tidemark.versions.resolve import _moment

SCOPE = "frames:d1"
INSTANT: TypeAdapter[Any] = TypeAdapter(Instant)
SEEDS = [
    encode_cursor(SCOPE, "cam-1", 7).encode(),
    encode_cursor(SCOPE, "\u202e").encode(),
    encode_cursor("frames:d2", "cam-1", 7).encode(),
    encode_cursor(SCOPE, "cam-1", -1).encode(),
    b"WyJmcmFtZXM6ZDEiLHRydWVd",
    b"2026-03-01T12:00:00Z",
    b"2026-03-01T12:00:00.1234567+23:59",
    b"0001-01-01T00:00:00+14:00",
    b"9999-12-31T23:59:60-12:00",
    b"2026-W05-1T00Z",
    b"20260301T120000Z",
    b"LATEST",
    b"9" * 128,
]


def target(data: bytes) -> None:
    """Parses `data` as each of them. Raises AssertionError if an outcome is wrong."""
    text = data.decode("utf-8", "replace")
    for kinds in ((str,), (int,), (str, int)):
        _check_cursor(text, *kinds)
    _check_version(text)
    _check_instant(text)


def _check_cursor(text: str, *kinds: Any) -> None:
    try:
        position = decode_cursor(SCOPE, text, *kinds)
    except InvalidRequest as refusal:
        assert refusal.code in {"malformed_cursor", "foreign_cursor"}, refusal.code
        return
    assert decode_cursor(SCOPE, encode_cursor(SCOPE, *position), *kinds) == position
    assert all(0 <= part < MAX_CURSOR_NUMBER if isinstance(part, int) else "\0" not in part for part in position)


def _check_version(text: str) -> None:
    if is_checkpoint_name(text) or (text.isascii() and text.isdigit()):
        return
    try:
        moment = _moment(text)
    except InvalidRequest as refusal:
        assert refusal.code == "unknown_version", refusal.code
        assert len(refusal.message) < 1000
        return
    assert moment.tzinfo is not None
    assert moment.isoformat()


def _check_instant(text: str) -> None:
    try:
        instant = INSTANT.validate_python(text)
    except ValidationError as error:
        assert {fault["type"] for fault in error.errors()} <= {"invalid_time", "string_too_long"}
        return
    assert instant.endswith("Z")
    assert INSTANT.validate_python(instant) == instant, instant
