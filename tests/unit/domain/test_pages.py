"""Cursors: opaque, bound to their list, and harmless when forged."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tidemark.domain.errors import InvalidRequest
from tidemark.domain.ids import FrameId
from tidemark.domain.limits import MAX_ID_BYTES, MAX_ID_CHARACTERS
from tidemark.domain.pages import decode_cursor, encode_cursor

PRINTABLE = st.text(min_size=1, max_size=64).filter(str.isprintable)


@given(scope=PRINTABLE, text=PRINTABLE, number=st.integers(min_value=0, max_value=10**12 - 1))
def test_a_cursor_gives_back_its_position(scope: str, text: str, number: int) -> None:
    assert decode_cursor(scope, encode_cursor(scope, text, number), str, int) == [text, number]


@pytest.mark.parametrize("frame_id", ["x" * MAX_ID_CHARACTERS, "é" * MAX_ID_CHARACTERS, "𝄞" * (MAX_ID_BYTES // 4)])
def test_a_cursor_can_stand_at_the_longest_ids(frame_id: str) -> None:
    assert TypeAdapter(FrameId).validate_python(frame_id) == frame_id
    assert decode_cursor("frames:d1", encode_cursor("frames:d1", frame_id), str) == [frame_id]


@given(cursor=st.text(max_size=200))
def test_what_is_no_cursor_is_refused_as_malformed(cursor: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        decode_cursor("frames:d1", cursor, str)
    assert refusal.value.code == "malformed_cursor"


def test_a_cursor_of_another_list_is_refused_as_such() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        decode_cursor("frames:d2", encode_cursor("frames:d1", "f7"), str)
    assert refusal.value.code == "foreign_cursor"


@pytest.mark.parametrize(
    "position", [[-1], [10**12], [True], [""], ["a\x00b"], ["\ud800"], ["x" * 257], ["é" * 129], [1.5], [], [1, 2]]
)
def test_a_made_up_position_is_refused(position: list[object]) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(["list", *position]).encode()).decode()
    kind = str if position and isinstance(position[0], str) else int
    with pytest.raises(InvalidRequest) as refusal:
        decode_cursor("list", cursor, kind)
    assert refusal.value.code == "malformed_cursor"
