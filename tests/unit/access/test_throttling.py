"""Counting the requests of a key: none is refused below the limit, and few are taken above it."""

from collections.abc import Callable
from itertools import cycle, islice

from hypothesis import given, settings
from hypothesis import strategies as st

from tidemark.access.throttling import TOLD_AT_ONCE, Meter
from tidemark.domain.limits import MAX_KEY_REQUESTS


class Shared:
    """The count that all processes share; it may fail to answer, having counted or not."""

    def __init__(self) -> None:
        self.count = 0
        self.tells = 0

    def tell(self, count: int) -> int:
        """Count, and answer."""
        self.count += count
        self.tells += 1
        return self.count


def taken(requests: list[int], processes: int, tell: Callable[[int], int | None]) -> list[bool]:
    """Whether each request was taken, of which each is given by the process that it comes to."""
    meters = [Meter() for _ in range(processes)]
    return [meters[process].takes(tell) for process in requests]


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[int, list[int]]:
    """More requests than may be, and how they fall on some processes."""
    processes = draw(st.integers(1, 40))
    pattern = draw(st.lists(st.integers(0, processes - 1), min_size=1, max_size=60))
    return processes, list(islice(cycle(pattern), draw(st.integers(MAX_KEY_REQUESTS, 2 * MAX_KEY_REQUESTS))))


@settings(max_examples=15)
@given(arrivals())
def test_nothing_is_refused_before_the_limit_is_reached(arriving: tuple[int, list[int]]) -> None:
    processes, requests = arriving
    assert all(taken(requests, processes, Shared().tell)[:MAX_KEY_REQUESTS])


@settings(max_examples=15)
@given(arrivals())
def test_less_than_ten_requests_a_process_are_taken_above_the_limit(arriving: tuple[int, list[int]]) -> None:
    processes, requests = arriving
    assert sum(taken(requests, processes, Shared().tell)) <= MAX_KEY_REQUESTS + processes * (TOLD_AT_ONCE - 1)


@settings(max_examples=15)
@given(arrivals(), st.randoms(use_true_random=False))
def test_nothing_is_refused_below_the_limit_where_counting_fails_at_times(
    arriving: tuple[int, list[int]], random: object
) -> None:
    processes, requests = arriving
    shared = Shared()

    def tell(count: int) -> int | None:
        counts, answers = random.random() < 0.7, random.random() < 0.7  # type: ignore[attr-defined]
        found = shared.tell(count) if counts else None
        return found if answers else None

    assert all(taken(requests, processes, tell)[:MAX_KEY_REQUESTS])


def test_a_process_that_cannot_count_with_others_counts_by_itself() -> None:
    assert sum(taken([0] * 2 * MAX_KEY_REQUESTS, 1, lambda _: None)) == MAX_KEY_REQUESTS


def test_a_key_that_is_used_rarely_is_told_of_to_nobody() -> None:
    shared = Shared()
    taken([0] * (TOLD_AT_ONCE - 1), 1, shared.tell)
    assert shared.tells == 0


def test_a_key_that_is_refused_costs_no_more_writes() -> None:
    shared = Shared()
    taken([0] * 5 * MAX_KEY_REQUESTS, 1, shared.tell)
    assert shared.tells == MAX_KEY_REQUESTS // TOLD_AT_ONCE
