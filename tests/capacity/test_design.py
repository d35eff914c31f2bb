"""The design that is simulated has the figures of the code."""

import random
from statistics import mean

import pytest

from infra import capacity
from tests.capacity.design import AFTER, Waits
from tests.capacity.intake import COUNT_SECONDS, WORK_SECONDS
from tests.capacity.service import FEW_CALLS, MANY_CALLS, Calls
from tidemark.aws import deliveries, table
from tidemark.aws.deliveries import Pace
from tidemark.ingest import backpressure, file_reader
from tidemark.transfers import workflow


@pytest.mark.parametrize(
    ("pace", "waits"),
    [
        (deliveries.WINDOWS_PACE, AFTER.postponement),
        (deliveries.SETTLED_PACE, AFTER.publish_postponement),
        (deliveries.FILES_PACE, AFTER.publish_postponement),
    ],
)
def test_messages_are_postponed_as_in_the_code(pace: Pace, waits: Waits) -> None:
    chance = random.Random(1)
    for receives in range(1, deliveries.OUTAGE_RECEIVES):
        simulated = mean(waits.seconds(receives, chance) for _ in range(2000))
        assert mean(deliveries.wait_seconds(pace, receives) for _ in range(2000)) == pytest.approx(simulated, rel=0.05)


@pytest.mark.parametrize(("concurrency", "calls"), [(1000, MANY_CALLS), (10, FEW_CALLS)])
def test_queues_make_as_many_calls_as_in_the_template(concurrency: int, calls: Calls) -> None:
    planned = capacity.from_context({capacity.CONCURRENCY: concurrency}.get)
    assert calls == (planned.apply_calls, planned.publish_calls, planned.intake_calls)


def test_throttled_windows_are_tried_as_in_the_code() -> None:
    waits = AFTER.throttle_wait
    assert AFTER.tries == len(table.LARGE_WAITS) + 1
    assert (waits.first, min(waits.most, waits.first * waits.growth)) == table.LARGE_WAITS
    assert waits.least_share == 0.5


def test_files_are_read_as_in_the_code() -> None:
    assert AFTER.rows_per_shard == file_reader.SHARD_ROWS
    assert AFTER.pause == (file_reader.READ_PAUSE.total_seconds(),) * 2
    assert AFTER.file_quota == backpressure.FILE_QUOTA.rows == 50 * backpressure.FILE_QUOTA.windows
    assert backpressure.COUNT_TTL.total_seconds() == COUNT_SECONDS


def test_clones_are_read_as_in_the_code() -> None:
    assert AFTER.page_rows == workflow.MAX_CHUNK_ROWS
    assert WORK_SECONDS == 300 - 60
