"""The demo notices every difference from what it expects; otherwise its success would prove nothing."""

import copy
from typing import Any

import pytest

from examples.digits.ledger import Expected, Ledger, differences, totals

FRAME: dict[str, Any] = {"frame_id": "a", "metadata": {"ink": 0.5}, "labels": [{"id": "digit", "class": "7"}]}
OTHER: dict[str, Any] = {"frame_id": "b", "metadata": {"ink": 0.1}}
EXPECTED = Expected({"a": FRAME})


def test_frames_as_expected_do_not_differ() -> None:
    assert differences(EXPECTED, [FRAME | {"coordinate_frames": [], "geo": {}}]) == []


@pytest.mark.parametrize(
    ("path", "value"), [(("labels", 0, "class"), "1"), (("metadata", "ink"), 0.51), (("metadata", "new"), True)]
)
def test_a_frame_in_another_state_differs(path: tuple[Any, ...], value: object) -> None:
    seen = copy.deepcopy(FRAME)
    place: Any = seen
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    (difference,) = differences(EXPECTED, [seen])
    assert difference.startswith("a is ")


def test_a_lost_frame_is_missing() -> None:
    assert differences(EXPECTED, []) == ["a is missing"]


def test_a_frame_of_nobody_should_not_be_there() -> None:
    assert differences(EXPECTED, [FRAME, OTHER]) == ["b should not be there"]


def test_a_frame_on_two_pages_is_read_twice() -> None:
    assert differences(EXPECTED, [FRAME, FRAME]) == ["a was read twice"]


def test_a_frame_in_flight_may_be_there_but_in_no_other_state() -> None:
    expected = Expected({"a": FRAME}, in_flight={"b": OTHER})
    assert differences(expected, [FRAME]) == differences(expected, [FRAME, OTHER]) == []
    assert len(differences(expected, [FRAME, OTHER | {"metadata": {}}])) == 1


def test_uploads_that_share_a_version_are_both_whole_in_it() -> None:
    ledger = Ledger()
    ledger.settled([(1, {"a": FRAME}), (1, {"b": OTHER})])
    assert ledger.versions[1] == Expected({"a": FRAME, "b": OTHER})


def test_an_upload_that_settles_later_may_be_there_in_part_before() -> None:
    ledger = Ledger()
    ledger.settled([(2, {"a": FRAME}), (1, {"b": OTHER})])
    assert ledger.versions[1] == Expected({"b": OTHER}, in_flight={"a": FRAME})
    assert ledger.versions[2] == Expected({"a": FRAME, "b": OTHER})


def test_a_deleted_frame_is_in_the_versions_before_its_deletion_only() -> None:
    ledger = Ledger()
    ledger.settled([(1, {"a": FRAME})])
    ledger.settled([(2, {"a": None})])
    assert [set(expected.frames) for expected in ledger.versions.values()] == [set(), {"a"}, set()]


def test_a_roll_back_makes_a_version_of_the_frames_of_the_earlier_one() -> None:
    ledger = Ledger()
    ledger.settled([(1, {"a": FRAME})])
    ledger.settled([(2, {"a": None, "b": OTHER})])
    ledger.rolled_back(3, to=1)
    assert ledger.versions[3].frames == ledger.now == {"a": FRAME}
    assert ledger.versions[2].frames == {"b": OTHER}


def test_what_is_sent_after_a_roll_back_changes_what_that_brought_back() -> None:
    ledger = Ledger()
    ledger.settled([(1, {"a": FRAME})])
    ledger.settled([(2, {"a": None})])
    ledger.rolled_back(3, to=1)
    ledger.settled([(4, {"b": OTHER})])
    assert ledger.versions[4].frames == {"a": FRAME, "b": OTHER}


def test_what_a_version_with_uploads_in_flight_brings_back_is_not_known() -> None:
    ledger = Ledger()
    ledger.settled([(2, {"a": FRAME}), (1, {"b": OTHER})])
    with pytest.raises(ValueError, match="version 1"):
        ledger.rolled_back(3, to=1)


NONE = {"added": 0, "removed": 0, "modified": 0}


def test_equal_versions_have_no_totals() -> None:
    assert totals({"a": FRAME}, {"a": copy.deepcopy(FRAME)}) == {"frames": NONE, "labels": NONE, "classes": {}}


def test_frames_that_come_and_go_take_their_labels_with_them() -> None:
    assert totals({"a": FRAME}, {"b": OTHER}) == {
        "frames": NONE | {"added": 1, "removed": 1},
        "labels": NONE | {"removed": 1},
        "classes": {"7": NONE | {"removed": 1}},
    }


def test_a_label_that_changes_its_class_leaves_one_and_comes_to_the_other() -> None:
    relabelled = FRAME | {"labels": [{"id": "digit", "class": "1"}]}
    assert totals({"a": FRAME}, {"a": relabelled}) == {
        "frames": NONE | {"modified": 1},
        "labels": NONE | {"modified": 1},
        "classes": {"7": NONE | {"removed": 1}, "1": NONE | {"added": 1}},
    }


def test_a_label_that_keeps_its_class_is_modified_in_it() -> None:
    moved = FRAME | {"labels": [{"id": "digit", "class": "7", "left": 1}]}
    assert totals({"a": FRAME}, {"a": moved})["classes"] == {"7": NONE | {"modified": 1}}


def test_a_frame_that_changes_beside_its_labels_changes_no_label() -> None:
    counted = totals({"a": FRAME}, {"a": FRAME | {"metadata": {}}})
    assert counted == {"frames": NONE | {"modified": 1}, "labels": NONE, "classes": {}}
