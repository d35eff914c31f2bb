"""Request units, by examples computed by hand from the developer guide."""

from typing import Any

import pytest

from tests.bench.units import Index, get_units, item_size, query_units, value_size, write_units

UPLOADS = Index(("dataset", "accepted_at"))
UNSETTLED = Index(("unsettled", "unsettled_order"), ("deletes",))


def _item(size: int, **more: str) -> dict[str, dict[str, Any]]:
    """Returns an item of exactly `size` bytes, besides `more`: PK and SK take 4 bytes, the filler's name 1."""
    return {
        "PK": {"S": ""},
        "SK": {"S": ""},
        "x": {"S": "y" * (size - 5)},
        **{name: {"S": value} for name, value in more.items()},
    }


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "abc"}, 3),
        ({"S": "é"}, 2),
        ({"N": "0"}, 1),
        ({"N": "7"}, 2),
        ({"N": "12"}, 2),
        ({"N": "123"}, 3),
        ({"N": "1000"}, 2),
        ({"N": "0.25"}, 2),
        ({"N": "-12"}, 3),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"B": b"1234"}, 4),
        ({"NS": ["1", "123"]}, 2 + 3),
        ({"SS": ["ab", "c"]}, 3),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"N": "1"}]}, 3 + (1 + 2) + (1 + 2)),
        ({"M": {"car": {"N": "2"}}}, 3 + (1 + 3 + 2)),
    ],
)
def test_a_value_has_the_size_that_the_guide_gives(value: dict[str, Any], size: int) -> None:
    assert value_size(value) == size


def test_an_item_is_as_large_as_the_names_and_values_of_its_attributes() -> None:
    assert item_size({"PK": {"S": "D#1"}, "SK": {"S": "META"}, "latest": {"N": "7"}}) == (2 + 3) + (2 + 4) + (6 + 2)


@pytest.mark.parametrize(("size", "units"), [(5, 1), (1024, 1), (1025, 2), (3072, 3)])
def test_a_write_takes_a_unit_for_each_kilobyte(size: int, units: int) -> None:
    assert write_units(None, _item(size)) == units
    assert write_units(None, _item(size), transactional=True) == 2 * units


def test_a_replaced_item_counts_with_the_larger_of_its_two_states() -> None:
    assert write_units(_item(2048), _item(100)) == 2
    assert write_units(_item(100), _item(2049)) == 3


def test_an_index_takes_a_write_for_an_entry_that_comes_or_goes() -> None:
    without, within = _item(100), _item(100, unsettled="u", unsettled_order="uid#P#t")
    assert UNSETTLED.write_units(None, without) == 0
    assert UNSETTLED.write_units(without, within) == 1
    assert UNSETTLED.write_units(within, without) == 1


def test_an_index_takes_two_writes_where_its_key_changes() -> None:
    before, after = _item(100, dataset="uid", accepted_at="t1"), _item(100, dataset="uid", accepted_at="t2")
    assert UPLOADS.write_units(before, after) == 2


def test_an_index_takes_a_write_only_where_what_it_projects_changes() -> None:
    before = _item(100, unsettled="u", unsettled_order="uid#P#t", deletes="no")
    assert UNSETTLED.write_units(before, _item(900, unsettled="u", unsettled_order="uid#P#t", deletes="no")) == 0
    assert UNSETTLED.write_units(before, _item(100, unsettled="u", unsettled_order="uid#P#t", deletes="yes")) == 1


def test_items_that_are_got_round_up_one_by_one() -> None:
    assert get_units([1536, 6656], consistent=True) == 1 + 2
    assert get_units([0], consistent=True) == 1
    assert get_units([1536, 6656], consistent=False) == 1.5


def test_items_of_a_query_round_up_together() -> None:
    assert query_units([1500] * 4, consistent=True) == 2
    assert query_units([], consistent=True) == 1
    assert query_units([], consistent=False) == 0.5
