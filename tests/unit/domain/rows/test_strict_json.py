"""Strict JSON: what is written reads back, and what would be lost is detected."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.domain.errors import InvalidRequest
from tidemark.domain.limits import MAX_SAFE_INTEGER
from tidemark.domain.rows.strict_json import MAX_DIGITS, RepeatingObject, read_json

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(categories=None))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read(value: Any) -> None:
    # Compares by repr, because NaN does not equal itself, and -0.0 and true equal other values.
    assert repr(read_json(json.dumps(value).encode())) == repr(value)


@given(st.integers(min_value=MAX_DIGITS + 1, max_value=10_000), st.sampled_from([1, -1]))
def test_a_whole_number_of_any_length_is_read_and_out_of_every_range(digits: int, sign: int) -> None:
    number = read_json(b"-"[: sign < 0] + b"9" * digits)
    assert isinstance(number, int)
    assert sign * number > MAX_SAFE_INTEGER


@given(st.text(), VALUES, VALUES, st.dictionaries(st.text(), VALUES, max_size=3))
def test_a_name_that_stands_twice_is_noticed_wherever_it_is(name: str, first: Any, second: Any, rest: Any) -> None:
    members = [(name, first), *rest.items(), (name, second)]
    written = ", ".join(f"{json.dumps(key)}: {json.dumps(member)}" for key, member in members)
    (value,) = read_json(f"[{{{written}}}]".encode())
    assert isinstance(value, RepeatingObject)
    assert value.repeated == name


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_without_end_is_refused(opening: bytes) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read_json(opening * 100_000)
    assert refusal.value.code == "too_deep"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": }', "The row is not JSON: Expecting value: column 7."),
        (b'{"a":\n}', "The row is not JSON: Expecting value: line 2, column 1."),
        (b"\xef\xbb\xbf{}", "The row begins with a byte order mark. Send it without one."),
        (b'"\xff"', "The row is not UTF-8 at byte 1."),
    ],
)
def test_what_cannot_be_read_is_named_as_its_sender_names_it(data: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read_json(data, "row")
    assert (refusal.value.message, refusal.value.code) == (message, "malformed_json")
