"""How sequential round trips are counted."""

from tests.bench.round_trips import Interval, longest_chain


def test_a_call_without_requests_makes_no_round_trip() -> None:
    assert longest_chain([]) == 0


def test_requests_one_after_the_other_count_each() -> None:
    assert longest_chain([Interval(0, 1), Interval(1, 2), Interval(2.5, 3)]) == 3


def test_requests_side_by_side_count_once() -> None:
    assert longest_chain([Interval(0, 1), Interval(0.1, 1.2), Interval(0.2, 0.9)]) == 1


def test_a_chain_beside_a_slow_request_counts_its_own_requests() -> None:
    assert longest_chain([Interval(0, 5), Interval(0, 1), Interval(1.5, 2), Interval(6, 7)]) == 3
