"""Costly bodies of 4 MiB, by what makes them costly."""

import json
from collections.abc import Callable
from typing import Any

from tidemark.domain.limits import MAX_REQUEST_BYTES, MAX_REQUEST_ROWS

Json = dict[str, Any]

ROOM = MAX_REQUEST_BYTES - 64
"""Bytes of a body between its opening and its closing text."""


def bodies() -> dict[str, bytes]:
    """Returns the bodies by name, each as large as a request may be."""
    return {
        "nested lists": b"[" * MAX_REQUEST_BYTES,
        "nested objects": b'{"a":' * (MAX_REQUEST_BYTES // 5),
        "rows nested up to the parser's limit": _list_of(b'{"op":"ADD","frame":' + b"[" * 900 + b"]" * 900 + b"}"),
        "two million zeros": _list_of(b"0"),
        "a million empty lists": _list_of(b"[]"),
        "half a million fields": _object(b'"%06d":0'),
        "one field, many times": b"{" + _filled(b'"a":0') + b"}",
        "a row of two million zeros": b'{"mutations":[{"op":"ADD","frame":[' + _filled(b"0") + b"]}]}",
        "a number of four million digits": b'{"mutations":[' + b"9" * ROOM + b"]}",
        "a fraction of four million digits": b'{"mutations":[0.' + b"9" * ROOM + b"]}",
        "numbers too large": _list_of(b"1e400"),
        "halves of surrogate pairs": b'{"mutations":["' + b"\\ud800" * (ROOM // 6) + b'"]}',
        "control characters": b'{"mutations":["' + b"\0" * ROOM + b'"]}',
        "invalid UTF-8": b"\xff" * MAX_REQUEST_BYTES,
        "quotation marks": b'"' * MAX_REQUEST_BYTES,
        "blanks": b" " * MAX_REQUEST_BYTES,
        "invalid labels": _adds(lambda _: {"labels": [0] * 2030}),
        "empty labels": _adds(lambda _: {"labels": [{}] * 1350}),
        "invalid points": _adds(lambda _: {"labels": [_polygon([["", 0]] * 550)]}),
        "invalid instances": _adds(lambda _: {"labels": [{"type": "INSTANCE_MASK_2D", "instances": [{}] * 1300}]}),
        "unknown fields": _adds(lambda _: {f"x{number}": 0 for number in range(470)}),
        "metadata of null": _adds(lambda _: {"metadata": {f"x{number}": None for number in range(330)}}),
        "names with invisible characters": _adds(
            lambda _: {"metadata": {f"\u202e{number}": 0 for number in range(330)}}
        ),
        "one id for all labels": _adds(lambda _: {"labels": [_label("a", "heron")] * 75}),
        "unknown classes": _adds(lambda _: {"labels": [_label(str(number), "x") for number in range(76)]}),
        "invalid ids": _adds(lambda _: {"labels": [_label("#" * 400, "heron")] * 8}),
        "metadata of another type": _adds(lambda row: {"metadata": _alternating(row)}),
        "a new field in each row": _adds(lambda row: {"metadata": {f"field {row}": 0}}),
        "valid rows": _adds(lambda _: {"labels": [_label(str(number), "heron") for number in range(72)]}),
    }


def _filled(unit: bytes) -> bytes:
    """Returns the inside of a list, one item repeated."""
    return b",".join([unit] * (ROOM // (len(unit) + 1)))


def _list_of(unit: bytes) -> bytes:
    rows = [unit] * (ROOM // (len(unit) + 1))
    return b'{"mutations":[' + b",".join(rows[:MAX_REQUEST_ROWS] if len(unit) > 1000 else rows) + b"]}"


def _object(field: bytes) -> bytes:
    return b"{" + b",".join(field % number for number in range(ROOM // len(field % 0 + b","))) + b"}"


def _adds(fields: Callable[[int], Json]) -> bytes:
    """Returns as many ADDs as a request may have, each with an id and these fields."""
    rows = [{"op": "ADD", "frame": {"frame_id": f"f{row}", **fields(row)}} for row in range(MAX_REQUEST_ROWS)]
    body = json.dumps({"mutations": rows}, ensure_ascii=False, separators=(",", ":")).encode()
    assert len(body) <= MAX_REQUEST_BYTES, len(body)
    return body


def _label(label_id: str, name: str) -> Json:
    return {"id": label_id, "type": "CLASSIFICATION_2D", "class": name}


def _polygon(points: list[Any]) -> Json:
    return {"id": "p", "type": "POLYGON_LIST_2D", "class": "heron", "polygons": [points]}


def _alternating(row: int) -> Json:
    """Returns fields that are numbers in the first row, which sets their type, and text in the others."""
    return {f"f{number}": "" if row else 0 for number in range(420)}
