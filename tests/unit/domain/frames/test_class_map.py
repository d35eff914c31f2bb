"""Adding classes to a class map (R2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import names
from tidemark.domain.errors import Conflict, InvalidRequest, TooLarge
from tidemark.domain.frames.class_map import PALETTE, ClassInput, ClassMap
from tidemark.domain.limits import MAX_CLASSES


def inputs(*given_names: str) -> list[ClassInput]:
    return [ClassInput(name=name) for name in given_names]


CARS = ClassMap().append(inputs("car", "bus"))


def test_ids_default_to_the_position_and_colours_to_the_palette() -> None:
    assert [(entry.name, entry.id, entry.color) for entry in CARS.classes] == [
        ("car", 0, PALETTE[0]),
        ("bus", 1, PALETTE[1]),
    ]


@given(st.lists(names, unique=True, max_size=5), st.lists(names, unique=True, max_size=5))
def test_a_list_that_begins_with_the_known_classes_appends_the_rest(known: list[str], more: list[str]) -> None:
    new = [name for name in more if name not in known]
    assert ClassMap().append(inputs(*known)).replace(inputs(*known, *new)) == ClassMap().append(inputs(*known, *new))


@pytest.mark.parametrize("classes", [[], ["car"], ["bus", "car"], ["car", "coach"], ["tram", "car", "bus"]])
def test_existing_classes_are_not_removed_renamed_or_moved(classes: list[str]) -> None:
    with pytest.raises(Conflict) as refusal:
        CARS.replace(inputs(*classes))
    assert refusal.value.code == "class_map_append_only"


def test_the_id_of_a_class_does_not_change() -> None:
    with pytest.raises(Conflict, match="must stay at position 0 with the id 0"):
        CARS.replace([ClassInput(name="car", id=7), ClassInput(name="bus")])


def test_a_colour_may_change() -> None:
    recoloured = CARS.replace([ClassInput(name="car", color="#000000"), ClassInput(name="bus")])
    assert [entry.color for entry in recoloured.classes] == ["#000000", PALETTE[1]]


def test_a_name_occurs_once() -> None:
    with pytest.raises(InvalidRequest, match="'car' is in the map twice"):
        CARS.append(inputs("car"))


def test_an_id_occurs_once() -> None:
    with pytest.raises(InvalidRequest, match="cannot have the id 0"):
        CARS.append([ClassInput(name="tram", id=0)])


def test_a_class_map_has_a_size() -> None:
    with pytest.raises(TooLarge):
        ClassMap().append(
            [ClassInput.model_construct(name=str(n), id=None, color=None) for n in range(MAX_CLASSES + 1)]
        )


def test_a_class_map_fits_the_item_that_keeps_it() -> None:
    long_names = [ClassInput(name=f"{number:x>128}") for number in range(2500)]
    with pytest.raises(TooLarge, match="it can take at most 327,680"):
        ClassMap().append(long_names)
