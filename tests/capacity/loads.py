"""The loads of the tables, by name: what is simulated, under which limits."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tests.capacity.design import Design
from tests.capacity.figures import Figures, figures
from tests.capacity.limits import Limits
from tests.capacity.scenarios import (
    FRESH,
    SMALL_ACCOUNT,
    WARM,
    Run,
    clone,
    load_and_send,
    load_files,
    send_rows,
    with_table,
)
from tests.capacity.service import FEW_CALLS


class Load(NamedTuple):
    """A load: its name in the tables, and the function that simulates it."""

    name: str
    simulate: Callable[[Design], Run]


class Job(NamedTuple):
    """A load under a design."""

    load: Load
    design: Design


def _files(name: str, limits: Limits, *datasets: int, rows: int = 200_000) -> Load:
    return Load(name, partial(load_files, limits=limits, datasets=datasets, rows=rows))


FRESH_16 = _files("20 files x 200,000 rows, 16 shards, fresh table", FRESH, 16)
FRESH_64 = _files("20 files x 200,000 rows, 64 shards, fresh table", FRESH, 64)
FRESH_SIX = _files("6 datasets of 16 shards, 20 files x 50,000 rows each, fresh table", FRESH, *[16] * 6, rows=50_000)
WARM_16 = _files("20 files x 200,000 rows, 16 shards, warm table", WARM, 16)
WARM_64 = _files("20 files x 200,000 rows, 64 shards, warm table", WARM, 64)
CLONE_FRESH = Load("clone of 5,000,000 frames, 16 shards, fresh table", partial(clone, limits=FRESH))
CLONE_WARM = Load("clone of 5,000,000 frames, 16 shards, warm table", partial(clone, limits=WARM))
ONE_ROW = Load("one-row requests of 200 clients for half an hour", partial(send_rows, limits=FRESH))
SMALL = Load("20 files x 50,000 rows and 5 clients, 10 executions", partial(load_and_send, limits=SMALL_ACCOUNT))
SMALL_SIZED = Load(
    "the same, deployed with `concurrency=10`", partial(load_and_send, limits=SMALL_ACCOUNT, calls=FEW_CALLS)
)
"""Only the design after has this setting."""

COMPARED = (FRESH_16, FRESH_64, FRESH_SIX, WARM_16, WARM_64, CLONE_FRESH, CLONE_WARM, ONE_ROW, SMALL)
"""Loads that are simulated with the design before and after."""

QUOTA = _files("each shard on its own partition, table quota 40,000", with_table(WARM, table_write_units=40_000), 64)
OTHERWISE = (
    _files("a cancelled transaction consumes nothing", with_table(FRESH, cancelled_share=0.0), 64),
    _files("it consumes all that was left, up to half of its units", with_table(FRESH, cancelled_share=1.0), 64),
    _files("a partition keeps 300 s of unused capacity", with_table(FRESH, burst_seconds=300), 64),
    _files("shards are placed at random", with_table(FRESH, even=False), 64),
    _files("at random, hot partitions split after 5 minutes", with_table(FRESH, even=False, split_after=300), 64),
    _files("pre-warmed to 16,000 units, placed at random, 16 shards", with_table(FRESH, partitions=16, even=False), 16),
    _files(
        "pre-warmed to 40,000 units, placed at random",
        with_table(FRESH, partitions=40, even=False, table_write_units=40_000),
        64,
    ),
    QUOTA,
)
"""What AWS might do otherwise, under 20 files x 200,000 rows."""


def run(job: Job) -> Figures:
    """Simulates a load."""
    return figures(job.load.simulate(job.design))
