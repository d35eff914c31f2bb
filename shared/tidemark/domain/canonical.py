"""Canonical JSON: one sequence of bytes for one value, whatever way it was reached; and the digest of bytes.

Keys are sorted by code point, there is no space between tokens, text is UTF-8 and not escaped beyond what JSON asks
for. Numbers are written as Python writes them, so the models decide between `1` and `1.0` (see `fields`).
"""

import json
from hashlib import sha256

_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, sort_keys=True, separators=(",", ":")
)


def canonical_json(value: object) -> bytes:
    """A JSON value, with strings for keys, as canonical UTF-8.

    Raises ValueError for NaN, infinity and lone surrogates, TypeError for what is not JSON.
    """
    return _ENCODER.encode(value).encode()


def digest(data: bytes) -> str:
    """SHA-256 in lower-case hexadecimal: 64 characters."""
    return sha256(data).hexdigest()
