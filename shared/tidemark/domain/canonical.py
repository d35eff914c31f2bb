"""Canonical JSON, which gives equal values equal bytes, and the digest of bytes.

Object keys are sorted by code point. There is no whitespace between tokens. Text is UTF-8, and only what JSON requires
is escaped. Numbers are written as Python writes them, so the models decide between `1` and `1.0` (see
`frames/fields.py`).
"""

import json
from hashlib import sha256

_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, sort_keys=True, separators=(",", ":")
)


def canonical_json(value: object) -> bytes:
    """Returns a JSON value, whose object keys are strings, as canonical UTF-8.

    Raises ValueError for NaN, infinity and lone surrogates, and TypeError for a value that is not JSON.
    """
    return _ENCODER.encode(value).encode()


def digest(data: bytes) -> str:
    """Returns the SHA-256 of `data` in lower-case hexadecimal, 64 characters."""
    return sha256(data).hexdigest()
