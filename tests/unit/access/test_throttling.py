"""Counting a key's requests: none is refused below the limit, and few are accepted above it."""

from collections.abc import Callable
from itertools import cycle, islice

from hypothesis import given, settings
from hypothesis import strategies as st

from tidemark.access.throttling import MAX_KEY_REQUESTS, REPORT_EVERY, Meter


class Shared:
    """The shared count. Adding to it may fail, before or after counting."""

    def __init__(self) -> None:
        self.count = 0
        self.writes = 0

    def add(self, count: int) -> int:
        """Adds to the count and returns it."""
        self.count += count
        self.writes += 1
        return self.count


def accepted(requests: list[int], processes: int, add: Callable[[int], int | None]) -> list[bool]:
    """Returns whether each request was accepted. A request is given by the process that receives it."""
    meters = [Meter() for _ in range(processes)]
    return [meters[process].accepts(add) for process in requests]


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[int, list[int]]:
    """More requests than the limit, spread over some processes."""
    processes = draw(st.integers(1, 40))
    pattern = draw(st.lists(st.integers(0, processes - 1), min_size=1, max_size=60))
    return processes, list(islice(cycle(pattern), draw(st.integers(MAX_KEY_REQUESTS, 2 * MAX_KEY_REQUESTS))))


@settings(max_examples=15)
@given(arrivals())
def test_nothing_is_refused_before_the_limit_is_reached(arriving: tuple[int, list[int]]) -> None:
    processes, requests = arriving
    assert all(accepted(requests, processes, Shared().add)[:MAX_KEY_REQUESTS])


@settings(max_examples=15)
@given(arrivals())
def test_less_than_ten_requests_a_process_are_taken_above_the_limit(arriving: tuple[int, list[int]]) -> None:
    processes, requests = arriving
    assert sum(accepted(requests, processes, Shared().add)) <= MAX_KEY_REQUESTS + processes * (REPORT_EVERY - 1)


@settings(max_examples=15)
@given(arrivals(), st.randoms(use_true_random=False))
def test_nothing_is_refused_below_the_limit_where_counting_fails_at_times(
    arriving: tuple[int, list[int]], random: object
) -> None:
    processes, requests = arriving
    shared = Shared()

    def add(count: int) -> int | None:
        counts, responds = random.random() < 0.7, random.random() < 0.7  # type: ignore[attr-defined]
        total = shared.add(count) if counts else None
        return total if responds else None

    assert all(accepted(requests, processes, add)[:MAX_KEY_REQUESTS])


def test_a_process_that_cannot_count_with_others_counts_by_itself() -> None:
    assert sum(accepted([0] * 2 * MAX_KEY_REQUESTS, 1, lambda _: None)) == MAX_KEY_REQUESTS


def test_a_key_that_is_used_rarely_is_told_of_to_nobody() -> None:
    shared = Shared()
    accepted([0] * (REPORT_EVERY - 1), 1, shared.add)
    assert shared.writes == 0


def test_a_key_that_is_refused_costs_no_more_writes() -> None:
    shared = Shared()
    accepted([0] * 5 * MAX_KEY_REQUESTS, 1, shared.add)
    assert shared.writes == MAX_KEY_REQUESTS // REPORT_EVERY
