"""The demo finds what differs from what it expects: were it blind, its success would say nothing."""

import copy
from typing import Any

import pytest

from examples.digits.ledger import Expected, Ledger, differences

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
