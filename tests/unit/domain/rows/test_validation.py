"""Checking rows on arrival: good rows are normalised, and bad rows fail separately (R21)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import CLASS_MAP, Json, any_json, frames, mutations, patches, small_mutations, spoiled
from tidemark.domain.errors import RowError
from tidemark.domain.frames.class_map import ClassInput, ClassMap
from tidemark.domain.frames.frames import Frame
from tidemark.domain.frames.operations import Op
from tidemark.domain.frames.patches import FramePatch
from tidemark.domain.frames.schema import FieldType, Schema
from tidemark.domain.limits import MAX_CLASSES_PER_FRAME
from tidemark.domain.rows.strict_json import read_json
from tidemark.domain.rows.validation import AcceptedRow, RowValidator

MASK = {"id": "m", "type": "INSTANCE_LABEL_URL_2D", "url": "s3://b/m.png"}
BOX = {"id": "1", "type": "BBOX_2D", "class": "car", "top": 1, "left": 2, "width": 3, "height": 4}


def validator(**schema: Any) -> RowValidator:
    return RowValidator(CLASS_MAP, Schema(**schema))


def added(**fields: object) -> Json:
    return {"op": "ADD", "frame": {"frame_id": "f", **fields}}


def modified(**fields: object) -> Json:
    return {"op": "MODIFY", "frame": {"frame_id": "f", **fields}}


def accepted(row: object, by: RowValidator | None = None) -> AcceptedRow:
    outcome = (by or validator()).check(0, row)
    assert isinstance(outcome, AcceptedRow), outcome
    return outcome


def errors(row: object, by: RowValidator | None = None) -> list[RowError]:
    outcome = (by or validator()).check(3, row)
    assert isinstance(outcome, list)
    assert outcome
    return outcome


def only_error(row: object, by: RowValidator | None = None) -> RowError:
    (error,) = errors(row, by)
    return error


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


# Good rows


@given(mutations() | small_mutations)
def test_a_valid_row_is_accepted(row: Json) -> None:
    assert accepted(row).op == row["op"]


@given(frames())
def test_the_payload_of_an_add_is_its_frame(frame: Json) -> None:
    row = accepted({"op": "ADD", "frame": frame})
    assert Frame.model_validate_json(row.payload) == Frame.model_validate(frame)
    assert (row.frame_id, row.labels) == (frame["frame_id"], len(frame.get("labels", [])))


@given(patches())
def test_the_payload_of_a_modify_is_its_patch_without_nulls(patch: Json) -> None:
    row = accepted({"op": "MODIFY", **patch})
    assert b":null" not in row.payload
    assert FramePatch.model_validate_json(row.payload).canonical == FramePatch.model_validate(patch).canonical


def test_the_payload_of_a_delete_is_empty() -> None:
    assert accepted({"op": "DELETE", "frame_id": "f"}) == AcceptedRow(0, Op.DELETE, "f", b"", 0, {})


def test_a_row_counts_its_labels_and_their_classes() -> None:
    row = accepted(added(labels=[BOX, {**BOX, "id": "2"}, {**BOX, "id": "3", "class": "person"}]))
    assert (row.labels, row.classes) == (3, {"car": 2, "person": 1})


# Any JSON value


@given(any_json | spoiled(mutations()))
def test_any_json_value_is_accepted_or_explained(value: object) -> None:
    outcome = validator().check(7, value)
    if isinstance(outcome, list):
        assert 1 <= len(outcome) <= 20
        for error in outcome:
            assert error.row == 7
            assert error.code
            assert len(error.message) < 2000
            assert RowError.model_validate_json(error.model_dump_json()) == error


@given(small_mutations, spoiled(small_mutations))
def test_a_bad_row_teaches_the_schema_nothing(good: Json, row: Json) -> None:
    by = validator()
    accepted(good, by)
    before = by.schema
    if isinstance(by.check(1, row), list):
        assert by.schema is before


@pytest.mark.parametrize(
    "row",
    [nested(100_000), added(metadata={"a": nested(100_000)}), added(labels=[{"id": "1", "type": nested(100_000)}])],
)
def test_a_row_nested_without_end_is_explained(row: object) -> None:
    assert errors(row)[0].code in ("too_deep", "wrong_type")


# Bad rows


def test_a_row_nested_100_deep_is_told_so() -> None:
    error = only_error(added(metadata={"a": nested(100)}))
    assert (error.code, error.message) == (
        "too_deep",
        "The row is nested more than 16 levels deep, deeper than any valid row.",
    )


@pytest.mark.parametrize(
    ("row", "code", "pointer"),
    [
        (None, "wrong_type", ""),
        ([], "wrong_type", ""),
        ({}, "unknown_op", "/op"),
        ({"op": "UPSERT"}, "unknown_op", "/op"),
        ({"op": ["ADD"]}, "unknown_op", "/op"),
        ({"op": "ADD"}, "missing_field", "/frame"),
        ({"op": "ADD", "frame": 1}, "wrong_type", "/frame"),
        ({"op": "DELETE"}, "missing_field", "/frame_id"),
        ({"op": "DELETE", "frame_id": "f", "frame": {}}, "unknown_field", "/frame"),
        ({"op": "ADD", "frame": {"frame_id": "f"}, "remove_labels": []}, "unknown_field", "/remove_labels"),
        (added(frame_ids=1), "unknown_field", "/frame/frame_ids"),
    ],
)
def test_a_row_of_another_shape_is_told_what_is_expected(row: object, code: str, pointer: str) -> None:
    error = only_error(row)
    assert (error.code, error.pointer) == (code, pointer)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"op": "DELETE", "frame_id": "f", "labels": []}, "the fields are op and frame_id"),
        ({"op": "ADD", "frame": {"frame_id": "f"}, "remove_labels": []}, "the fields are op and frame"),
        ({"op": "MODIFY", "frame": {"frame_id": "f", "remove_labels": ["1"]}}, "it belongs beside 'frame'"),
        (added(geo={"lat": 1, "lon": 2, "metadata": {}}), "it belongs beside 'geo'"),
        (added(geo={"lat": 1, "lon": 2, "height": 3}), "the fields are lat, lon and alt"),
        (
            added(frame=1),
            "the fields are frame_id, captured_at, device_id, geo, sensors, coordinate_frames, metadata, embedding and "
            "labels",
        ),
        (
            added(labels=[{**BOX, "x": 1}]),
            "the fields are id, sensor, attributes, embedding, class, iscrowd, type, top, left, width and height",
        ),
        (
            added(labels=[{**MASK, "instances": [{"id": 1, "class": "car", "x": 1}]}]),
            "the fields are id, class and attributes",
        ),
    ],
)
def test_an_unknown_field_is_told_those_that_there_are(row: Json, words: str) -> None:
    assert only_error(row).message.endswith(f" is not a field here; {words}.")


def test_of_many_fields_none_is_listed() -> None:
    row = {"op": "MODIFY", "frame": {"frame_id": "f", "labels": [{"id": "1", "colour": 1}]}}
    assert only_error(row).message == "'colour' is not a field here."


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"labels": [{**BOX, "type": "CIRCLE"}]}, "unknown_type", "/frame/labels/0/type"),
        ({"labels": [{"id": "1"}]}, "missing_field", "/frame/labels/0/type"),
        ({"sensors": [{"id": "s", "type": "LIDAR"}]}, "unknown_type", "/frame/sensors/0/type"),
        ({"coordinate_frames": [{"id": "c", "type": "4D"}]}, "unknown_type", "/frame/coordinate_frames/0/type"),
    ],
)
def test_a_type_that_there_is_not_is_pointed_at(fields: Json, code: str, pointer: str) -> None:
    error = only_error(added(**fields))
    assert (error.code, error.pointer) == (code, pointer)


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        (modified(labels=[{"id": "a", "FOO": 1}]), "/frame/labels/0/FOO"),
        (modified(labels=[{"id": "a", "type": "BBOX_2D", "BBOX_2D": 1}]), "/frame/labels/0/BBOX_2D"),
        (added(labels=[{**BOX, "BBOX_2D": 1}]), "/frame/labels/0/BBOX_2D"),
        (
            added(labels=[{**MASK, "instances": [{"id": 1, "class": "car", "FOO": 1}]}]),
            "/frame/labels/0/instances/0/FOO",
        ),
        (added(coordinate_frames=[{"id": "a", "type": "2D", "3D": 1}]), "/frame/coordinate_frames/0/3D"),
    ],
)
def test_an_unknown_field_in_capitals_is_one_like_any_other(row: Json, pointer: str) -> None:
    error = only_error(row)
    assert (error.code, error.pointer) == ("unknown_field", pointer)
    assert error.message.startswith(f"'{pointer.rpartition('/')[2]}' is not a field here")


@pytest.mark.parametrize("row", [added(metadata={"[key]": None}), modified(metadata={"[key]": {}})])
def test_a_field_called_like_a_note_of_the_parser_keeps_its_place(row: Json) -> None:
    assert only_error(row).pointer == "/frame/metadata/[key]"


def test_a_name_that_is_no_name_is_pointed_at() -> None:
    assert only_error(added(labels=[{**BOX, "attributes": {" a": 1}}])).pointer == "/frame/labels/0/attributes/ a"


def test_too_many_fields_are_told_how_many_there_may_be() -> None:
    error = only_error(added(metadata={f"field {number}": number for number in range(501)}))
    assert (error.code, error.message) == ("too_long", "'metadata' can have at most 500 items.")


def test_a_list_and_a_text_that_may_not_be_empty_are_told_so() -> None:
    label = {"id": "1", "type": "POLYGON_LIST_2D", "class": "car", "polygons": []}
    assert only_error(added(labels=[label])).message == "'polygons' must not be empty."


def test_an_unknown_class_is_named() -> None:
    error = only_error(added(labels=[BOX, {**BOX, "id": "2", "class": "dragon"}]))
    assert (error.row, error.frame_id, error.code) == (3, "f", "unknown_class")
    assert error.pointer == "/frame/labels/1/class"
    assert (
        error.message
        == "The class 'dragon' is not in the project's class map. Add it to the map, or use one of its classes."
    )


def test_an_unknown_class_of_an_instance_is_named() -> None:
    mask = {"id": "m", "type": "INSTANCE_LABEL_URL_2D", "url": "s3://b/m", "instances": [{"id": 4, "class": "dragon"}]}
    assert only_error(added(labels=[mask])).pointer == "/frame/labels/0/instances/0/class"


def test_an_unknown_class_in_a_modify_is_named() -> None:
    error = only_error({"op": "MODIFY", "frame": {"frame_id": "f", "labels": [{"id": "1", "class": "dragon"}]}})
    assert (error.code, error.pointer) == ("unknown_class", "/frame/labels/0/class")


def test_metadata_of_another_type_is_told_field_known_and_seen_type() -> None:
    error = only_error(added(metadata={"speed": "fast"}), validator(fields={"speed": FieldType.NUMBER}))
    assert (error.code, error.pointer) == ("metadata_type", "/frame/metadata/speed")
    assert error.message == "The metadata field 'speed' has the type number in this dataset; this value is string."


def test_the_rows_before_fix_the_types_for_the_rows_after() -> None:
    by = validator()
    accepted(added(metadata={"speed": 1}), by)
    assert (
        only_error({"op": "MODIFY", "frame": {"frame_id": "g", "metadata": {"speed": "x"}}}, by).code == "metadata_type"
    )
    assert by.schema.fields == {"speed": FieldType.NUMBER}


@pytest.mark.parametrize(("text", "number"), [("NaN", "a"), ("Infinity", "b"), ("-Infinity", "c"), ("1e999", "d")])
def test_nan_and_infinity_are_an_error_of_their_row(text: str, number: str) -> None:
    row = json.loads(f'{{"op":"ADD","frame":{{"frame_id":"{number}","metadata":{{"speed":{text}}}}}}}')
    error = only_error(row)
    assert (error.frame_id, error.code, error.pointer) == (number, "not_finite", "/frame/metadata/speed")
    assert error.message == "A number must be finite: NaN and infinity cannot be stored."


def test_a_negative_box_is_told_its_side() -> None:
    error = only_error(added(labels=[{**BOX, "width": -3}]))
    assert (error.code, error.pointer, error.message) == (
        "out_of_range",
        "/frame/labels/0/width",
        "'width' must be at least 0.",
    )


def test_a_label_id_given_twice_is_told() -> None:
    error = only_error(added(labels=[BOX, {**BOX, "id": "2"}, BOX]))
    assert (error.code, error.pointer, error.message) == (
        "duplicate_label_id",
        "/frame/labels/2/id",
        "The label id '1' is in the list twice.",
    )


def test_a_label_id_given_twice_in_a_modify_is_told() -> None:
    row = {"op": "MODIFY", "frame": {"frame_id": "f", "labels": [{"id": "1"}, {"id": "1"}]}}
    assert only_error(row).pointer == "/frame/labels/1/id"


def test_of_many_bad_ids_of_labels_to_remove_the_first_is_told() -> None:
    row = {"op": "MODIFY", "frame": {"frame_id": "f"}, "remove_labels": ["1", *(["#"] * 1000)]}
    assert only_error(row).pointer == "/remove_labels/1"


def test_a_label_that_is_given_and_removed_is_told() -> None:
    row = {"op": "MODIFY", "frame": {"frame_id": "f", "labels": [{"id": "1"}]}, "remove_labels": ["1"]}
    error = only_error(row)
    assert (error.code, error.pointer) == ("label_given_and_removed", "/frame/labels/0/id")


@pytest.mark.parametrize(
    "row", [added(), {"op": "DELETE", "frame_id": "f"}, {"op": "MODIFY", "frame": {"frame_id": "f"}}]
)
def test_the_second_row_of_a_frame_in_a_request_is_an_error(row: Json) -> None:
    by = validator()
    accepted(added(), by)
    error = only_error(row, by)
    assert (error.code, error.frame_id) == ("duplicate_frame_id", "f")
    assert error.pointer.endswith("/frame_id")


def test_a_good_row_after_a_bad_one_of_the_same_frame_is_accepted() -> None:
    by = validator()
    errors(added(labels=[{**BOX, "width": -1}]), by)
    accepted(added(labels=[BOX]), by)


def test_forbidden_characters_are_named() -> None:
    error = only_error({"op": "DELETE", "frame_id": "a/b"})
    assert (error.code, error.pointer, error.message) == (
        "invalid_id",
        "/frame_id",
        "A frame id cannot contain '/'.",
    )


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"device_id": "x" * 1_000_000}, "/frame/device_id"),
        ({"metadata": {"note": "x" * 1_000_000}}, "/frame/metadata/note"),
        ({"frame_id": "x" * 1_000_000}, "/frame/frame_id"),
        ({"labels": [{**BOX, "class": "x" * 1_000_000}]}, "/frame/labels/0/class"),
    ],
)
def test_a_string_of_a_megabyte_is_told_its_limit_and_not_repeated(fields: Json, pointer: str) -> None:
    error = only_error(added(**fields))
    assert error.pointer == pointer
    assert "at most" in error.message
    assert len(error.model_dump_json()) < 500


@pytest.mark.parametrize("spoil", [{"x" * 1_000_000: 1}, {"labels": [{"id": "1", "type": "x" * 1_000_000}]}])
def test_long_keys_and_types_are_not_repeated(spoil: Json) -> None:
    assert len(only_error(added(**spoil)).model_dump_json()) < 1500


def test_a_frame_above_a_megabyte_is_told_its_size() -> None:
    error = only_error(added(metadata={f"field {number}": "x" * 8000 for number in range(140)}))
    assert (error.code, error.pointer) == ("frame_too_large", "/frame")
    assert "it can have at most 1,048,576" in error.message


@pytest.mark.parametrize(
    "text",
    [
        '{"op": "ADD", "op": "ADD", "frame": {"frame_id": "f"}}',
        '{"op": "ADD", "frame": {"frame_id": "f", "metadata": {"op": 1, "op": 2}}}',
        '{"op": "ADD", "frame": {"frame_id": "f", "labels": [{"id": "1", "attributes": {"op": 1, "op": 1}}]}}',
    ],
)
def test_a_name_that_is_twice_in_an_object_is_told(text: str) -> None:
    error = only_error(read_json(text.encode()))
    assert (error.code, error.message) == ("duplicate_name", "The name 'op' occurs twice in one object.")


def test_labels_of_too_many_classes_are_told_their_limit() -> None:
    names = [f"class {number}" for number in range(MAX_CLASSES_PER_FRAME + 1)]
    by = RowValidator(ClassMap().append([ClassInput(name=name) for name in names]), Schema())
    error = only_error(added(labels=[{**BOX, "id": name, "class": name} for name in names]), by)
    assert (error.code, error.pointer) == ("too_many_classes_in_frame", "/frame/labels")
    assert error.message == "The labels have 129 classes; a frame can have at most 128."


def test_a_name_is_told_its_limit_of_bytes() -> None:
    error = only_error(added(metadata={"雨" * 100: 1}))
    assert (error.code, error.message) == ("invalid_name", "A name can have at most 256 bytes in UTF-8.")


def test_a_second_source_of_embeddings_is_told_both() -> None:
    by = validator()
    accepted(added(embedding={"url": "s3://b/1", "model": "resnet", "dimension": 8}), by)
    row = {
        "op": "MODIFY",
        "frame": {"frame_id": "g", "embedding": {"url": "s3://b/2", "model": "clip", "dimension": 8}},
    }
    error = only_error(row, by)
    assert (error.code, error.pointer) == ("embedding_source", "/frame/embedding")
    assert "come from 'resnet' with 8 dimensions; this one comes from 'clip' with 8" in error.message


def test_of_very_many_errors_twenty_are_told() -> None:
    assert len(errors(added(labels=[{**BOX, "id": str(n), "width": -1} for n in range(100)]))) == 20


@pytest.mark.parametrize(
    ("row", "code", "message"),
    [
        (added(labels=[0] * 10_001), "too_long", "The row has 10,001 items in one list, more than any valid row."),
        (
            added(**{f"field {number}": 0 for number in range(1001)}),
            "too_long",
            "The row has 1,002 items in one object, more than any valid row.",
        ),
        (
            added(labels=[{**BOX, "id": str(number), **dict.fromkeys("abcdef", 0)} for number in range(4000)]),
            "too_many_faults",
            "This has 24,000 errors, too many to examine. Check that you sent the right data.",
        ),
    ],
    ids=["list", "object", "faults"],
)
def test_what_is_nothing_like_a_row_is_told_so_and_not_looked_at_further(row: Json, code: str, message: str) -> None:
    error = only_error(row)
    assert (error.code, error.message) == (code, message)


def test_rows_that_together_have_very_many_faults_are_told_how_many_each_has() -> None:
    by = validator()
    row = added(labels=[0] * 4000)
    reported = [error for number in range(8) if isinstance(outcome := by.check(number, row), list) for error in outcome]
    assert [error.code for error in reported] == ["wrong_type"] * 20 * 5 + ["too_many_faults"] * 3
    assert [error.row for error in reported[-3:]] == [5, 6, 7]
    assert reported[-1].message.startswith("This has 4,000 errors, and the rows before it have thousands.")


def test_a_row_with_few_faults_is_told_them_after_any_others() -> None:
    by = validator()
    for number in range(6):
        by.check(number, added(labels=[0] * 4000))
    (error,) = errors(added(labels=[0]), by)
    assert (error.code, error.pointer) == ("wrong_type", "/frame/labels/0")


@pytest.mark.parametrize("part", ["polygons", "keypoints", "instances"])
def test_of_a_label_with_very_many_faulty_points_the_first_is_told(part: str) -> None:
    label = {
        "polygons": {"id": "p", "type": "POLYGON_LIST_2D", "class": "car", "polygons": [[0] * 10_000] * 100},
        "keypoints": {"id": "p", "type": "KEYPOINTS_2D", "class": "car", "keypoints": [0] * 1000},
        "instances": {**MASK, "instances": [0] * 5000},
    }[part]
    assert only_error(added(labels=[label])).code == "wrong_type"


def test_all_kinds_of_errors_of_a_row_are_told_together() -> None:
    row = added(metadata={"speed": "x"}, labels=[{**BOX, "class": "dragon"}])
    codes = {error.code for error in errors(row, validator(fields={"speed": FieldType.NUMBER}))}
    assert codes == {"unknown_class", "metadata_type"}


@given(st.data())
def test_rows_are_judged_in_their_order_and_each_alone(data: st.DataObject) -> None:
    rows = data.draw(st.lists(small_mutations | spoiled(small_mutations), max_size=5))
    by = validator()
    outcomes = [by.check(number, row) for number, row in enumerate(rows)]
    good = [row for row, outcome in zip(rows, outcomes, strict=True) if isinstance(outcome, AcceptedRow)]
    again = validator()
    assert all(isinstance(again.check(number, row), AcceptedRow) for number, row in enumerate(good))
    assert again.schema == by.schema
