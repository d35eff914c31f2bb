"""Valid and invalid ids and names, and the shard of a frame (R5)."""

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tests.support.strategies import ids
from tidemark.domain.ids import CheckpointName, DatasetName, FrameId, LabelId, is_checkpoint_name, shard_of

FRAME_ID: TypeAdapter[str] = TypeAdapter(FrameId)
LABEL_ID: TypeAdapter[str] = TypeAdapter(LabelId)
DATASET_NAME: TypeAdapter[str] = TypeAdapter(DatasetName)
CHECKPOINT_NAME: TypeAdapter[str] = TypeAdapter(CheckpointName)


def refusal(adapter: TypeAdapter[str], value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(value)
    return str(caught.value.errors()[0]["msg"])


@given(ids)
def test_letters_digits_and_marks_of_any_script_are_taken_as_they_are(text: str) -> None:
    assert FRAME_ID.validate_python(text) == text


@given(st.text(st.characters(categories=None), max_size=140))
def test_an_id_that_is_taken_has_one_spelling_and_no_refused_character(text: str) -> None:
    try:
        FRAME_ID.validate_python(text)
    except ValidationError:
        return
    assert 1 <= len(text) <= 128
    assert len(text.encode()) <= 256
    assert unicodedata.is_normalized("NFC", text)
    assert text == text.strip()
    assert not set(text) & set('#/\\?*[],%"<>^|{}`\n\x00\u200b\u00a0')


def test_the_error_names_the_refused_characters() -> None:
    assert refusal(FRAME_ID, "a/b#c/d") == "A frame id cannot contain '/', '#'."


def test_the_error_names_invisible_characters_by_code_point() -> None:
    assert refusal(LABEL_ID, "a\u200bb\n") == "A label id cannot contain U+200B, U+000A."


def test_the_error_lists_at_most_ten_characters() -> None:
    assert refusal(FRAME_ID, '#/\\?*[],%"<>').endswith(" and 2 more.")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("", "cannot be empty"),
        (".", "cannot be '.'"),
        ("..", "cannot be '..'"),
        (" a", "begin or end with a space"),
        ("a" * 129, "at most 128 characters; this one has 129"),
        ("猫" * 100, "at most 256 bytes in UTF-8; this one has 300"),
        ("e\u0301", "normalization form C"),
        ("\ud800", "U+D800"),
    ],
)
def test_the_error_says_what_is_wrong_with_the_id(bad: str, words: str) -> None:
    assert words in refusal(FRAME_ID, bad)


def test_an_id_of_128_characters_is_taken() -> None:
    assert FRAME_ID.validate_python("a" * 128)


def test_a_number_is_not_an_id() -> None:
    assert "string" in refusal(FRAME_ID, 7)


@pytest.mark.parametrize("good", ["digits", "v1.2", "_x", "0-a", "a" * 128])
def test_a_name_of_plain_letters_is_taken(good: str) -> None:
    assert DATASET_NAME.validate_python(good) == good


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("", "cannot be empty"),
        ("-a", "must begin with a letter"),
        ("a b", "cannot contain a space"),
        ("a b/c", "cannot contain a space, '/'"),
        ("a/é", "cannot contain '/', 'é'"),
        ("a\n", "cannot contain U+000A"),
        ("a" * 129, "at most 128 characters"),
    ],
)
def test_the_error_says_what_is_wrong_with_the_name(bad: str, words: str) -> None:
    assert words in refusal(DATASET_NAME, bad)


@pytest.mark.parametrize(
    "good",
    ["golden", "v1.5", "_x", "2026-03-01-golden", "20260301-v2", "2026-march", "latest-2", "12e4567", "a" * 128],
)
def test_a_checkpoint_may_have_a_name_that_begins_like_a_date_or_a_number(good: str) -> None:
    assert CHECKPOINT_NAME.validate_python(good) == good
    assert is_checkpoint_name(good)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("", "cannot be empty"),
        ("-a", "must begin with a letter"),
        ("a b", "cannot contain a space"),
        ("a" * 129, "at most 128 characters"),
        *((word, f"cannot be '{word}', which means the latest version") for word in ("LATEST", "latest", "Latest")),
        *((text, "looks like a number or a date") for text in ("7", "1.5", "2026-03", "2026-03-01", "_", "1_000")),
        *(
            (text, "looks like a time")
            for text in ("20260131T120000Z", "2026-01-31T12Z", "2026-W05-1", "2026-01-31t12")
        ),
    ],
)
def test_a_checkpoint_cannot_have_a_name_that_could_mean_a_version(bad: str, words: str) -> None:
    assert words in refusal(CHECKPOINT_NAME, bad)
    assert not is_checkpoint_name(bad)


@given(
    st.datetimes(datetime(1000, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["%Y%m%dT%H%M%SZ", "%Y-%m-%dT%HZ", "%G-W%V-%uT%HZ", "%Y-%jT%HZ", "%Y%m%dT%H%M%S.%f-0100"]),
)
def test_no_time_is_the_name_of_a_checkpoint(moment: datetime, form: str) -> None:
    assert not is_checkpoint_name(moment.strftime(form))


@given(ids, st.integers(1, 64))
def test_a_frame_falls_to_one_of_the_shards(frame_id: str, shards: int) -> None:
    assert 0 <= shard_of(frame_id, shards) < shards


def test_shards_of_known_frames_never_change() -> None:
    assert [shard_of(frame_id, 16) for frame_id in ("a", "frame-1", "000042", "猫")] == [10, 15, 4, 2]
