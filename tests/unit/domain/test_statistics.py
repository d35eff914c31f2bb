"""Statistics are the same however the frames are divided (R15)."""

import json
from itertools import islice, product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import frames
from tidemark.domain.frames.frames import Frame, class_counts
from tidemark.domain.frames.schema import FieldType, Schema
from tidemark.domain.limits import (
    MAX_CLASS_MAP_BYTES,
    MAX_CLASSES,
    MAX_COUNTED_VALUE_BYTES,
    MAX_COUNTED_VALUES,
    MAX_SCHEMA_FIELDS,
)
from tidemark.domain.statistics import FieldStatistics, Statistics, Tally

SCHEMA = Schema(fields={"turn": FieldType.NUMBER, "tags": FieldType.STRINGS, "night": FieldType.BOOLEAN})


def counted(some: list[Frame]) -> Tally:
    tally = Tally(SCHEMA)
    for frame in some:
        tally.add(_stored_json(frame), class_counts(frame.stored()))
    return tally


def _stored_json(frame: Frame) -> dict[str, Any]:
    stored: dict[str, Any] = frame.model_dump(exclude_defaults=True, mode="json")
    return stored


def field(name: str, *values: Any) -> FieldStatistics:
    """Returns the statistics of a field, for frames with these values."""
    some = [Frame(frame_id=f"f{number}", metadata={name: value}) for number, value in enumerate(values)]
    return counted(some).result().metadata[name]


def values(result: FieldStatistics) -> list[tuple[Any, int]] | None:
    return None if result.values is None else [(counted.value, counted.count) for counted in result.values]


@given(some=st.lists(frames(), max_size=6), cuts=st.tuples(st.integers(0, 6), st.integers(0, 6)))
def test_the_tally_of_parts_is_that_of_the_whole(some: list[dict[str, Any]], cuts: tuple[int, int]) -> None:
    whole = [Frame.model_validate(frame) for frame in some]
    low, high = sorted(cuts)
    merged = Tally(SCHEMA)
    for part in (whole[high:], whole[:low], whole[low:high]):
        stored = counted(part).result().model_dump_json()
        merged.merge(Statistics.model_validate_json(stored))
    assert merged.result() == counted(whole).result()


def test_numbers_have_a_range_and_are_counted_while_they_are_few() -> None:
    result = field("turn", 2, 0.5, 2)
    assert (result.type, result.frames, result.min, result.max) == (FieldType.NUMBER, 3, 0.5, 2)
    assert values(result) == [(2, 2), (0.5, 1)]


def test_items_of_lists_are_counted_each() -> None:
    result = field("tags", ["a", "b"], ["a"], [])
    assert (result.frames, values(result)) == (3, [("a", 2), ("b", 1)])


def test_true_is_no_number() -> None:
    result = field("night", True, False, True)
    assert (result.min, result.max, values(result)) == (None, None, [(True, 2), (False, 1)])


def test_a_field_of_empty_lists_alone_has_no_type() -> None:
    result = field("unknown", [])
    assert (result.type, result.frames, values(result)) == (None, 1, [])


def test_many_values_are_not_counted_one_by_one() -> None:
    assert len(values(field("turn", *range(MAX_COUNTED_VALUES))) or ()) == MAX_COUNTED_VALUES
    result = field("turn", *range(MAX_COUNTED_VALUES + 1))
    assert (values(result), result.frames, result.max) == (None, MAX_COUNTED_VALUES + 1, MAX_COUNTED_VALUES)


def test_long_values_are_not_counted_one_by_one() -> None:
    quotes = 2
    assert values(field("tags", ["x" * (MAX_COUNTED_VALUE_BYTES - quotes)])) is not None
    assert values(field("tags", ["x" * (MAX_COUNTED_VALUE_BYTES - quotes + 1)])) is None


def test_the_largest_statistics_fit_an_answer_of_lambda() -> None:
    """Every text consists of quotation marks, each of which becomes four bytes as JSON inside JSON."""
    marks = '"' * 124
    fields = [f"{marks}{number:04}" for number in range(MAX_SCHEMA_FIELDS)]
    length = MAX_COUNTED_VALUE_BYTES // MAX_COUNTED_VALUES // 2 - 1
    items = ["".join(some) for some in islice(product('"\\', repeat=length), MAX_COUNTED_VALUES)]
    entry = {"id": MAX_CLASSES, "name": f"{marks}{0:04}"}
    classes = MAX_CLASS_MAP_BYTES // len(json.dumps(entry))
    tally = Tally(Schema())
    tally.add({"metadata": dict.fromkeys(fields, items)}, {f"{marks}{n:04}": 1_000_000 for n in range(classes)})
    result = tally.result()
    assert all(field.values is not None and len(field.values) == len(items) for field in result.metadata.values())
    answer = json.dumps({"statusCode": 200, "body": result.model_dump_json()}, ensure_ascii=False)
    assert len(answer.encode()) < 5_500_000


def test_classes_are_counted_by_frames_and_by_labels_and_instances() -> None:
    mask = {
        "id": "m",
        "type": "INSTANCE_LABEL_URL_2D",
        "url": "https://a.example/m.png",
        "instances": [{"id": 1, "class": "car"}, {"id": 2, "class": "car"}],
    }
    label = {"id": "c", "type": "CLASSIFICATION_2D", "class": "car"}
    some = [Frame.model_validate({"frame_id": "f1", "labels": [mask, label]}), Frame(frame_id="f2")]
    result = counted(some).result()
    assert (result.frames, result.labels) == (2, 2)
    assert result.classes["car"].model_dump() == {"frames": 1, "labels": 3}
