"""The metadata schema of a dataset (R3, R4)."""

import pytest

from tidemark.domain.frames.embeddings import Embedding
from tidemark.domain.frames.fields import MetadataValue
from tidemark.domain.frames.schema import FieldType, Schema, SchemaAdditions, type_of
from tidemark.domain.limits import MAX_SCHEMA_FIELDS
from tidemark.domain.problems import Problem

RESNET = Embedding(model="resnet", dimension=128, url="s3://b/1")
CLIP = Embedding(model="clip", dimension=512, url="s3://b/2")


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("a", "string"),
        (1, "number"),
        (0.5, "number"),
        (True, "boolean"),
        (("a",), "string[]"),
        ((0.5, 1), "number[]"),
        ((False,), "boolean[]"),
        ((), None),
    ],
)
def test_a_value_has_a_type(value: MetadataValue, type_: str | None) -> None:
    assert type_of(value) == type_


def test_the_first_value_fixes_the_type_of_its_field() -> None:
    additions = Schema().check({"speed": 1})
    assert additions == SchemaAdditions({"speed": FieldType.NUMBER}, None, None)


def test_whole_and_real_numbers_are_one_type() -> None:
    schema = Schema(fields={"speed": FieldType.NUMBER})
    assert schema.check({"speed": 1.5}) == schema.check({"speed": 1}) == SchemaAdditions({}, None, None)


def test_another_type_is_a_problem_that_names_field_and_both_types() -> None:
    schema = Schema(fields={"a/b": FieldType.NUMBER})
    assert schema.check({"a/b": "fast"}) == [
        Problem(
            "metadata_type",
            "/metadata/a~1b",
            "The metadata field 'a/b' has the type number in this dataset; this value is string.",
        )
    ]


def test_an_empty_list_fits_every_list_field() -> None:
    assert Schema(fields={"tags": FieldType.STRINGS}).check({"tags": ()}) == SchemaAdditions({}, None, None)


def test_an_empty_list_does_not_fit_a_scalar_field() -> None:
    problems = Schema(fields={"tag": FieldType.STRING}).check({"tag": ()})
    assert isinstance(problems, list)
    assert problems[0].message.endswith("this value is an empty list.")


def test_an_empty_list_fixes_no_type() -> None:
    assert Schema().check({"tags": ()}) == SchemaAdditions({}, None, None)


def test_a_schema_has_a_size() -> None:
    full = Schema(fields={f"f{n}": FieldType.STRING for n in range(MAX_SCHEMA_FIELDS)})
    problems = full.check({"one more": "x"})
    assert isinstance(problems, list)
    assert problems[0].code == "too_many_fields"


def test_embeddings_of_frames_come_from_one_source() -> None:
    schema = Schema(frame_embedding=RESNET.source)
    problems = schema.check({}, CLIP)
    assert isinstance(problems, list)
    assert problems[0][:2] == ("embedding_source", "/embedding")


def test_embeddings_of_labels_come_from_one_source_within_one_frame_too() -> None:
    problems = Schema().check({}, None, [(0, RESNET), (3, CLIP)])
    assert isinstance(problems, list)
    assert problems[0][:2] == ("embedding_source", "/labels/3/embedding")


def test_frames_and_labels_may_have_different_sources() -> None:
    assert Schema().check({}, RESNET, [(0, CLIP)]) == SchemaAdditions({}, RESNET.source, CLIP.source)


def test_growing_adds_and_never_takes_away() -> None:
    schema = Schema(fields={"speed": FieldType.NUMBER}, frame_embedding=RESNET.source)
    additions = schema.check({"night": True}, None, [(0, CLIP)])
    assert not isinstance(additions, list)
    assert schema.extended(additions) == Schema(
        fields={"speed": FieldType.NUMBER, "night": FieldType.BOOLEAN},
        frame_embedding=RESNET.source,
        label_embedding=CLIP.source,
    )


def test_growing_by_nothing_is_the_same_schema() -> None:
    schema = Schema(fields={"speed": FieldType.NUMBER}, frame_embedding=RESNET.source)
    additions = schema.check({"speed": 2}, RESNET)
    assert not isinstance(additions, list)
    assert schema.extended(additions) is schema
