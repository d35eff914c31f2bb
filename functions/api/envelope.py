"""What a body must be before anyone looks at its meaning: its size, type and encoding, and sound JSON."""

import base64
import binascii
import json
import math
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from functions.api.problem import MALFORMED_JSON, HttpRefusal
from tidemark.domain.errors import InvalidRequest, TooLarge
from tidemark.domain.limits import MAX_NESTING, MAX_REQUEST_BYTES

JSON_TYPE = "application/json"
MAX_DIGITS = 400
"""Digits of a whole number; a longer one is larger than any float."""


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
    """The JSON object in the body of a write, read strictly: no name twice, finite numbers, no deep nesting.

    Raises what `body` raises, and InvalidRequest.
    """
    document = _parse(body(event))
    if not isinstance(document, dict):
        raise InvalidRequest("The body must be a JSON object, {...}.")
    _check_depth(document)
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
    except binascii.Error:
        raise InvalidRequest("The body did not arrive whole; send it again.", code=MALFORMED_JSON) from None


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(
            raw.decode(),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The body is not UTF-8 at byte {error.start}.", code=MALFORMED_JSON) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise InvalidRequest(f"The body is not JSON: {error}.", code=MALFORMED_JSON) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise InvalidRequest(f"The name {twice[:80]!r} appears twice in one object.", code="duplicate_name")
    return members


def _constant(name: str) -> float:
    raise InvalidRequest(f"{name} is not a JSON number.", code="not_finite")


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidRequest(f"The number {digits[:40]} is too large.", code="not_finite")
    return number


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise InvalidRequest(f"The number {digits[:40]}... is too large.", code="not_finite")
    return int(digits)


def _check_depth(document: dict[str, Any]) -> None:
    """Raise for nesting over the limit, and for text that is not Unicode: half of a surrogate pair."""
    level: list[Any] = [document]
    for _ in range(MAX_NESTING):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner.extend(value)
                inner.extend(value.values())
            elif isinstance(value, list):
                inner.extend(value)
            elif isinstance(value, str) and not value.isascii():
                _check_text(value)
        level = inner
    if any(isinstance(value, dict | list) for value in level):
        raise _too_deep()


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
