"""Reads request bodies: checks content type, encoding, size and JSON, before a body is validated against its model."""

import base64
import math
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from functions.api.http.problem import MALFORMED_JSON, HttpError
from tidemark.domain.errors import InvalidRequest, TooLarge
from tidemark.domain.frames.fields import json_type
from tidemark.domain.limits import MAX_BODY_VALUES, MAX_NESTING, MAX_REQUEST_BYTES
from tidemark.domain.rows.strict_json import RepeatingObject, read_json

JSON_TYPE = "application/json"


def body(event: Mapping[str, Any]) -> bytes:
    """Returns the bytes of a request's body, as the client sent them.

    Raises HttpError (415) if the body has a Content-Encoding or its content type is not JSON. Raises TooLarge if the
    body exceeds `MAX_REQUEST_BYTES`, and InvalidRequest if it arrived incomplete.
    """
    headers: Mapping[str, str] = event.get("headers") or {}
    _check_type(headers.get("content-type", ""))
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise HttpError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_encoding",
            f"The body has the Content-Encoding {encoding[:40]!r}; send it unencoded, without that header.",
        )
    raw = _raw(event)
    if len(raw) > MAX_REQUEST_BYTES:
        raise TooLarge(f"The body has {len(raw):,} bytes; the limit is {MAX_REQUEST_BYTES:,}.")
    return raw


def json_object(event: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the JSON object in a request's body.

    Raises what `body` and `read_json` raise. Raises InvalidRequest if the body is not an object, is nested too deeply,
    repeats a name within an object, or has invalid Unicode or a number that is not finite. Raises TooLarge if it has so
    many values that validation could exceed the timeout.
    """
    document = read_json(body(event))
    if not isinstance(document, dict):
        kind = json_type(document)
        raise InvalidRequest(f"The body must be an object, {{...}}; this is {kind}.", pointer="", fault="wrong_type")
    _check_document(document)
    return document


def _check_type(content_type: str) -> None:
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charset = next(
        (value.partition("=")[2].strip('"') for value in parameters if value.startswith("charset=")), "utf-8"
    )
    if kind != JSON_TYPE or charset not in ("utf-8", "utf8"):
        sent = repr(content_type[:80]) if content_type else "none"
        raise HttpError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_content_type",
            f"The body of a write must have the content type {JSON_TYPE} in UTF-8; this one has {sent}.",
            {"Accept": JSON_TYPE},
        )


def _raw(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", errors="surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # also binascii.Error, and text that is not ASCII
        raise InvalidRequest("The body arrived incomplete; send it again.", code=MALFORMED_JSON) from None


def _check_document(document: dict[str, Any]) -> None:
    """Checks every value in a JSON document, and raises the errors that `json_object` documents.

    Works level by level, without recursion, since nesting may be deep.
    """
    level: list[Any] = [document]
    values = 0
    for _ in range(MAX_NESTING):
        values += sum(len(value) for value in level if isinstance(value, dict | list))
        if values > MAX_BODY_VALUES:
            raise TooLarge(f"The body has more than {MAX_BODY_VALUES:,} fields and list items.")
        level = list(_next_level(level))
    if any(isinstance(value, dict | list) for value in level):
        raise InvalidRequest(f"The body nests more than {MAX_NESTING} arrays and objects.", code="too_deep")


def _next_level(level: list[Any]) -> Iterator[Any]:
    """Yields the names and values inside a level's objects and lists. Raises InvalidRequest for an invalid value."""
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
                raise InvalidRequest("The body has a number that is not finite or is too large.", code="not_finite")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(
            "The body has text with half of a surrogate pair, which is not a character.", code="invalid_text"
        ) from None
