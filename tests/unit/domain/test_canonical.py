"""Canonical JSON: equal values have equal bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import Json, frames, patches
from tidemark.domain.canonical import canonical_json, digest
from tidemark.domain.frames.frames import Frame
from tidemark.domain.frames.patches import FramePatch

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def shuffled(value: object) -> object:
    """Returns the same JSON with the keys of every object reversed."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@given(json_values)
def test_what_is_written_reads_back(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


@given(json_values)
def test_the_order_of_keys_does_not_show(value: object) -> None:
    assert canonical_json(shuffled(value)) == canonical_json(value)


def test_the_form_is_utf8_with_sorted_keys_and_no_space() -> None:
    assert canonical_json({"b": [1, 2.0], "a": "é\n"}) == '{"a":"é\\n","b":[1,2.0]}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        canonical_json(value)


def test_a_digest_is_sha256_in_hexadecimal() -> None:
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(frames())
def test_a_frame_reads_back_from_its_canonical_form(frame: Json) -> None:
    state = Frame.model_validate(frame)
    assert Frame.model_validate_json(state.canonical) == state
    assert Frame.model_validate_json(state.canonical).canonical == state.canonical


@given(frames())
def test_a_frame_has_one_form_whatever_the_order_of_its_keys(frame: Json) -> None:
    assert Frame.model_validate(shuffled(frame)).canonical == Frame.model_validate(frame).canonical


@given(patches())
def test_a_patch_reads_back_from_its_canonical_form(patch: Json) -> None:
    parsed = FramePatch.model_validate(patch)
    assert FramePatch.model_validate_json(parsed.canonical).canonical == parsed.canonical


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"metadata": {"speed": 1}}, {"metadata": {"speed": 1.0}}),
        ({"metadata": {"speed": 0.0}}, {"metadata": {"speed": -0.0}}),
        ({"metadata": {"speed": [1, 2.0]}}, {"metadata": {"speed": [1.0, 2]}}),
        ({"geo": {"lat": 1, "lon": 0}}, {"geo": {"lat": 1.0, "lon": -0.0}}),
        ({"captured_at": "2024-05-17T09:30:00Z"}, {"captured_at": "2024-05-17 11:30:00.000+02:00"}),
        ({}, {"labels": [], "metadata": {}, "device_id": None}),
    ],
)
def test_spellings_of_one_state_have_one_form(first: Json, second: Json) -> None:
    forms = {Frame.model_validate({"frame_id": "a", **given}).canonical for given in (first, second)}
    assert len(forms) == 1


def test_a_frame_is_written_like_this_for_ever() -> None:
    frame = {
        "frame_id": "a",
        "captured_at": "2024-05-17T09:30:00Z",
        "sensors": [{"id": "cam", "type": "IMAGE", "url": "s3://b/k.png", "width": 8}],
        "metadata": {"split": "train", "night": False, "count": 3, "score": 0.5},
        "labels": [{"id": "1", "type": "BBOX_2D", "class": "7", "top": 0, "left": 1.5, "width": 2, "height": 3}],
    }
    assert Frame.model_validate(frame).canonical == (
        b'{"captured_at":"2024-05-17T09:30:00Z","frame_id":"a",'
        b'"labels":[{"class":"7","height":3.0,"id":"1","left":1.5,"top":0.0,"type":"BBOX_2D","width":2.0}],'
        b'"metadata":{"count":3,"night":false,"score":0.5,"split":"train"},'
        b'"sensors":[{"id":"cam","type":"IMAGE","url":"s3://b/k.png","width":8}]}'
    )
