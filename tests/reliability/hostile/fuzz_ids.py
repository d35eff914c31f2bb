"""Ids: any text is an id with one spelling, or is refused with a reason. No two ids share a key, a path or a shard's
key range."""

import unicodedata
from typing import Any
from urllib.parse import quote, unquote

from pydantic import TypeAdapter, ValidationError

from tidemark.domain import ids
from tidemark.domain.limits import MAX_ID_BYTES, MAX_ID_CHARACTERS
from tidemark.shards.frame_versions import _frame_sk

KINDS: dict[str, Any] = {
    name: TypeAdapter(kind)
    for name, kind in vars(ids).items()
    if name.endswith(("Id", "Name")) and hasattr(kind, "__metadata__")
}
PLAIN = {"ProjectName", "DatasetName", "CheckpointName", "AssetName"}
CODES = {"invalid_id", "invalid_name"}
SEEDS = [
    b"..\0.",
    b"a%2fb\0a/b",
    b"a#000000000001\0a",
    "é\0e\u0301".encode(),
    "a\u202eb\0ab".encode(),
    "Å\0Å".encode(),
    b"A\0a",
    "ﬁ\0fi".encode(),
    b"x" * 129 + b"\0" + b"x" * 128,
    "𝄞".encode() * 65 + b"\0a ",
    b"LATEST\x002026-03-01\0",
    b"\xed\xa0\x80\0con",
]


def target(data: bytes) -> None:
    """Validates two texts, separated by a NUL, as ids of each kind. Raises AssertionError if an outcome is wrong."""
    first, _, second = data.decode("utf-8", "surrogateescape").partition("\0")
    for name, kind in KINDS.items():
        accepted = [text for text in (first, second) if _is_accepted(name, kind, text)]
        if len(accepted) == 2 and first != second:
            _check_apart(*accepted)


def _is_accepted(name: str, kind: Any, text: str) -> bool:
    try:
        assert kind.validate_python(text) == text
    except ValidationError as error:
        (fault,) = error.errors()
        assert fault["type"] in CODES, fault
        assert fault["msg"].encode()
        return False
    assert 0 < len(text) <= MAX_ID_CHARACTERS
    assert len(text.encode()) <= MAX_ID_BYTES
    assert unicodedata.is_normalized("NFC", text)
    assert text.isprintable()
    assert text not in (".", "..")
    assert not set("#/%\\?\0") & set(text)
    assert unquote(quote(text, safe="")) == text
    assert name not in PLAIN or text.isascii()
    return True


def _check_apart(first: str, second: str) -> None:
    low, high = _frame_sk(first, 0), _frame_sk(first, 10**12 - 1)
    assert not any(low <= _frame_sk(second, n) <= high for n in (0, 1, 10**12 - 1))
    assert quote(first, safe="") != quote(second, safe="")
    assert unicodedata.normalize("NFD", first) != unicodedata.normalize("NFD", second)
