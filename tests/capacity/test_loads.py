"""Loads of a smaller size than in the tables: what they come to, that they replay, and that planted defects show."""

from dataclasses import replace

import pytest

from tests.capacity.clock import Clock, Process
from tests.capacity.design import AFTER, BEFORE, IMPATIENT, PUBLISH_BY_WINDOW, RECURSION_FORBIDDEN, Design, Waits
from tests.capacity.figures import Figures, figures
from tests.capacity.limits import Limits
from tests.capacity.scenarios import FRESH, SMALL_ACCOUNT, WARM, clone, load_and_send, load_files, send_rows
from tests.capacity.service import FEW_CALLS, MANY_CALLS


def files(design: Design, limits: Limits, *datasets: int, rows: int, seed: int = 1) -> Figures:
    return figures(load_files(design, limits, datasets=datasets, rows=rows, seed=seed))


def test_a_load_replays_by_its_seed_and_differs_by_another() -> None:
    first, again, other = (files(AFTER, FRESH, 16, rows=4_000, seed=seed) for seed in (7, 7, 8))
    assert first == again
    assert first != other


@pytest.mark.parametrize("shards", [16, 64])
def test_a_fresh_table_is_used_and_no_row_is_lost(shards: int) -> None:
    found = files(AFTER, FRESH, shards, rows=40_000)
    assert found.loses_nothing
    assert found.longest_wait < 180
    assert found.used is not None
    assert found.used > 0.82  # a short load; the tables show a long one


def test_six_datasets_share_a_fresh_table() -> None:
    found = files(AFTER, FRESH, *[16] * 6, rows=8_000)
    assert found.loses_nothing
    assert found.longest_wait < 180


@pytest.mark.parametrize(("shards", "rows_per_second"), [(16, 7_000), (64, 20_000)])
def test_a_warm_table_makes_a_dataset_faster_by_its_shards(shards: int, rows_per_second: float) -> None:
    found = files(AFTER, WARM, shards, rows=100_000)
    assert found.loses_nothing
    assert found.rows_per_second > rows_per_second


def test_a_clone_reaches_its_end() -> None:
    found = figures(clone(AFTER, FRESH, frames=500_000))
    assert found.loses_nothing
    assert (found.failed_for_conflicts, found.longest_wait < 180) == (0, True)


def test_requests_of_one_row_are_accepted_or_refused_but_never_fail() -> None:
    found = figures(send_rows(AFTER, FRESH, minutes=2))
    assert found.loses_nothing
    assert (found.unavailable, found.accepted > 5_000) == (0, True)


def test_an_account_with_ten_executions_loses_nothing() -> None:
    found = figures(load_and_send(AFTER, SMALL_ACCOUNT, rows=10_000))
    assert found.loses_nothing


def test_a_deployment_sized_for_ten_executions_has_fewer_calls_refused() -> None:
    free, sized = (
        figures(load_and_send(AFTER, SMALL_ACCOUNT, rows=20_000, calls=calls)) for calls in (MANY_CALLS, FEW_CALLS)
    )
    assert sized.loses_nothing
    assert sized.stalls < free.stalls / 2


def test_before_files_are_dropped_after_sixteen_pauses() -> None:
    assert files(BEFORE, FRESH, 16, rows=40_000).dropped_files > 0


def test_if_every_window_of_small_chunks_is_published_more_shards_make_a_dataset_slower() -> None:
    by_window = replace(PUBLISH_BY_WINDOW, rows_per_shard=None)
    few, many = (files(by_window, WARM, shards, rows=15_000) for shards in (16, 64))
    assert many.binds.startswith("publish")
    assert many.rows_per_second < few.rows_per_second / 2


def test_planted_if_recursion_is_forbidden_a_load_stands_still_until_the_sweep() -> None:
    found = files(RECURSION_FORBIDDEN, FRESH, 16, rows=100_000)
    assert found.rows_per_second < files(AFTER, FRESH, 16, rows=100_000).rows_per_second * 0.8


def test_planted_if_conflicts_are_repeated_for_a_second_pages_of_a_clone_fail() -> None:
    assert figures(clone(IMPATIENT, WARM, frames=1_000_000)).failed_for_conflicts > 0


def test_planted_if_every_window_is_published_publish_binds() -> None:
    found = files(PUBLISH_BY_WINDOW, WARM, 64, rows=40_000)
    assert found.binds.startswith("publish")
    assert found.rows_per_second < 20_000


def test_postponed_windows_that_wait_ever_longer_wait_too_long() -> None:
    patient = replace(AFTER, postponement=Waits(20, 2, 600))
    grown, shrinking = (files(design, FRESH, 64, rows=40_000).longest_wait for design in (patient, AFTER))
    assert grown > 1.5 * shrinking


def test_processes_side_by_side_end_with_the_last_one() -> None:
    clock = Clock()
    ended: list[float] = []
    clock.start(clock.together(iter_for(seconds) for seconds in (1.0, 3.0, 2.0)), lambda: ended.append(clock.now))
    clock.run(10)
    assert ended == [3.0]


def iter_for(seconds: float) -> Process[None]:
    yield seconds
