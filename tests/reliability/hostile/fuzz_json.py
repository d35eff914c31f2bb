"""JSON from users: any bytes are a value or an error, and a value equals that of Python's own parser."""

import json
import math
from typing import Any

from tidemark.domain.errors import InvalidRequest
from tidemark.domain.rows.strict_json import MAX_DIGITS, read_json

CODES = {"malformed_json", "too_deep"}
SEEDS = [
    b'{"a": [1, -0, 1e5, 1e400, NaN, -Infinity, true, null], "a": 2}',
    b'"\\ud800\\udc00 \\ud800 \xe2\x80\xae \\u0000"',
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    b"[" * 2000,
    b'{"a":' * 2000,
    b"9" * 5000,
    b"-" + b"9" * 5000 + b".5e-9999",
]


def target(data: bytes) -> None:
    """Parses `data` as JSON. Raises AssertionError if the outcome is wrong."""
    try:
        value = read_json(data)
    except InvalidRequest as refusal:
        assert refusal.code in CODES, refusal.code
        assert len(refusal.message) < 300
        return
    if _is_plain(value):
        assert json.loads(json.dumps(value)) == value
        assert json.loads(data) == value


def _is_plain(value: Any) -> bool:
    """Whether both parsers must agree on a value. Long numbers are rounded, and NaN is not equal to itself."""
    level = [value]
    while level:
        for each in level:
            if isinstance(each, int) and abs(each) >= 10 ** (MAX_DIGITS - 1):
                return False
            if isinstance(each, float) and not math.isfinite(each):
                return False
        level = [
            part
            for outer in level
            if isinstance(outer, dict | list)
            for part in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return True
