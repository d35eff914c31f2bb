"""What a body must be before anyone looks at its meaning: its size, type and encoding, and sound JSON."""

import base64
import math
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from functions.api.http.problem import MALFORMED_JSON, HttpRefusal
from tidemark.domain.errors import InvalidRequest, TooLarge
from tidemark.domain.frames.fields import json_type
from tidemark.domain.limits import MAX_BODY_VALUES, MAX_NESTING, MAX_REQUEST_BYTES
from tidemark.domain.rows.strict_json import RepeatingObject, read_json

JSON_TYPE = "application/json"


def body(event: Mapping[str, Any]) -> bytes:
    """The body of a write, as the client sent it.

    Raises HttpRefusal (415) for another content type or an encoded body, TooLarge and InvalidRequest.
    """
    headers: Mapping[str, str] = event.get("headers") or {}
    _check_type(headers.get("content-type", ""))
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise HttpRefusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_encoding",
            f"The body is encoded as {encoding[:40]!r}; send it as it is, without Content-Encoding.",
        )
    raw = _raw(event)
    if len(raw) > MAX_REQUEST_BYTES:
        raise TooLarge(f"The body has {len(raw):,} bytes; a request may have {MAX_REQUEST_BYTES:,}.")
    return raw


def json_object(event: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object in the body of a write: no name twice, finite numbers, Unicode text, no deep nesting,
    and not so many values that looking for faults in each would take longer than a request may.

    Raises what `body` and `read_json` raise, and InvalidRequest.
    """
    document = read_json(body(event))
    if not isinstance(document, dict):
        seen = json_type(document)
        raise InvalidRequest(f"The body must be an object, {{...}}; this is {seen}.", pointer="", fault="wrong_type")
    _check(document)
    return document


def _check_type(content_type: str) -> None:
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charset = next((p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset=")), "utf-8")
    if kind != JSON_TYPE or charset not in ("utf-8", "utf8"):
        given = repr(content_type[:80]) if content_type else "none"
        raise HttpRefusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_content_type",
            f"The content type of a write must be {JSON_TYPE}, in UTF-8; this request's is {given}.",
            {"Accept": JSON_TYPE},
        )


def _raw(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", errors="surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one, and so is what is not ASCII
        raise InvalidRequest("The body did not arrive whole; send it again.", code=MALFORMED_JSON) from None


def _check(document: dict[str, Any]) -> None:
    """Raise for what JSON cannot say or says twice: see `json_object`. Goes by levels, and does not recurse."""
    level: list[Any] = [document]
    values = 0
    for _ in range(MAX_NESTING):
        values += sum(len(value) for value in level if isinstance(value, dict | list))
        if values > MAX_BODY_VALUES:
            raise TooLarge(f"The body has more than {MAX_BODY_VALUES:,} fields and items of lists.")
        level = list(_inside(level))
    if any(isinstance(value, dict | list) for value in level):
        raise _too_deep()


def _inside(level: list[Any]) -> Iterator[Any]:
    """The names and values in the objects and lists of a level, all of which are sound."""
    for value in level:
        match value:
            case RepeatingObject():
                name = repr(value.repeated[:80])
                raise InvalidRequest(f"The name {name} appears twice in one object.", code="duplicate_name")
            case dict():
                yield from value
                yield from value.values()
            case list():
                yield from value
            case str() if not value.isascii():
                _check_text(value)
            case float() if not math.isfinite(value):
                raise InvalidRequest("The body has a number that is not finite, or too large.", code="not_finite")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(
            "The body has half of a surrogate pair in a string, which is no character.", code="invalid_text"
        ) from None


def _too_deep() -> InvalidRequest:
    return InvalidRequest(
        f"The body has more than {MAX_NESTING} arrays and objects inside each other.", code="too_deep"
    )
